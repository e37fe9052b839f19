package crd

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	clientv2 "github.com/cilium/cilium/pkg/k8s/client/clientset/versioned/typed/cilium.io/v2"
	clientv2alpha1 "github.com/cilium/cilium/pkg/k8s/client/clientset/versioned/typed/cilium.io/v2alpha1"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
)

// observed is a clientset that notes what the lists and watches of the resources
// deliver that an agent reads, with the connection of each.
type observed struct {
	k8sclient.Clientset
	connections                          *agent.Connections
	identities, nodes, endpoints, slices *listWatch
}

func observe(clients k8sclient.Clientset, connections *agent.Connections) *observed {
	of := func() *listWatch { return &listWatch{connections: connections, deliveries: newDeliveries()} }
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

type identityClient struct {
	clientv2.CiliumIdentityInterface
	lw *listWatch
}

func (c identityClient) List(ctx context.Context, opts metav1.ListOptions) (*v2.CiliumIdentityList, error) {
	return list(ctx, c.lw, opts, c.CiliumIdentityInterface.List)
}

func (c identityClient) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	return c.lw.watch(ctx, opts, c.CiliumIdentityInterface.Watch)
}

type nodeClient struct {
	clientv2.CiliumNodeInterface
	lw *listWatch
}

func (c nodeClient) List(ctx context.Context, opts metav1.ListOptions) (*v2.CiliumNodeList, error) {
	return list(ctx, c.lw, opts, c.CiliumNodeInterface.List)
}

func (c nodeClient) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	return c.lw.watch(ctx, opts, c.CiliumNodeInterface.Watch)
}

type endpointClient struct {
	clientv2.CiliumEndpointInterface
	lw *listWatch
}

func (c endpointClient) List(ctx context.Context, opts metav1.ListOptions) (*v2.CiliumEndpointList, error) {
	return list(ctx, c.lw, opts, c.CiliumEndpointInterface.List)
}

func (c endpointClient) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	return c.lw.watch(ctx, opts, c.CiliumEndpointInterface.Watch)
}

type sliceClient struct {
	clientv2alpha1.CiliumEndpointSliceInterface
	lw *listWatch
}

func (c sliceClient) List(ctx context.Context, opts metav1.ListOptions) (*v2alpha1.CiliumEndpointSliceList, error) {
	return list(ctx, c.lw, opts, c.CiliumEndpointSliceInterface.List)
}

func (c sliceClient) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	return c.lw.watch(ctx, opts, c.CiliumEndpointSliceInterface.Watch)
}

// listWatch is the lists and watches of one resource by one informer, which makes one
// request at a time.
type listWatch struct {
	connections *agent.Connections
	deliveries  *deliveries
	pages       []listed // of a list that is not complete
}

// traced returns a context for a request, and a function that returns the origin of
// its answer.
func (lw *listWatch) traced(ctx context.Context) (context.Context, func(how string) agent.Learned) {
	var address atomic.Pointer[net.Addr]
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		local := got.Conn.LocalAddr()
		address.Store(&local) // the last one, if the request was made again
	}})
	return ctx, func(how string) agent.Learned {
		if local := address.Load(); local != nil {
			return agent.Learned{Origin: lw.connections.Origin(*local), How: how}
		}
		return agent.Learned{How: how}
	}
}

func list[L interface {
	runtime.Object
	metav1.ListInterface
}](ctx context.Context, lw *listWatch, opts metav1.ListOptions, request func(context.Context, metav1.ListOptions) (L, error)) (L, error) {
	ctx, from := lw.traced(ctx)
	answer, err := request(ctx, opts)
	if err != nil {
		return answer, err
	}
	if opts.Continue == "" {
		lw.pages = nil
	}
	page := from(history.ByList)
	err = meta.EachListItem(answer, func(o runtime.Object) error {
		name, version := nameAndVersion(o)
		lw.pages = append(lw.pages, listed{name, version, page})
		return nil
	})
	if err == nil && answer.GetContinue() == "" {
		lw.deliveries.replace(lw.pages, page)
		lw.pages = nil
	}
	return answer, err
}

func (lw *listWatch) watch(ctx context.Context, opts metav1.ListOptions, request func(context.Context, metav1.ListOptions) (watch.Interface, error)) (watch.Interface, error) {
	ctx, from := lw.traced(ctx)
	w, err := request(ctx, opts)
	if err != nil {
		return nil, err
	}
	t := &watcher{Interface: w, events: make(chan watch.Event), stopped: make(chan struct{}), listWatch: lw, from: from(history.ByWatch)}
	t.initial = opts.SendInitialEvents != nil && *opts.SendInitialEvents
	go t.follow()
	return t, nil
}

// watcher is a watch that notes what it delivers.
type watcher struct {
	watch.Interface
	listWatch *listWatch
	from      agent.Learned
	initial   bool     // it sends the state first, which is as good as a list once it is complete
	state     []listed // so far

	events  chan watch.Event
	stopped chan struct{}
	stop    sync.Once
}

func (w *watcher) ResultChan() <-chan watch.Event { return w.events }

func (w *watcher) Stop() {
	w.stop.Do(func() { close(w.stopped) })
	w.Interface.Stop()
}

func (w *watcher) follow() {
	defer close(w.events)
	for ev := range w.Interface.ResultChan() {
		w.note(ev)
		select {
		case w.events <- ev:
		case <-w.stopped:
			return
		}
	}
}

func (w *watcher) note(ev watch.Event) {
	d := w.listWatch.deliveries
	switch ev.Type {
	case watch.Added, watch.Modified, watch.Deleted:
		name, version := nameAndVersion(ev.Object)
		switch {
		case w.initial:
			w.state = append(w.state, listed{name, version, agent.Learned{Origin: w.from.Origin, How: history.ByList}})
		case ev.Type == watch.Deleted:
			d.deliver(name, "", w.from)
		default:
			d.deliver(name, version, w.from)
		}
	case watch.Bookmark:
		m, err := meta.Accessor(ev.Object)
		if err == nil && w.initial && m.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
			d.replace(w.state, agent.Learned{Origin: w.from.Origin, How: history.ByList})
			w.initial, w.state = false, nil
		}
	}
}
