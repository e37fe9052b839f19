// Package agent runs Cilium's reader, unmodified, as a node's agent in the mode
// that the proposal calls ClusterMesh: identities, endpoints and nodes are read
// from a replica of the ClusterMesh API server as if the own cluster were a
// remote one (pkg/clustermesh on pkg/clustermesh/common), with the real identity
// cache and the real ipcache.
//
// What is not Cilium's: discovery of a replica is the world's Service (Config.Dial),
// and what would be the policy engine, the BPF map and the node manager are the
// View and the Datapath, which record what reaches them.
package agent

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/cilium/hive/cell"
	"google.golang.org/grpc"

	"github.com/cilium/cilium/pkg/backoff"
	"github.com/cilium/cilium/pkg/clustermesh"
	"github.com/cilium/cilium/pkg/clustermesh/common"
	serviceStore "github.com/cilium/cilium/pkg/clustermesh/store"
	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/clustermesh/wait"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/cache"
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/kvstore"
	"github.com/cilium/cilium/pkg/kvstore/store"
	"github.com/cilium/cilium/pkg/option"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Config says which agent to run.
type Config struct {
	Host       string // the actor of its records
	Cluster    string // name of the cluster that it reads
	ClusterID  int    // and its ID, 1 to 255
	ConfigPath string // etcd client configuration that names the Service
	Nodes      int    // size of the cluster, on which Cilium's intervals depend
	QPS        int    // etcd.qps

	// Dial connects with the replica that the Service gives this agent.
	Dial proc.Dialer
	// Source returns the replica and the store of its etcd that the agent is
	// connected with at this instant, for the records of its view.
	Source func() (replica, store string)
	Record func(history.Record) // fills in At
	Log    *slog.Logger
}

// Host is a node's agent, over its restarts, and its datapath.
type Host struct {
	cfg         Config
	datapath    *Datapath
	incarnation int
	agent       *agent // nil while it is down
}

// agent is one incarnation.
type agent struct {
	process    proc.Process
	view       *View
	mesh       *clustermesh.ClusterMesh
	lifecycle  *hooks
	identities *cache.CachingIdentityAllocator
	ipcache    *ipcache.IPCache
	cancel     context.CancelFunc
}

// ownClusterName is the name of the agent's own cluster as Cilium's packages see
// it: not that of the cluster that is read, since Cilium refuses its own as a
// remote. The ID differs likewise.
const ownClusterName = "meshcheck-agent"

func (c Config) ownClusterID() uint32 {
	if c.ClusterID == 255 {
		return 254
	}
	return 255
}

// Setup prepares the process's global state for agents. Call it once, before the
// first agent starts.
func Setup() {
	option.Config.IdentityAllocationMode = option.IdentityAllocationModeKVstore
	option.Config.AllocatorListTimeout = 3 * time.Minute // the default of allocator-list-timeout
	identity.InitWellKnownIdentities("kube-system", cmtypes.ClusterInfo{Name: ownClusterName})
}

// NewHost returns a host whose agent is down.
func NewHost(cfg Config) *Host {
	h := &Host{cfg: cfg}
	h.datapath = newDatapath(h.recordEntry)
	return h
}

func (h *Host) recordEntry(verb history.Verb, kind, key, value string) {
	r := history.Record{Actor: h.cfg.Host, Verb: verb, Kind: kind, Key: key, Value: value, Inc: h.incarnation}
	r.Peer, r.Store = h.cfg.Source()
	h.cfg.Record(r)
}

// Start starts a new incarnation of the agent.
func (h *Host) Start() error {
	h.incarnation++
	h.cfg.Record(history.Record{Actor: h.cfg.Host, Verb: history.Up, Kind: "agent", Inc: h.incarnation})
	ctx, cancel := context.WithCancel(context.Background())
	a := &agent{lifecycle: &hooks{}, cancel: cancel}
	a.view = newView(h.recordEntry)
	var err error
	if a.identities, err = newIdentityCache(h.cfg.Log, a.view); err != nil {
		return err
	}
	a.ipcache = ipcache.NewIPCache(&ipcache.Configuration{Context: ctx, Logger: h.cfg.Log, IdentityAllocator: a.identities})
	h.datapath.recreate()
	a.ipcache.AddListener(endpoints{a.view, h.datapath})
	a.mesh = clustermesh.NewClusterMesh(a.lifecycle, h.meshConfiguration(a))
	cilium.AddRemoteCluster(a.lifecycle.list[0], h.cfg.Cluster, h.cfg.ConfigPath)
	h.agent = a
	go h.regenerate(ctx, a)
	return nil
}

func (h *Host) meshConfiguration(a *agent) clustermesh.Configuration {
	factory := store.NewFactory(h.cfg.Log, store.MetricsProvider())
	return clustermesh.Configuration{
		Config:                common.Config{ClusterMeshConfig: "clustermesh"},
		TimeoutConfig:         wait.TimeoutConfigDefault,
		ClusterInfo:           cmtypes.ClusterInfo{ID: h.cfg.ownClusterID(), Name: ownClusterName, MaxConnectedClusters: cmtypes.ClusterIDMax},
		RemoteClientFactory:   h.clientFactory(a),
		NodeObserver:          nodes{a.view},
		RemoteIdentityWatcher: a.identities,
		IPCache:               a.ipcache,
		ServiceMerger:         noServices{},
		ClusterIDsManager:     clustermesh.NewClusterMeshUsedIDs(h.cfg.ownClusterID()),
		Metrics:               clustermesh.NewMetrics(),
		CommonMetrics:         common.MetricsProvider("clustermesh")(),
		StoreFactory:          factory,
		FeatureMetrics:        noFeatureMetrics{},
		Logger:                h.cfg.Log,
		ClusterSizeDependantInterval: func(base time.Duration) time.Duration {
			return backoff.ClusterSizeDependantInterval(base, h.cfg.Nodes)
		},
	}
}

// clientFactory is Cilium's default factory (pkg/clustermesh/common/factory.go)
// with the world's dialer behind Cilium's own dial options: the last one counts.
func (h *Host) clientFactory(a *agent) common.RemoteClientFactoryFn {
	dialer := grpc.WithContextDialer(a.process.Dial(h.cfg.Dial))
	return func(ctx context.Context, log *slog.Logger, cfgPath string, extra kvstore.ExtraOptions) (kvstore.BackendOperations, chan error) {
		extra.DialOption = append(slices.Clone(extra.DialOption), dialer)
		return kvstore.NewClient(ctx, log, kvstore.EtcdBackendName, map[string]string{
			kvstore.EtcdOptionConfig:    cfgPath,
			kvstore.EtcdRateLimitOption: strconv.Itoa(h.cfg.QPS),
		}, extra)
	}
}

// regenerate switches the datapath to the new ipcache map when the agent's
// regeneration fence opens: when the initial lists are complete, or when waiting
// for them has timed out.
func (h *Host) regenerate(ctx context.Context, a *agent) {
	if err := a.mesh.IPIdentitiesSynced(ctx); err != nil || ctx.Err() != nil {
		return
	}
	clusters := a.mesh.Status().Clusters
	if len(clusters) == 0 {
		return // the agent is about to stop and has let go of the cluster
	}
	r := history.Record{Actor: h.cfg.Host, Verb: history.Synced, Kind: history.Endpoint, Inc: h.incarnation, Value: "synced"}
	if s := clusters[0].Synced; !s.Identities || !s.Endpoints || !s.Nodes {
		r.Value = "timeout"
	}
	h.cfg.Record(r)
	h.datapath.regenerate()
}

// Stop ends the agent's process as the kubelet does: its hooks are stopped while
// its connections live, and when they are done or the grace is over, it is killed.
// It returns when the process has ended. The chart's grace for the agent
// (terminationGracePeriodSeconds) is DefaultGrace.
func (h *Host) Stop(grace time.Duration) {
	a := h.agent
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		a.stopHooks()
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-stopped:
	case <-timer.C:
	}
	h.end(func() { <-stopped })
}

// DefaultGrace is the termination grace period of the chart.
const DefaultGrace = time.Second

// Kill ends the agent's process as a crash does: from this instant on it has no
// connections and nothing it does is seen.
func (h *Host) Kill() { h.end(h.agent.stopHooks) }

// end ends the agent's process. The goroutines of the code under test are wound
// down in the background, as there is no way to end them at once: stopHooks
// returns when the hooks have stopped.
func (h *Host) end(stopHooks func()) {
	a := h.agent
	h.agent = nil
	a.process.Kill()
	a.view.close()
	a.cancel()
	h.cfg.Record(history.Record{Actor: h.cfg.Host, Verb: history.Down, Kind: "agent", Inc: h.incarnation})
	go func() {
		stopHooks()
		a.ipcache.Shutdown()
		a.identities.Close()
	}()
}

// stopHooks stops what the agent has started, the last first.
func (a *agent) stopHooks() {
	for _, hook := range slices.Backward(a.lifecycle.list) {
		hook.Stop(context.Background())
	}
}

// SlowReads lets the agent's process read only that many bytes per second from its
// connections, as one that is short of CPU: what the etcd sends it backs up there
// (see proc.Process.SlowReads). It ends with the process, or when lift is called.
func (h *Host) SlowReads(bytesPerSecond int) (lift func()) {
	return h.agent.process.SlowReads(bytesPerSecond)
}

// Running reports whether the agent is up.
func (h *Host) Running() bool { return h.agent != nil }

// View returns the view of the running agent.
func (h *Host) View() *View { return h.agent.view }

// hooks is a lifecycle that keeps what is appended to it and starts nothing.
type hooks struct{ list []cell.HookInterface }

func (h *hooks) Append(hook cell.HookInterface)            { h.list = append(h.list, hook) }
func (h *hooks) Start(*slog.Logger, context.Context) error { return nil }
func (h *hooks) Stop(*slog.Logger, context.Context) error  { return nil }
func (h *hooks) PrintHooks(io.Writer)                      {}

// noServices ignores services: in the proposal they are not read from the mesh.
type noServices struct{}

func (noServices) MergeExternalServiceUpdate(*serviceStore.ClusterService) {}
func (noServices) MergeExternalServiceDelete(*serviceStore.ClusterService) {}

type noFeatureMetrics struct{}

func (noFeatureMetrics) AddClusterMeshConfig(string, string) {}
func (noFeatureMetrics) DelClusterMeshConfig(string, string) {}
