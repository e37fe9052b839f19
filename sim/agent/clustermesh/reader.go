// Package clustermesh is an agent's source in the mode that the proposal calls
// ClusterMesh: identities, endpoints and nodes are read from a replica of the
// ClusterMesh API server as if the own cluster were a remote one (pkg/clustermesh
// on pkg/clustermesh/common), with the real identity cache and the real ipcache.
//
// What is not Cilium's: discovery of a replica is the world's Service (Config.Dial).
package clustermesh

import (
	"context"
	"errors"
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
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/kvstore"
	"github.com/cilium/cilium/pkg/kvstore/store"
	"github.com/cilium/cilium/pkg/option"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/kvclient"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Config says what to read.
type Config struct {
	Cluster    string // name of the cluster that is read
	ClusterID  int    // and its ID, 1 to cmtypes.ClusterIDMax
	SharesID   bool   // the agent's own cluster has this ID as well, which Cilium refuses
	ConfigPath string // etcd client configuration that names the Service
	Nodes      int    // size of the cluster, on which Cilium's intervals depend
	QPS        int    // etcd.qps

	// Dial connects with the replica that the Service gives this agent.
	Dial proc.Dialer
	// Store returns the store that a replica's etcd has at this instant, as the history
	// names it, or "" while it has none.
	Store func(replica string) string
	// Shares is whether another reader has the identity cache and the ipcache with this one:
	// see Reader.Shared.
	Shares bool
	Log    *slog.Logger
}

// Reader is the source.
type Reader struct {
	cfg         Config
	connections *agent.Connections
	shared      *agent.Shared
	process     *proc.Process
	mesh        *clustermesh.ClusterMesh
	lifecycle   *hooks
	identities  *agent.IdentityCache
	ipcache     *ipcache.IPCache

	learning *kvclient.Learning
}

// New returns a source of one incarnation of an agent.
func New(cfg Config) *Reader {
	return &Reader{cfg: cfg, lifecycle: &hooks{}, learning: kvclient.NewLearning(), connections: agent.NewConnections(mode.ClusterMesh, cfg.Store)}
}

// Connected reports whether the reader has a connection with an etcd, as far as it knows.
func (r *Reader) Connected() bool { return r.connections.Open() > 0 }

// Ready reports whether Cilium has the etcd that it is connected with for a source, of which
// it has the lists of identities, endpoints and nodes, and watches them. What Cilium says of it
// is not enough: it goes on to say so while its client looks for another etcd, and until that
// one has answered.
func (r *Reader) Ready() bool {
	clusters := r.mesh.Status().Clusters
	store := r.connections.Answered()
	return len(clusters) > 0 && clusters[0].Ready && store != "" && store == r.Listed().Store
}

// Listed returns the origin of the last complete list of endpoints; none before it.
func (r *Reader) Listed() history.Origin { return r.learning.Latest() }

// Shared returns what another reader is to have with this one, which has started.
func (r *Reader) Shared() *agent.Shared { return r.shared }

// ownClusterName is the name of the agent's own cluster as Cilium's packages see
// it: not that of the cluster that is read, since Cilium refuses its own as a
// remote. The ID differs likewise.
const ownClusterName = "meshcheck-agent"

func (c Config) ownClusterID() uint32 {
	switch {
	case c.SharesID:
		return uint32(c.ClusterID)
	case c.ClusterID == 255:
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

// Start implements agent.Source.
func (r *Reader) Start(ctx context.Context, process *proc.Process, into agent.Sink) error {
	r.process = process
	backend, err := noIdentities(r.cfg.Log, agent.NodeSuffix)
	if err != nil {
		return err
	}
	if r.identities, err = agent.NewIdentityCache(r.cfg.Log, into, backend, r.learning.IdentityLearned); err != nil {
		return err
	}
	r.learning.Feed(r.identities)
	r.ipcache = ipcache.NewIPCache(&ipcache.Configuration{Context: ctx, Logger: r.cfg.Log, IdentityAllocator: r.identities})
	var ips ipcache.IPCacher = r.ipcache
	if told := r.learning.Now(history.Endpoint); r.cfg.Shares {
		r.shared = agent.NewShared(r.identities, r.ipcache, into)
		ips = r.shared.IPCache(told)
	} else {
		r.ipcache.AddListener(into.Endpoints(told))
	}
	r.mesh = clustermesh.NewClusterMesh(r.lifecycle, r.configuration(into, ips))
	cilium.AddRemoteCluster(r.lifecycle.list[0], r.cfg.Cluster, r.cfg.ConfigPath)
	return nil
}

func (r *Reader) configuration(into agent.Sink, ips ipcache.IPCacher) clustermesh.Configuration {
	factory := store.NewFactory(r.cfg.Log, store.MetricsProvider())
	return clustermesh.Configuration{
		Config:                common.Config{ClusterMeshConfig: "clustermesh"},
		TimeoutConfig:         wait.TimeoutConfigDefault,
		ClusterInfo:           cmtypes.ClusterInfo{ID: r.cfg.ownClusterID(), Name: ownClusterName, MaxConnectedClusters: cmtypes.ClusterIDMax},
		RemoteClientFactory:   r.clientFactory(),
		NodeObserver:          into.Nodes(r.learning.Now(history.Node)),
		RemoteIdentityWatcher: r.identities,
		IPCache:               ips,
		ServiceMerger:         noServices{},
		ClusterIDsManager:     clustermesh.NewClusterMeshUsedIDs(r.cfg.ownClusterID()),
		Metrics:               clustermesh.NewMetrics(),
		CommonMetrics:         common.MetricsProvider("clustermesh")(),
		StoreFactory:          factory,
		FeatureMetrics:        noFeatureMetrics{},
		Logger:                r.cfg.Log,
		ClusterSizeDependantInterval: func(base time.Duration) time.Duration {
			return backoff.ClusterSizeDependantInterval(base, r.cfg.Nodes)
		},
	}
}

// clientFactory is Cilium's default factory (pkg/clustermesh/common/factory.go)
// with the world's dialer behind Cilium's own dial options: the last one counts.
func (r *Reader) clientFactory() common.RemoteClientFactoryFn {
	dialer := grpc.WithContextDialer(proc.EtcdSocket.Dialer(r.connections.Dial(r.process.Dial(r.cfg.Dial))))
	return func(ctx context.Context, log *slog.Logger, cfgPath string, extra kvstore.ExtraOptions) (kvstore.BackendOperations, chan error) {
		follower := r.learning.Follow(r.connections)
		extra.DialOption = append(slices.Clone(extra.DialOption), append(follower.DialOptions(), dialer)...)
		client, errors := kvstore.NewClient(ctx, log, kvstore.EtcdBackendName, map[string]string{
			kvstore.EtcdOptionConfig:    cfgPath,
			kvstore.EtcdRateLimitOption: strconv.Itoa(r.cfg.QPS),
		}, extra)
		if client == nil {
			return nil, errors
		}
		return follower.Client(client), errors
	}
}

// errStopping is that the agent is about to stop and has let go of the cluster.
var errStopping = errors.New("the source has let go of the cluster")

// Synced implements agent.Source. It gives up after clustermesh-sync-timeout.
func (r *Reader) Synced(ctx context.Context) (agent.Lists, error) {
	if err := r.mesh.IPIdentitiesSynced(ctx); err != nil {
		return agent.Lists{}, err
	}
	if ctx.Err() != nil {
		return agent.Lists{}, ctx.Err()
	}
	clusters := r.mesh.Status().Clusters
	if len(clusters) == 0 {
		return agent.Lists{}, errStopping
	}
	s := clusters[0].Synced
	return agent.Lists{Complete: s.Identities && s.Endpoints && s.Nodes, Endpoints: r.learning.Endpoints()}, nil
}

// Stop implements agent.Source: it stops what was started, the last first.
func (r *Reader) Stop() {
	for _, hook := range slices.Backward(r.lifecycle.list) {
		hook.Stop(context.Background())
	}
}

// Close implements agent.Source.
func (r *Reader) Close() {
	r.ipcache.Shutdown()
	r.identities.Close()
}

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
