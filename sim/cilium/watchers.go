package cilium

import (
	"context"
	"log/slog"
	"reflect"
	"unsafe"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	"github.com/cilium/cilium/pkg/k8s/resource"
	"github.com/cilium/cilium/pkg/k8s/synced"
	"github.com/cilium/cilium/pkg/k8s/types"
	"github.com/cilium/cilium/pkg/k8s/watchers"
	"github.com/cilium/cilium/pkg/node"
)

// The watchers of pkg/k8s/watchers have constructors that the agent's hive alone can
// call, and that needs the whole agent.

// WatchEndpoints makes the watcher of CiliumEndpoints begin. InitK8sSubsystem, which
// is exported, starts the watchers of pods, policies and services as well.
func WatchEndpoints(k *watchers.K8sCiliumEndpointsWatcher, ctx context.Context) {
	watchEndpoints(k, ctx)
}

// WatchNodes makes the watcher of CiliumNodes begin.
func WatchNodes(k *watchers.K8sCiliumNodeWatcher, ctx context.Context) { watchNodes(k, ctx) }

//go:linkname watchEndpoints github.com/cilium/cilium/pkg/k8s/watchers.(*K8sCiliumEndpointsWatcher).ciliumEndpointsInit
func watchEndpoints(k *watchers.K8sCiliumEndpointsWatcher, ctx context.Context)

//go:linkname watchNodes github.com/cilium/cilium/pkg/k8s/watchers.(*K8sCiliumNodeWatcher).ciliumNodeInit
func watchNodes(k *watchers.K8sCiliumNodeWatcher, ctx context.Context)

// SliceSubscriber turns slices into endpoints. Cilium hands it to cesNotify, which is
// one for the process: every agent would hear of what any other has read.
type SliceSubscriber struct{ of unsafe.Pointer }

// NewSliceSubscriber returns the subscriber of one agent.
func NewSliceSubscriber(log *slog.Logger, k *watchers.K8sCiliumEndpointsWatcher) SliceSubscriber {
	return SliceSubscriber{newCESSubscriber(log, k)}
}

// Add tells it of a slice that it does not know.
func (s SliceSubscriber) Add(o *v2alpha1.CiliumEndpointSlice) { cesOnAdd(s.of, o) }

// Update tells it of a new version of a slice.
func (s SliceSubscriber) Update(old, o *v2alpha1.CiliumEndpointSlice) { cesOnUpdate(s.of, old, o) }

// Delete tells it that a slice is gone.
func (s SliceSubscriber) Delete(o *v2alpha1.CiliumEndpointSlice) { cesOnDelete(s.of, o) }

//go:linkname newCESSubscriber github.com/cilium/cilium/pkg/k8s/watchers.newCESSubscriber
func newCESSubscriber(log *slog.Logger, k *watchers.K8sCiliumEndpointsWatcher) unsafe.Pointer

//go:linkname cesOnAdd github.com/cilium/cilium/pkg/k8s/watchers.(*cesSubscriber).OnAdd
func cesOnAdd(cs unsafe.Pointer, ces *v2alpha1.CiliumEndpointSlice)

//go:linkname cesOnUpdate github.com/cilium/cilium/pkg/k8s/watchers.(*cesSubscriber).OnUpdate
func cesOnUpdate(cs unsafe.Pointer, old, new *v2alpha1.CiliumEndpointSlice)

//go:linkname cesOnDelete github.com/cilium/cilium/pkg/k8s/watchers.(*cesSubscriber).OnDelete
func cesOnDelete(cs unsafe.Pointer, ces *v2alpha1.CiliumEndpointSlice)

// NewSyncedResources is what the hive of the agent provides.
func NewSyncedResources(log *slog.Logger) *synced.Resources {
	r := &synced.Resources{CacheStatus: make(synced.CacheStatus)}
	*field[*slog.Logger](r, "logger") = log
	return r
}

// EndpointWatcher is what a watcher of CiliumEndpoints and their slices is made of.
// What is of type any is an interface of Cilium's that has no name outside.
type EndpointWatcher struct {
	Log                                       *slog.Logger
	Caches                                    *synced.Resources
	Local                                     *node.LocalNodeStore
	Endpoints                                 resource.Resource[*types.CiliumEndpoint]
	Slices                                    resource.Resource[*v2alpha1.CiliumEndpointSlice]
	EndpointManager, Policy, WireGuard, IPsec any
	IPCache                                   any
}

// New returns the watcher.
func (f EndpointWatcher) New() *watchers.K8sCiliumEndpointsWatcher {
	w := &watchers.K8sCiliumEndpointsWatcher{}
	set(w, "logger", f.Log)
	set(w, "k8sResourceSynced", f.Caches)
	set(w, "k8sAPIGroups", &synced.APIGroups{})
	set(w, "endpointManager", f.EndpointManager)
	set(w, "policyManager", f.Policy)
	set(w, "ipcache", f.IPCache)
	set(w, "wgConfig", f.WireGuard)
	set(w, "ipsecConfig", f.IPsec)
	set(w, "localNodeStore", f.Local)
	set(w, "ciliumSlimEndpoint", f.Endpoints)
	set(w, "ciliumEndpointSlice", f.Slices)
	return w
}

// NodeWatcher is what a watcher of CiliumNodes is made of.
type NodeWatcher struct {
	Log     *slog.Logger
	Clients k8sclient.Clientset
	Caches  *synced.Resources
	Nodes   resource.Resource[*v2.CiliumNode]
	Manager any // a node manager
}

// New returns the watcher.
func (f NodeWatcher) New() *watchers.K8sCiliumNodeWatcher {
	w := &watchers.K8sCiliumNodeWatcher{}
	set(w, "logger", f.Log)
	set(w, "clientset", f.Clients)
	set(w, "k8sResourceSynced", f.Caches)
	set(w, "k8sAPIGroups", &synced.APIGroups{})
	set(w, "ciliumNode", f.Nodes)
	set(w, "nodeManager", f.Manager)
	return w
}

// set sets a field of the struct that s points to. Its type may be an interface that
// has no name outside its package.
func set(s any, name string, value any) {
	f := reflect.ValueOf(s).Elem().FieldByName(name)
	reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().Set(reflect.ValueOf(value))
}
