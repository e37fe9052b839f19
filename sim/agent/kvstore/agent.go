// Package kvstore is an agent's source in the mode in which agents share an external,
// persistent etcd, and with it what such an agent writes there. It reads identities,
// endpoints and nodes as cilium-agent does (pkg/kvstore/allocator under
// pkg/identity/cache, ipcache.LocalIPIdentityWatcher, and the node observer of
// pkg/node/store), and writes the identities and addresses of its host's endpoints and
// its node (the same allocator, ipcache.IPIdentitySynchronizer, and the node registrar).
//
// What is not Cilium's: an endpoint (pkg/endpoint needs a datapath) is here what it does
// with an identity and an address, and the locks of identities are the agent's own where
// Cilium's are one map of the whole process. Both say what they follow.
package kvstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/hive/cell"
	"github.com/cilium/hive/job"
	"google.golang.org/grpc"

	"github.com/cilium/cilium/pkg/backoff"
	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/controller"
	"github.com/cilium/cilium/pkg/defaults"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/cache"
	"github.com/cilium/cilium/pkg/identity/key"
	ipamOption "github.com/cilium/cilium/pkg/ipam/option"
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/kvstore"
	kvstoreallocator "github.com/cilium/cilium/pkg/kvstore/allocator"
	"github.com/cilium/cilium/pkg/kvstore/store"
	nodestore "github.com/cilium/cilium/pkg/node/store"
	"github.com/cilium/cilium/pkg/option"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/kvclient"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Config says what to read and to write.
type Config struct {
	Name           string // of the agent, among those of the run
	On             string // the host that it is on
	Cluster        string
	ClusterID      int
	Numbers        agent.Numbers // of identities that it may allocate
	Nodes          int           // size of the cluster, on which Cilium's intervals depend
	QPS            int           // etcd.qps
	LeaseTTL       time.Duration // kvstore-lease-ttl; zero: 15 minutes
	SyncIdentities time.Duration // identity-allocation-sync-interval; zero: 5 minutes

	Host *Host // the node that it cares for

	Etcd etcd.ClientConfig
	// Store returns the store that the etcd of a host has at this instant, as the history
	// names it, or "" while it has none.
	Store func(host string) string
	Log   *slog.Logger
}

// Setup prepares the process's global state for agents of a cluster. Call it once,
// before the first agent starts.
func Setup(cluster string, clusterID int) {
	option.Config.ClusterName, option.Config.ClusterID = cluster, uint32(clusterID)
	option.Config.IdentityAllocationMode = option.IdentityAllocationModeKVstore
	option.Config.IPAM = ipamOption.IPAMClusterPool // nodes make their CIDRs known
	// At this time-out Cilium ends the process, which here is that of the world: Synced
	// waits in its place.
	option.Config.AllocatorListTimeout = 100_000 * time.Hour
	identity.InitWellKnownIdentities("kube-system", cmtypes.ClusterInfo{Name: cluster, ID: uint32(clusterID)})
}

// Daemon is the source: one incarnation of cilium-agent.
type Daemon struct {
	cfg      Config
	cancel   context.CancelFunc
	stopped  <-chan struct{} // closed by cancel
	learning *kvclient.Learning
	errors   <-chan error // of the client; none if it has connected
	client   kvstore.Client

	identities *agent.IdentityCache
	ipcache    *ipcache.IPCache
	addresses  *ipcache.LocalIPIdentityWatcher
	endpoints  *endpoints
	registrar  nodestore.NodeRegistrar
	leaveNodes context.CancelFunc
	registers  sync.WaitGroup // of the registration of the node
	registered chan struct{}  // closed when the node is registered, and all nodes are listed
	running    sync.WaitGroup // of watches
	// When it ends itself if it has not got all identities, or not registered its node.
	listBy, registerBy time.Time

	controllers *controller.Manager
	stop        sync.Once
	ended       atomic.Bool
}

// New returns a source of one incarnation of an agent.
func New(cfg Config) *Daemon {
	return &Daemon{cfg: cfg, learning: kvclient.NewLearning(), registered: make(chan struct{}), controllers: controller.NewManager()}
}

// enabled is a kvstore.Client, as clientImpl of pkg/kvstore.
type enabled struct{ kvstore.BackendOperations }

func (enabled) IsEnabled() bool { return true }

// Start implements agent.Source.
func (d *Daemon) Start(ctx context.Context, process *proc.Process, into agent.Sink) error {
	connections := agent.NewConnections(mode.KVStore, d.cfg.Store)
	follower := d.learning.Follow(connections)
	dialer := grpc.WithContextDialer(proc.EtcdSocket.Dialer(connections.Dial(process.Dial(d.cfg.Etcd.Dial))))
	client, failed := kvstore.NewClient(context.Background(), d.cfg.Log, kvstore.EtcdBackendName, map[string]string{
		d.cfg.Etcd.Option:           d.cfg.Etcd.Value,
		kvstore.EtcdRateLimitOption: strconv.Itoa(d.cfg.QPS),
	}, kvstore.ExtraOptions{
		DialOption: append(follower.DialOptions(), dialer),
		LeaseTTL:   d.cfg.leaseTTL(),
		ClusterSizeDependantInterval: func(base time.Duration) time.Duration {
			return backoff.ClusterSizeDependantInterval(base, d.cfg.Nodes)
		},
	})
	if client == nil {
		return fmt.Errorf("agent %s: %w", d.cfg.Name, <-failed)
	}
	d.errors, d.client = failed, enabled{follower.Client(client)}
	ctx, d.cancel = context.WithCancel(ctx)
	d.stopped = ctx.Done()
	if err := d.readIdentities(into); err != nil {
		return err
	}
	d.ipcache = ipcache.NewIPCache(&ipcache.Configuration{Context: ctx, Logger: d.cfg.Log, IdentityAllocator: d.identities})
	d.ipcache.AddListener(into.Endpoints(d.learning.Now(history.Endpoint)))
	syncer := ipcache.NewIPIdentitySynchronizer(d.cfg.Log, d.client)
	d.readAddresses(ctx, syncer)
	nodesCtx, leave := context.WithCancel(ctx)
	d.leaveNodes = leave
	d.registerBy = time.Now().Add(defaults.NodeInitTimeout)
	d.registers.Go(func() { d.register(nodesCtx, newNodes(into.Nodes, d.learning)) })
	d.endpoints = newEndpoints(d, ctx, syncer)
	d.cfg.Host.attach(d.endpoints)
	return nil
}

func (c Config) leaseTTL() time.Duration {
	if c.LeaseTTL != 0 {
		return c.LeaseTTL
	}
	return defaults.KVstoreLeaseTTL
}

func (d *Daemon) readIdentities(into agent.Sink) error {
	backend, err := kvstoreallocator.NewKVStoreBackend(d.cfg.Log, kvstoreallocator.KVStoreBackendConfiguration{
		BasePath: cache.IdentitiesPath, Suffix: d.cfg.Host.ip(), Typ: &key.GlobalIdentity{}, Backend: d.client,
	})
	if err != nil {
		return err
	}
	d.listBy = time.Now().Add(defaults.AllocatorListTimeout)
	d.identities, err = agent.NewIdentityAllocator(d.cfg.Log, into, ownLocks{backend, d.client, &sync.Map{}}, d.learning.IdentityLearned, d.cfg.Numbers, d.cfg.SyncIdentities)
	if err != nil {
		return err
	}
	d.learning.Feed(d.identities)
	return nil
}

func (d *Daemon) readAddresses(ctx context.Context, syncer *ipcache.IPIdentitySynchronizer) {
	d.addresses = ipcache.NewLocalIPIdentityWatcher(struct {
		cell.In
		Logger      *slog.Logger
		JobGroup    job.Group
		ClusterInfo cmtypes.ClusterInfo
		Client      kvstore.Client
		Factory     store.Factory
		IPCache     *ipcache.IPCache
		Syncer      *ipcache.IPIdentitySynchronizer
	}{
		Logger: d.cfg.Log, JobGroup: noJobs{}, ClusterInfo: cmtypes.ClusterInfo{ID: uint32(d.cfg.ClusterID), Name: d.cfg.Cluster},
		Client: d.client, Factory: store.NewFactory(d.cfg.Log, store.MetricsProvider()), IPCache: d.ipcache, Syncer: syncer,
	})
	d.running.Go(func() { d.addresses.Watch(ctx, nil) }) //nolint:errcheck // it returns none
}

// noJobs is a job.Group that starts nothing: what would be its job is run here.
type noJobs struct{ job.Group }

func (noJobs) Add(...job.Job) {}

// Synced implements agent.Source. Cilium ends the process if it has not listed the
// identities after three minutes (pkg/allocator/allocator.go, start), or if for fifteen it
// could not connect (pkg/kvstore/etcd.go) or register its node (pkg/nodediscovery), which
// endpoints wait for as well.
func (d *Daemon) Synced(ctx context.Context) (agent.Lists, error) {
	failures := make(chan error, 4)
	go func() {
		list, cancel := context.WithDeadline(ctx, d.listBy)
		defer cancel()
		err := d.identities.IdentityAllocator.WaitForInitialSync(list)
		if list.Err() != nil {
			err = errors.New("timeout while waiting for initial allocator state")
		}
		failures <- err
	}()
	go func() { failures <- d.addresses.WaitForSync(ctx) }()
	go func() {
		timeout := time.NewTimer(time.Until(d.registerBy))
		defer timeout.Stop()
		select {
		case <-d.registered:
			failures <- nil
		case <-timeout.C:
			failures <- errors.New("unable to initialize local node due to timeout")
		case <-ctx.Done():
			failures <- ctx.Err()
		}
	}()
	go func() {
		select {
		case err := <-d.errors:
			failures <- err
		case <-ctx.Done():
			failures <- ctx.Err()
		}
	}()
	for range cap(failures) {
		select {
		case err := <-failures:
			switch {
			case ctx.Err() != nil:
				return agent.Lists{}, ctx.Err()
			case err != nil && !d.ended.Load():
				return agent.Lists{}, fmt.Errorf("%w: %w", agent.ErrExit, err)
			}
		case <-d.stopped:
			return agent.Lists{}, context.Canceled
		}
	}
	if d.ended.Load() { // what was waited for may have been let go of
		return agent.Lists{}, context.Canceled
	}
	return agent.Lists{Complete: true, Endpoints: d.learning.Endpoints()}, nil
}

// Deregister ends what the agent does for its node, whose key it no longer keeps alive
// against a deletion, and with it what it reads of other nodes. Its endpoints stay.
func (d *Daemon) Deregister() {
	d.leaveNodes()
	d.registers.Wait()
	d.controllers.RemoveAllAndWait()
	if d.registrar.SharedStore != nil {
		d.registrar.Release()
	}
}

// Settle waits until what its endpoints write when they end is written, or given up.
func (d *Daemon) Settle() { d.endpoints.settle() }

// Stop implements agent.Source. It withdraws nothing: what the agent has put stays as
// long as its lease. The client is closed first, since the allocator unlocks without a
// time-out (pkg/allocator/allocator.go, lockedAllocate).
func (d *Daemon) Stop() {
	d.stop.Do(func() {
		d.ended.Store(true)
		d.cfg.Host.detach(d.endpoints)
		d.cancel()
		d.client.Close()
		d.endpoints.end()
		d.running.Wait()
		d.Deregister()
	})
}

// Close implements agent.Source.
func (d *Daemon) Close() {
	d.ipcache.Shutdown()
	d.identities.Close()
}
