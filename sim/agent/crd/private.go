package crd

import (
	"context"
	"log/slog"
	"reflect"
	"unsafe"

	"github.com/cilium/cilium/pkg/ipcache"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	"github.com/cilium/cilium/pkg/k8s/resource"
	"github.com/cilium/cilium/pkg/k8s/synced"
	"github.com/cilium/cilium/pkg/k8s/types"
	"github.com/cilium/cilium/pkg/k8s/watchers"
	"github.com/cilium/cilium/pkg/node"

	"github.com/meshcheck/meshcheck/sim/unexported"
)

// What this package reaches of Cilium's that is not exported. The constructors of
// the watchers are reachable by the agent's hive alone, and that needs the whole
// agent.

// watchEndpoints and watchNodes are what InitK8sSubsystem calls, which starts the
// watchers of pods, policies and services as well.
//
//go:linkname watchEndpoints github.com/cilium/cilium/pkg/k8s/watchers.(*K8sCiliumEndpointsWatcher).ciliumEndpointsInit
func watchEndpoints(k *watchers.K8sCiliumEndpointsWatcher, ctx context.Context)

//go:linkname watchNodes github.com/cilium/cilium/pkg/k8s/watchers.(*K8sCiliumNodeWatcher).ciliumNodeInit
func watchNodes(k *watchers.K8sCiliumNodeWatcher, ctx context.Context)

// The subscriber turns slices into endpoints. Cilium hands it to cesNotify, which is
// one for the process: every agent would hear of what any other has read.
type subscriber struct{ of unsafe.Pointer }

func newSliceSubscriber(log *slog.Logger, k *watchers.K8sCiliumEndpointsWatcher) subscriber {
	return subscriber{newCESSubscriber(log, k)}
}

func (s subscriber) add(o *v2alpha1.CiliumEndpointSlice)         { cesOnAdd(s.of, o) }
func (s subscriber) update(old, o *v2alpha1.CiliumEndpointSlice) { cesOnUpdate(s.of, old, o) }
func (s subscriber) delete(o *v2alpha1.CiliumEndpointSlice)      { cesOnDelete(s.of, o) }

//go:linkname newCESSubscriber github.com/cilium/cilium/pkg/k8s/watchers.newCESSubscriber
func newCESSubscriber(log *slog.Logger, k *watchers.K8sCiliumEndpointsWatcher) unsafe.Pointer

//go:linkname cesOnAdd github.com/cilium/cilium/pkg/k8s/watchers.(*cesSubscriber).OnAdd
func cesOnAdd(cs unsafe.Pointer, ces *v2alpha1.CiliumEndpointSlice)

//go:linkname cesOnUpdate github.com/cilium/cilium/pkg/k8s/watchers.(*cesSubscriber).OnUpdate
func cesOnUpdate(cs unsafe.Pointer, old, new *v2alpha1.CiliumEndpointSlice)

//go:linkname cesOnDelete github.com/cilium/cilium/pkg/k8s/watchers.(*cesSubscriber).OnDelete
func cesOnDelete(cs unsafe.Pointer, ces *v2alpha1.CiliumEndpointSlice)

// newSyncedResources is what the hive of the agent provides.
func newSyncedResources(log *slog.Logger) *synced.Resources {
	r := &synced.Resources{CacheStatus: make(synced.CacheStatus)}
	*unexported.Field[*slog.Logger](r, "logger") = log
	return r
}

type endpointWatcherFields struct {
	log       *slog.Logger
	caches    *synced.Resources
	ipcache   *ipcache.IPCache
	local     *node.LocalNodeStore
	endpoints resource.Resource[*types.CiliumEndpoint]
	slices    resource.Resource[*v2alpha1.CiliumEndpointSlice]
}

func newEndpointWatcher(f endpointWatcherFields) *watchers.K8sCiliumEndpointsWatcher {
	w := &watchers.K8sCiliumEndpointsWatcher{}
	set(w, "logger", f.log)
	set(w, "k8sResourceSynced", f.caches)
	set(w, "k8sAPIGroups", &synced.APIGroups{})
	set(w, "endpointManager", noEndpoints{})
	set(w, "policyManager", noPolicy{})
	set(w, "ipcache", f.ipcache)
	set(w, "wgConfig", noEncryption{})
	set(w, "ipsecConfig", noEncryption{})
	set(w, "localNodeStore", f.local)
	set(w, "ciliumSlimEndpoint", f.endpoints)
	set(w, "ciliumEndpointSlice", f.slices)
	return w
}

type nodeWatcherFields struct {
	log     *slog.Logger
	clients k8sclient.Clientset
	caches  *synced.Resources
	nodes   resource.Resource[*v2.CiliumNode]
	manager nodes
}

func newNodeWatcher(f nodeWatcherFields) *watchers.K8sCiliumNodeWatcher {
	w := &watchers.K8sCiliumNodeWatcher{}
	set(w, "logger", f.log)
	set(w, "clientset", f.clients)
	set(w, "k8sResourceSynced", f.caches)
	set(w, "k8sAPIGroups", &synced.APIGroups{})
	set(w, "ciliumNode", f.nodes)
	set(w, "nodeManager", f.manager)
	return w
}

// set sets a field of the struct that s points to. Its type may be an interface that
// has no name outside its package.
func set(s any, name string, value any) {
	f := reflect.ValueOf(s).Elem().FieldByName(name)
	reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().Set(reflect.ValueOf(value))
}
