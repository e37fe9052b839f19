package crd

import (
	"context"
	"sync/atomic"

	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	"github.com/cilium/cilium/pkg/k8s/resource"

	"github.com/meshcheck/meshcheck/sim/cilium"
)

// watchSlices is what ciliumEndpointSliceInit does
// (pkg/k8s/watchers/cilium_endpoint_slice.go), with the agent's own subscriber in
// place of the process's.
func (r *reader) watchSlices(ctx context.Context, slices resource.Resource[*v2alpha1.CiliumEndpointSlice], to cilium.SliceSubscriber) {
	var complete atomic.Bool
	r.caches.BlockWaitGroupToSyncResources(ctx.Done(), nil, complete.Load, sliceGroup)
	go func() {
		known := map[resource.Key]*v2alpha1.CiliumEndpointSlice{}
		for event := range slices.Events(ctx) {
			old, found := known[event.Key]
			switch event.Kind {
			case resource.Sync:
				complete.Store(true)
			case resource.Upsert:
				if !found {
					to.Add(event.Object)
				} else if !old.DeepEqual(event.Object) {
					to.Update(old, event.Object)
				}
				known[event.Key] = event.Object
			case resource.Delete:
				to.Delete(event.Object)
				delete(known, event.Key)
			}
			event.Done(nil)
		}
	}()
}
