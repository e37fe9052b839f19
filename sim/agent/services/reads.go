package services

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	slim_corev1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/core/v1"
	slim_discoveryv1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/discovery/v1"
	slim "github.com/cilium/cilium/pkg/k8s/slim/k8s/client/clientset/versioned"
	slimcorev1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/client/clientset/versioned/typed/core/v1"
	slimdiscoveryv1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/client/clientset/versioned/typed/discovery/v1"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/informer"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// Reads are what was delivered of Services and EndpointSlices. The tables do not say of
// which version of an object an entry is, so that the versions which may be in them are kept,
// and an entry is of the latest that says the same.
type Reads struct {
	services, slices *versions
}

// NewReads returns those of an agent that begins to read.
func NewReads() *Reads { return &Reads{newVersions("Service"), newVersions("EndpointSlice")} }

// learned returns how an entry was learned of that is there now, or, without a value, that
// it is gone.
func (r *Reads) learned(e truth.Entry) agent.Learned {
	if e.Kind == history.Service {
		return r.services.learned(e, e.Key)
	}
	return r.slices.learned(e, agent.OfService(e))
}

// settle notes that all is told of a Service that is in the tables now.
func (r *Reads) settle(service string) {
	r.services.settle(service)
	r.slices.settle(service)
}

// versions are those of the objects of one kind.
type versions struct {
	kind string

	mu      sync.Mutex
	objects map[string]*object  // by "namespace/name"
	of      map[string][]string // by the Service "namespace/name" that they are of, their names
}

// object is what was delivered of an object.
type object struct {
	delivered []delivery
	settled   bool // the first of them is in the tables, and later ones may be
	used      int  // the latest that is known to be in the tables
}

// pending reports whether a version of the object is not known to be in the tables, and
// whether there are more of them than that one.
func (o *object) pending() (one, more bool) {
	n := len(o.delivered)
	if o.settled {
		n--
	}
	return n > 0, n > 1
}

type delivery struct {
	informer.Delivery
	entries map[truth.Entry]bool // that the version makes true, once asked for
}

// maxPending is how many versions of an object are kept. A reflector merges those that come
// within half a second, so that the latest count.
const maxPending = 8

func newVersions(kind string) *versions {
	return &versions{kind: kind, objects: map[string]*object{}, of: map[string][]string{}}
}

// Deliver implements informer.Receiver.
func (v *versions) Deliver(d informer.Delivery) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.deliver(d)
}

func (v *versions) deliver(d informer.Delivery) {
	o := v.objects[d.Name]
	switch {
	case o == nil && d.Version == "":
		return
	case o == nil:
		o = &object{}
		v.objects[d.Name] = o
		of := serviceOf(d)
		v.of[of] = append(v.of[of], d.Name)
	case o.delivered[len(o.delivered)-1].Version == d.Version:
		return // who has it already hears nothing new
	}
	o.delivered = append(o.delivered, delivery{Delivery: d})
	if len(o.delivered) > maxPending {
		o.delivered = o.delivered[1:]
	}
}

// Replace implements informer.Receiver.
func (v *versions) Replace(items []informer.Delivery, last agent.Learned) {
	v.mu.Lock()
	defer v.mu.Unlock()
	has := map[string]bool{}
	for _, d := range items {
		has[d.Name] = true
		v.deliver(d)
	}
	for name := range v.objects { // in any order: each has its own versions
		if !has[name] {
			v.deliver(informer.Delivery{Name: name, From: last})
		}
	}
}

// serviceOf returns the Service that an object is of.
func serviceOf(d informer.Delivery) string {
	if s, is := d.Object.(*slim_discoveryv1.EndpointSlice); is {
		return s.Namespace + "/" + s.Labels[slim_discoveryv1.LabelServiceName]
	}
	return d.Name
}

func (v *versions) learned(e truth.Entry, service string) agent.Learned {
	v.mu.Lock()
	defer v.mu.Unlock()
	o, at := v.onlyPending(service)
	if o == nil {
		o, at = v.saying(e, service)
	}
	if o == nil {
		return agent.Learned{}
	}
	o.used = max(o.used, at)
	return o.delivered[at].From
}

// onlyPending returns the one version of a Service's objects that is not known to be in the
// tables, if there is one: where others are more or none, what they say decides.
func (v *versions) onlyPending(service string) (only *object, at int) {
	for _, name := range v.of[service] {
		o := v.objects[name]
		switch one, more := o.pending(); {
		case more, one && only != nil:
			return nil, 0
		case one:
			only, at = o, len(o.delivered)-1
		}
	}
	return only, at
}

// saying returns the latest version of a Service's objects that says the entry; that lacks
// it, if it is gone, where the version before had it.
func (v *versions) saying(e truth.Entry, service string) (found *object, at int) {
	for _, name := range v.of[service] {
		o := v.objects[name]
		for i := range slices.Backward(o.delivered) {
			says := v.says(&o.delivered[i], e)
			if e.Value == "" {
				says = says && i > 0 && !v.says(&o.delivered[i-1], e)
			}
			if says {
				found, at = o, i
				break
			}
		}
	}
	return found, at
}

// settle notes that the tables have what was learned of a Service, and forgets its objects
// that are gone.
func (v *versions) settle(service string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	left := slices.DeleteFunc(v.of[service], func(name string) bool {
		o := v.objects[name]
		o.settled = o.settled || o.used > 0 || len(o.delivered) == 1
		o.delivered, o.used = o.delivered[o.used:], 0
		gone := len(o.delivered) == 1 && o.delivered[0].Version == ""
		if gone {
			delete(v.objects, name)
		}
		return gone
	})
	if v.of[service] = left; len(left) == 0 {
		delete(v.of, service)
	}
}

// says reports whether a version of an object says an entry, or, if that has no value, says
// nothing of it.
func (v *versions) says(d *delivery, e truth.Entry) bool {
	if d.entries == nil {
		d.entries = map[truth.Entry]bool{}
		if d.Version != "" {
			for _, e := range entriesOf(v.kind, d.Object) {
				d.entries[e], d.entries[truth.Entry{Kind: e.Kind, Key: e.Key}] = true, true
			}
		}
	}
	return d.entries[e] != (e.Value == "")
}

func entriesOf(kind string, o runtime.Object) []truth.Entry {
	raw, err := json.Marshal(o)
	if err != nil {
		return nil
	}
	_, entries, err := truth.FromObject(kind, raw, false, truth.Cluster{})
	if err != nil {
		return nil
	}
	return entries
}

// observed is a clientset whose lists and watches of Services and EndpointSlices are noted.
type observed struct {
	k8sclient.Clientset
	lists lists
}

type lists struct {
	services, slices *informer.ListWatch
	lag              informer.Lag // of slices; nil: none ever
}

// Observe returns clients of which it is noted what the lists and watches of Services and
// EndpointSlices deliver, with the connection of each.
func (r *Reads) Observe(clients k8sclient.Clientset, connections *agent.Connections, lag informer.Lag) k8sclient.Clientset {
	return observed{clients, lists{informer.New(connections, r.services), informer.New(connections, r.slices), lag}}
}

func (o observed) Slim() slim.Interface { return slimClients{o.Clientset.Slim(), o.lists} }

type slimClients struct {
	slim.Interface
	lists lists
}

func (c slimClients) CoreV1() slimcorev1.CoreV1Interface {
	return coreV1{c.Interface.CoreV1(), c.lists}
}

func (c slimClients) DiscoveryV1() slimdiscoveryv1.DiscoveryV1Interface {
	return discoveryV1{c.Interface.DiscoveryV1(), c.lists}
}

type coreV1 struct {
	slimcorev1.CoreV1Interface
	lists lists
}

func (c coreV1) Services(namespace string) slimcorev1.ServiceInterface {
	return serviceClient{c.CoreV1Interface.Services(namespace), c.lists.services}
}

type discoveryV1 struct {
	slimdiscoveryv1.DiscoveryV1Interface
	lists lists
}

func (d discoveryV1) EndpointSlices(namespace string) slimdiscoveryv1.EndpointSliceInterface {
	return sliceClient{d.DiscoveryV1Interface.EndpointSlices(namespace), d.lists.slices, d.lists.lag}
}

type serviceClient struct {
	slimcorev1.ServiceInterface
	lw *informer.ListWatch
}

func (c serviceClient) List(ctx context.Context, opts metav1.ListOptions) (*slim_corev1.ServiceList, error) {
	return informer.List(ctx, c.lw, opts, c.ServiceInterface.List)
}

func (c serviceClient) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	return c.lw.Watch(ctx, opts, c.ServiceInterface.Watch)
}

type sliceClient struct {
	slimdiscoveryv1.EndpointSliceInterface
	lw  *informer.ListWatch
	lag informer.Lag
}

func (c sliceClient) List(ctx context.Context, opts metav1.ListOptions) (*slim_discoveryv1.EndpointSliceList, error) {
	return informer.List(ctx, c.lw, opts, informer.LateList(c.lag, c.EndpointSliceInterface.List))
}

func (c sliceClient) Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	return c.lw.Watch(ctx, opts, informer.LateWatch(c.lag, c.EndpointSliceInterface.Watch))
}
