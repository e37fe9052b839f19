// Package crd is an agent's source in the mode in which every agent reads the
// kube-apiservers itself: identities, endpoints (CiliumEndpoints or
// CiliumEndpointSlices) and nodes, with a client of its own.
//
// Cilium's are the watchers of endpoints and nodes (pkg/k8s/watchers), their
// informers (pkg/k8s/resource), the identity cache on its CRD backend
// (pkg/identity/cache, pkg/k8s/identitybackend) and the ipcache.
//
// Ours is how they are put together, which is the work of the agent's hive; the loop
// that hands slices to Cilium's subscriber (slices.go); and how an agent ends itself
// when it has not got its initial lists within three minutes: it says so, where Cilium
// ends the process, which here is that of the world. An agent has no local endpoints,
// allocates no identities, and learns of its own node from the CiliumNode too, which
// cilium-agent skips (k8s.IsLocalCiliumNode: the name is global to the process), as it
// is that node's author and tells its node manager itself (pkg/nodediscovery).
package crd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/hive/cell"

	"github.com/cilium/cilium/pkg/allocator"
	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/defaults"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/key"
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/k8s"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	"github.com/cilium/cilium/pkg/k8s/identitybackend"
	"github.com/cilium/cilium/pkg/k8s/synced"
	"github.com/cilium/cilium/pkg/k8s/types"
	"github.com/cilium/cilium/pkg/node"
	nodeTypes "github.com/cilium/cilium/pkg/node/types"
	"github.com/cilium/cilium/pkg/option"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/services"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Config says what to read.
type Config struct {
	Node           string // the node's name
	EndpointSlices bool   // endpoints come as CiliumEndpointSlices, else as CiliumEndpoints

	// Dial connects with the kube-apiserver that the Service gives this agent.
	Dial proc.Dialer
	// Services reads Services over the same connections; nil if nobody does.
	Services *services.Reader
	// Shared are the identity cache and the ipcache of another reader, if this one has none of
	// its own.
	Shared *agent.Shared
	Log    *slog.Logger
}

// Setup prepares the process's global state for agents of a cluster. Call it once,
// before the first agent starts.
func Setup(cluster string, clusterID int) {
	option.Config.ClusterName, option.Config.ClusterID = cluster, uint32(clusterID)
	// At this time-out Cilium ends the process, which here is that of the world: Synced
	// waits in its place.
	option.Config.AllocatorListTimeout = 100_000 * time.Hour
	identity.InitWellKnownIdentities("kube-system", cmtypes.ClusterInfo{Name: cluster, ID: uint32(clusterID)})
}

// reader is the source.
type reader struct {
	cfg        Config
	cancel     context.CancelFunc
	stopped    <-chan struct{} // closed by cancel
	closeIdle  func()          // connections of the client
	informers  cell.DefaultLifecycle
	caches     *synced.Resources
	identities *agent.IdentityCache
	ipcache    *ipcache.IPCache
	remote     *remote                     // in place of these, where another reader has them
	listed     func(context.Context) error // waits until the identities are
	clients    *observed
	stop       sync.Once
	listBy     time.Time // when the agent ends itself if it has not got all identities
}

// New returns a source of one incarnation of an agent.
func New(cfg Config) agent.Source { return &reader{cfg: cfg} }

// Start implements agent.Source.
func (r *reader) Start(ctx context.Context, process *proc.Process, into agent.Sink) error {
	connections := agent.NewConnections(mode.CRD, nil)
	all, closeIdle, err := kubeclient.New("cilium-agent", connections.Dial(process.Dial(r.cfg.Dial)))
	if err != nil {
		return err
	}
	clients := observe(all, connections)
	r.clients, r.closeIdle = clients, closeIdle
	if s := r.cfg.Services; s != nil {
		if err := s.StartWith(ctx, all, connections, into); err != nil {
			return err
		}
	}
	ctx, r.cancel = context.WithCancel(ctx)
	r.stopped = ctx.Done()
	backend, err := identitybackend.NewCRDBackend(r.cfg.Log, identitybackend.CRDBackendConfiguration{
		StoreSet: &atomic.Bool{}, Client: clients, KeyFunc: (&key.GlobalIdentity{}).PutKeyFromMap,
	})
	if err != nil {
		return err
	}
	var endpointsNow, nodesNow agent.Now
	r.listBy = time.Now().Add(defaults.AllocatorListTimeout)
	ips, err := r.startCaches(ctx, into, backend, endpointsNow.Learned)
	if err != nil {
		return err
	}
	r.caches = cilium.NewSyncedResources(r.cfg.Log)

	local := node.NewTestLocalNodeStore(node.LocalNode{Node: nodeTypes.Node{Name: r.cfg.Node}})
	params := k8s.CiliumResourceParams{Logger: r.cfg.Log, Lifecycle: &r.informers, ClientSet: clients}
	nodeResource, err := k8s.CiliumNodeResource(params)
	if err != nil {
		return err
	}
	endpointResource, err := k8s.CiliumSlimEndpointResource(params, local, nil)
	if err != nil {
		return err
	}
	sliceResource, err := k8s.CiliumEndpointSliceResource(params, local, nil)
	if err != nil {
		return err
	}
	if err := r.informers.Start(r.cfg.Log, ctx); err != nil {
		return err
	}
	nodeResource = source[*v2.CiliumNode]{nodeResource, clients.nodes.deliveries, &nodesNow}
	endpointResource = source[*types.CiliumEndpoint]{endpointResource, clients.endpoints.deliveries, &endpointsNow}
	sliceResource = source[*v2alpha1.CiliumEndpointSlice]{sliceResource, clients.slices.deliveries, &endpointsNow}
	nodeWatcher := cilium.NodeWatcher{Log: r.cfg.Log, Clients: clients, Caches: r.caches, Nodes: nodeResource, Manager: nodes{into.Nodes(nodesNow.Learned)}}.New()
	endpointWatcher := cilium.EndpointWatcher{
		Log: r.cfg.Log, Caches: r.caches, IPCache: ips, Local: local, Endpoints: endpointResource, Slices: sliceResource,
		EndpointManager: noEndpoints{}, Policy: noPolicy{}, WireGuard: noEncryption{}, IPsec: noEncryption{},
	}.New()
	cilium.WatchNodes(nodeWatcher, ctx)
	if r.cfg.EndpointSlices {
		r.watchSlices(ctx, sliceResource, cilium.NewSliceSubscriber(r.cfg.Log, endpointWatcher))
	} else {
		cilium.WatchEndpoints(endpointWatcher, ctx)
	}
	return nil
}

// startCaches starts the identity cache, and returns the ipcache, which tell the sink.
func (r *reader) startCaches(ctx context.Context, into agent.Sink, backend allocator.Backend, now func() agent.Learned) (ips any, err error) {
	if r.cfg.Shared != nil {
		r.remote, err = newRemote(ctx, r.cfg.Log, r.cfg.Shared.Identities, backend, r.identityLearned)
		if err != nil {
			return nil, err
		}
		r.listed = r.remote.wait
		return r.cfg.Shared.IPCache(now), nil
	}
	if r.identities, err = agent.NewIdentityCache(r.cfg.Log, into, backend, r.identityLearned); err != nil {
		return nil, err
	}
	r.listed = r.identities.IdentityAllocator.WaitForInitialSync
	r.ipcache = ipcache.NewIPCache(&ipcache.Configuration{Context: ctx, Logger: r.cfg.Log, IdentityAllocator: r.identities})
	r.ipcache.AddListener(into.Endpoints(now))
	return r.ipcache, nil
}

// Names of the resources that are waited for, as pkg/k8s/watchers/watcher.go has them.
const (
	nodeGroup     = "cilium/v2::CiliumNode"
	endpointGroup = "cilium/v2::CiliumEndpoint"
	sliceGroup    = "cilium/v2alpha1::CiliumEndpointSlice"
)

// Synced implements agent.Source. Cilium gives up on a resource three minutes after its
// last event (pkg/k8s/watchers/watcher.go, InitK8sSubsystem), and on the identities
// three minutes after it has begun to list them (pkg/allocator/allocator.go, start).
func (r *reader) Synced(ctx context.Context) (agent.Lists, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failures := make(chan error, 2)
	go func() {
		failures <- r.caches.WaitForCacheSyncWithTimeout(ctx, defaults.K8sSyncTimeout, nodeGroup, endpointGroup, sliceGroup)
	}()
	go func() {
		list, cancel := context.WithDeadline(ctx, r.listBy)
		defer cancel()
		err := r.listed(list)
		if list.Err() != nil {
			err = errors.New("timeout while waiting for initial allocator state")
		}
		failures <- err
	}()
	for range cap(failures) {
		err := <-failures
		switch {
		case ctx.Err() != nil:
			return agent.Lists{}, ctx.Err()
		case err != nil:
			return agent.Lists{}, fmt.Errorf("%w: %w", agent.ErrExit, err)
		}
	}
	select {
	case <-r.stopped: // what was waited for may have been let go of
		return agent.Lists{}, context.Canceled
	default:
	}
	endpoints := r.clients.endpoints
	if r.cfg.EndpointSlices {
		endpoints = r.clients.slices
	}
	return agent.Lists{Complete: true, Endpoints: endpoints.deliveries.lastList()}, nil
}

// identityLearned returns how an event of the allocator was learned of. Cilium's backend
// makes one of each change that its informer is told of, in order.
func (r *reader) identityLearned(ev allocator.AllocatorEvent) (from agent.Learned, forward bool) {
	if ev.Typ == allocator.AllocatorChangeSync {
		return agent.Learned{}, true
	}
	if r.remote.drained() {
		return agent.Learned{Origin: r.clients.identities.deliveries.lastList(), How: history.GivenUp}, true
	}
	return r.clients.identities.deliveries.next(ev.ID.String(), ev.Typ == allocator.AllocatorChangeDelete), true
}

// Stop implements agent.Source. It withdraws nothing, but for identities that it has told
// another reader's cache.
func (r *reader) Stop() {
	r.stop.Do(func() {
		r.cancel()
		r.remote.drain()
		for _, group := range []string{nodeGroup, endpointGroup, sliceGroup} {
			r.caches.CancelWaitGroupToSyncResources(group)
		}
		r.informers.Stop(r.cfg.Log, context.Background()) //nolint:errcheck // nobody is left to tell
		if s := r.cfg.Services; s != nil {
			s.Stop()
		}
	})
}

// Close implements agent.Source.
func (r *reader) Close() {
	if r.remote == nil {
		r.ipcache.Shutdown()
		r.identities.Close()
	}
	r.closeIdle()
}
