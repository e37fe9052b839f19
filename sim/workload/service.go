package workload

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/meshcheck/meshcheck/fault"
)

// Services, as those who care for the cluster write them, and their EndpointSlices, as the
// EndpointSlice controller of Kubernetes does.

// perSlice is how many backends an EndpointSlice has at most, unless a Service says so
// (--max-endpoints-per-slice).
const perSlice = 100

// service is a Service and its EndpointSlices.
type service struct {
	has     fault.Service
	version version
	slices  []*backendSlice // of backends, in the order in which they were made
}

// backendSlice is an EndpointSlice: of one Service and one family of addresses. Backends
// stay in it, and it is deleted when it has none.
type backendSlice struct {
	name     string
	family   discoveryv1.AddressType
	backends []fault.Backend
	version  version
}

func serviceObject(s *fault.Service) object { return object{"Service", s.Namespace, s.Name} }

// services are those of the cluster, as the plan has them.
type services struct {
	all     map[object]*service
	slices  map[object]int    // of each, made so far: no name comes again
	holders map[string]object // by address: the Service that had it last
}

func newServices() services {
	return services{map[object]*service{}, map[object]int{}, map[string]object{}}
}

// of returns the Services in a namespace, by name.
func (s services) of(namespace string) (in []*service) {
	for o, svc := range s.all {
		if o.namespace == namespace {
			in = append(in, svc)
		}
	}
	slices.SortFunc(in, func(a, b *service) int { return cmp.Compare(a.has.Name, b.has.Name) })
	return in
}

// seed makes the Services of the start.
func (s services) seed(list []fault.Service) (made []runtime.Object) {
	for i := range list {
		svc := &service{has: list[i]}
		o := serviceObject(&list[i])
		s.all[o] = svc
		s.hold(o, &list[i])
		made = append(made, svc.object())
		for _, slice := range s.place(o, svc) {
			made = append(made, slice.object(&svc.has))
		}
	}
	return made
}

// hold notes which addresses a Service has, and returns the other Services that had one of
// them last: they have to give it up first.
func (s services) hold(o object, has *fault.Service) (before []object) {
	for _, ip := range slices.Concat(has.IPs, has.ExternalIPs) {
		if holder, held := s.holders[ip]; held && holder != o {
			before = append(before, holder)
		}
		s.holders[ip] = o
	}
	return before
}

// place puts the backends of a Service into EndpointSlices, and returns those that change:
// a backend stays where it is, what is new goes where there is room.
func (s services) place(o object, svc *service) (changed []*backendSlice) {
	left := map[string]fault.Backend{}
	for _, b := range svc.has.Backends {
		left[b.IP] = b
	}
	touched := map[*backendSlice]bool{}
	for _, slice := range svc.slices {
		touched[slice] = true // the ports may be different
		var kept []fault.Backend
		for _, old := range slice.backends {
			if now, is := left[old.IP]; is {
				kept = append(kept, now)
				delete(left, old.IP)
			}
		}
		slice.backends = kept
	}
	for _, b := range svc.has.Backends {
		if _, is := left[b.IP]; is {
			slice := s.room(o, svc, b)
			slice.backends = append(slice.backends, b)
			touched[slice] = true
		}
	}
	for _, slice := range svc.slices {
		if touched[slice] {
			changed = append(changed, slice)
		}
	}
	return changed
}

// room returns a slice of a Service that has room for a backend, which may be new.
func (s services) room(o object, svc *service, b fault.Backend) *backendSlice {
	family, most := discoveryv1.AddressTypeIPv4, perSlice
	if netip.MustParseAddr(b.IP).Is6() {
		family = discoveryv1.AddressTypeIPv6
	}
	if svc.has.PerSlice != 0 {
		most = svc.has.PerSlice
	}
	for _, slice := range svc.slices {
		if slice.family == family && len(slice.backends) < most {
			return slice
		}
	}
	s.slices[o]++
	slice := &backendSlice{name: fmt.Sprintf("%s-%d", o.name, s.slices[o]), family: family, version: absent}
	svc.slices = append(svc.slices, slice)
	return slice
}

func (w *Workload) planService(t *task, op *fault.Op) {
	all, o := w.cluster.services, serviceObject(op.Service)
	t.object = o
	w.changes(t, o)
	if op.Op == fault.ServiceDelete {
		svc := all.all[o]
		delete(all.all, o)
		t.perform = func(ctx context.Context, over func(string)) { w.deleteService(ctx, svc); over("") }
		return
	}
	w.follows(t, namespaceObjectOf(o.namespace))
	w.follows(t, all.hold(o, op.Service)...)
	svc := all.all[o]
	if op.Op == fault.ServiceCreate {
		svc = &service{has: *op.Service, version: absent}
		all.all[o] = svc
	}
	t.perform = func(ctx context.Context, over func(string)) {
		w.ensureNamespace(ctx, o.namespace)
		w.writeService(ctx, o, svc, op.Service)
		over("")
	}
}

// writeService makes a Service what it has to be, and then its EndpointSlices.
func (w *Workload) writeService(ctx context.Context, o object, svc *service, has *fault.Service) {
	a := w.client("")
	w.mu.Lock()
	svc.has = *has
	changed := w.cluster.services.place(o, svc)
	svc.slices = slices.DeleteFunc(svc.slices, func(s *backendSlice) bool { return len(s.backends) == 0 })
	w.mu.Unlock()
	write(ctx, a.clients.CoreV1().Services(o.namespace), svc.object(), &svc.version)
	for _, slice := range changed {
		if len(slice.backends) == 0 {
			a.deleteEndpointSlice(ctx, o.namespace, slice.name)
			continue
		}
		write(ctx, a.clients.DiscoveryV1().EndpointSlices(o.namespace), slice.object(has), &slice.version)
	}
}

// deleteService deletes a Service, and then, as the garbage collector does, its EndpointSlices.
func (w *Workload) deleteService(ctx context.Context, svc *service) {
	a := w.client("")
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		return a.clients.CoreV1().Services(svc.has.Namespace).Delete(ctx, svc.has.Name, metav1.DeleteOptions{})
	})
	for _, slice := range svc.slices {
		a.deleteEndpointSlice(ctx, svc.has.Namespace, slice.name)
	}
}

func (a api) deleteEndpointSlice(ctx context.Context, namespace, name string) {
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		return a.clients.DiscoveryV1().EndpointSlices(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	})
}

// object returns the Service as the kube-apiserver keeps it, which sets what is not said.
func (s *service) object() *corev1.Service {
	o := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: s.has.Namespace, Name: s.has.Name, Labels: maps.Clone(s.has.Labels), Annotations: maps.Clone(s.has.Annotations)},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: corev1.ClusterIPNone, ClusterIPs: s.has.IPs, ExternalIPs: s.has.ExternalIPs,
			Selector: map[string]string{"app": s.has.Name}, SessionAffinity: corev1.ServiceAffinityNone, InternalTrafficPolicy: new(corev1.ServiceInternalTrafficPolicyCluster),
		},
	}
	if len(s.has.IPs) > 0 {
		o.Spec.ClusterIP = s.has.IPs[0]
	} else {
		o.Spec.ClusterIPs = []string{corev1.ClusterIPNone}
	}
	if s.has.Affinity > 0 {
		o.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
		o.Spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: new(int32(s.has.Affinity))}}
	}
	if s.has.Local {
		o.Spec.InternalTrafficPolicy = new(corev1.ServiceInternalTrafficPolicyLocal)
	}
	for _, port := range s.has.Ports {
		name, number, protocol, _ := port.Split()
		o.Spec.Ports = append(o.Spec.Ports, corev1.ServicePort{Name: name, Port: int32(number), Protocol: corev1.Protocol(protocol)})
	}
	return o
}

// object returns the EndpointSlice.
func (s *backendSlice) object(of *fault.Service) *discoveryv1.EndpointSlice {
	o := &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{Namespace: of.Namespace, Name: s.name, Labels: map[string]string{
			discoveryv1.LabelServiceName: of.Name, discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io"}},
		AddressType: s.family,
		Endpoints:   []discoveryv1.Endpoint{},
	}
	for i, port := range of.Ports {
		name, number, protocol, _ := port.Split()
		if len(of.Targets) > 0 {
			number = uint16(of.Targets[i])
		}
		o.Ports = append(o.Ports, discoveryv1.EndpointPort{Name: &name, Port: new(int32(number)), Protocol: new(corev1.Protocol(protocol))})
	}
	for _, b := range s.backends {
		e := discoveryv1.Endpoint{Addresses: []string{b.IP}, Conditions: conditionsOf(b.State)}
		if b.Node != "" {
			e.NodeName = &b.Node
		}
		if b.Zone != "" {
			e.Zone = &b.Zone
		}
		o.Endpoints = append(o.Endpoints, e)
	}
	return o
}

func conditionsOf(state fault.BackendState) discoveryv1.EndpointConditions {
	ready, serving, ends := state == fault.BackendReady, state == fault.BackendReady || state == fault.BackendTerminating, state == fault.BackendTerminating || state == fault.BackendEnding
	return discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &ends}
}
