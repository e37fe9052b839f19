// Package informer notes what the lists and watches of Cilium's informers deliver, with the
// connection of each, so that a change in what an agent believes can be told with its origin.
package informer

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

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
)

// Receiver is told what an informer is delivered, of objects of one resource.
type Receiver interface {
	// Deliver is told of a version of an object, or that it is gone.
	Deliver(Delivery)
	// Replace is told of a complete list, whose last page was learned of so.
	Replace(items []Delivery, last agent.Learned)
}

// Delivery is what a list or watch says of an object.
type Delivery struct {
	Name    string // "namespace/name" or "name"
	Version string // its resourceVersion; "" if it is gone
	Object  runtime.Object
	From    agent.Learned
}

// ListWatch is the lists and watches of one resource by one informer, which makes one
// request at a time.
type ListWatch struct {
	connections *agent.Connections
	to          Receiver
	pages       []Delivery // of a list that is not complete
}

// New returns the lists and watches of an informer with connections, which tell of what they
// are delivered.
func New(connections *agent.Connections, to Receiver) *ListWatch {
	return &ListWatch{connections: connections, to: to}
}

// traced returns a context for a request, and a function that returns the origin of
// its answer.
func (lw *ListWatch) traced(ctx context.Context) (context.Context, func(how string) agent.Learned) {
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

// List lists by a request.
func List[L interface {
	runtime.Object
	metav1.ListInterface
}](ctx context.Context, lw *ListWatch, opts metav1.ListOptions, request func(context.Context, metav1.ListOptions) (L, error)) (L, error) {
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
		name, version := NameAndVersion(o)
		lw.pages = append(lw.pages, Delivery{name, version, o, page})
		return nil
	})
	if err == nil && answer.GetContinue() == "" {
		lw.to.Replace(lw.pages, page)
		lw.pages = nil
	}
	return answer, err
}

// Watch watches by a request.
func (lw *ListWatch) Watch(ctx context.Context, opts metav1.ListOptions, request func(context.Context, metav1.ListOptions) (watch.Interface, error)) (watch.Interface, error) {
	ctx, from := lw.traced(ctx)
	w, err := request(ctx, opts)
	if err != nil {
		return nil, err
	}
	t := &watcher{Interface: w, events: make(chan watch.Event), stopped: make(chan struct{}), lw: lw, from: from(history.ByWatch)}
	t.initial = opts.SendInitialEvents != nil && *opts.SendInitialEvents
	go t.follow()
	return t, nil
}

// watcher is a watch that notes what it delivers.
type watcher struct {
	watch.Interface
	lw      *ListWatch
	from    agent.Learned
	initial bool       // it sends the state first, which is as good as a list once it is complete
	state   []Delivery // so far

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
	to := w.lw.to
	switch ev.Type {
	case watch.Added, watch.Modified, watch.Deleted:
		name, version := NameAndVersion(ev.Object)
		switch {
		case w.initial:
			w.state = append(w.state, Delivery{name, version, ev.Object, agent.Learned{Origin: w.from.Origin, How: history.ByList}})
		case ev.Type == watch.Deleted:
			to.Deliver(Delivery{name, "", ev.Object, w.from})
		default:
			to.Deliver(Delivery{name, version, ev.Object, w.from})
		}
	case watch.Bookmark:
		m, err := meta.Accessor(ev.Object)
		if err == nil && w.initial && m.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
			to.Replace(w.state, agent.Learned{Origin: w.from.Origin, How: history.ByList})
			w.initial, w.state = false, nil
		}
	}
}

// NameAndVersion returns an object's key and its resourceVersion.
func NameAndVersion(o runtime.Object) (name, version string) {
	m, err := meta.Accessor(o)
	if err != nil {
		return "", ""
	}
	name = m.GetName()
	if namespace := m.GetNamespace(); namespace != "" {
		name = namespace + "/" + name
	}
	return name, m.GetResourceVersion()
}
