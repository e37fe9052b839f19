package crd

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	clientv2 "github.com/cilium/cilium/pkg/k8s/client/clientset/versioned/typed/cilium.io/v2"
	clientv2alpha1 "github.com/cilium/cilium/pkg/k8s/client/clientset/versioned/typed/cilium.io/v2alpha1"

	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/informer"
)

// observed is a clientset that notes what the lists and watches of the resources
// deliver that an agent reads, with the connection of each.
type observed struct {
	k8sclient.Clientset
	connections                          *agent.Connections
	identities, nodes, endpoints, slices *resourceReads
}

// resourceReads are the lists and watches of a resource, and what they deliver.
type resourceReads struct {
	*informer.ListWatch
	deliveries *deliveries
}

func observe(clients k8sclient.Clientset, connections *agent.Connections) *observed {
	of := func() *resourceReads {
		d := newDeliveries()
		return &resourceReads{informer.New(connections, d), d}
	}
	return &observed{clients, connections, of(), of(), of(), of()}
}

func (o *observed) CiliumV2() clientv2.CiliumV2Interface {
	return groupV2{o.Clientset.CiliumV2(), o}
}

func (o *observed) CiliumV2alpha1() clientv2alpha1.CiliumV2alpha1Interface {
	return groupV2alpha1{o.Clientset.CiliumV2alpha1(), o}
}

type groupV2 struct {
	clientv2.CiliumV2Interface
	of *observed
}

func (g groupV2) CiliumIdentities() clientv2.CiliumIdentityInterface {
	return identityClient{g.CiliumV2Interface.CiliumIdentities(), g.of.identities}
}

func (g groupV2) CiliumNodes() clientv2.CiliumNodeInterface {
	return nodeClient{g.CiliumV2Interface.CiliumNodes(), g.of.nodes}
}

func (g groupV2) CiliumEndpoints(namespace string) clientv2.CiliumEndpointInterface {
	return endpointClient{g.CiliumV2Interface.CiliumEndpoints(namespace), g.of.endpoints}
}

type groupV2alpha1 struct {
	clientv2alpha1.CiliumV2alpha1Interface
	of *observed
}

func (g groupV2alpha1) CiliumEndpointSlices() clientv2alpha1.CiliumEndpointSliceInterface {
	return sliceClient{g.CiliumV2alpha1Interface.CiliumEndpointSlices(), g.of.slices}
}

// whole reports whether a list or watch is of all objects: others are not noted. An agent
// that is whole has one of its own node besides.
func whole(opts metav1.ListOptions) bool { return opts.FieldSelector == "" }

type identityClient struct {
	clientv2.CiliumIdentityInterface
	lw *resourceReads
}

func (c identityClient) List(ctx context.Context, opts metav1.ListOptions) (*v2.CiliumIdentityList, error) {
	if !whole(opts) {
		return c.CiliumIdentityInterface.List(ctx, opts)
	}
	return informer.List(ctx, c.lw.ListWatch, opts, c.CiliumIdentityInterface.List)
}

func (c identityClient) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	if !whole(opts) {
		return c.CiliumIdentityInterface.Watch(ctx, opts)
	}
	return c.lw.Watch(ctx, opts, c.CiliumIdentityInterface.Watch)
}

type nodeClient struct {
	clientv2.CiliumNodeInterface
	lw *resourceReads
}

func (c nodeClient) List(ctx context.Context, opts metav1.ListOptions) (*v2.CiliumNodeList, error) {
	if !whole(opts) {
		return c.CiliumNodeInterface.List(ctx, opts)
	}
	return informer.List(ctx, c.lw.ListWatch, opts, c.CiliumNodeInterface.List)
}

func (c nodeClient) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	if !whole(opts) {
		return c.CiliumNodeInterface.Watch(ctx, opts)
	}
	return c.lw.Watch(ctx, opts, c.CiliumNodeInterface.Watch)
}

type endpointClient struct {
	clientv2.CiliumEndpointInterface
	lw *resourceReads
}

func (c endpointClient) List(ctx context.Context, opts metav1.ListOptions) (*v2.CiliumEndpointList, error) {
	if !whole(opts) {
		return c.CiliumEndpointInterface.List(ctx, opts)
	}
	return informer.List(ctx, c.lw.ListWatch, opts, c.CiliumEndpointInterface.List)
}

func (c endpointClient) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	if !whole(opts) {
		return c.CiliumEndpointInterface.Watch(ctx, opts)
	}
	return c.lw.Watch(ctx, opts, c.CiliumEndpointInterface.Watch)
}

type sliceClient struct {
	clientv2alpha1.CiliumEndpointSliceInterface
	lw *resourceReads
}

func (c sliceClient) List(ctx context.Context, opts metav1.ListOptions) (*v2alpha1.CiliumEndpointSliceList, error) {
	if !whole(opts) {
		return c.CiliumEndpointSliceInterface.List(ctx, opts)
	}
	return informer.List(ctx, c.lw.ListWatch, opts, c.CiliumEndpointSliceInterface.List)
}

func (c sliceClient) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	if !whole(opts) {
		return c.CiliumEndpointSliceInterface.Watch(ctx, opts)
	}
	return c.lw.Watch(ctx, opts, c.CiliumEndpointSliceInterface.Watch)
}
