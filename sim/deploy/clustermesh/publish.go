package clustermesh

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/hosts"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
)

const (
	sliceName = fault.MeshService + "-1"
	appLabel  = "k8s-app"

	requestTimeout = 10 * time.Second
	retryDelay     = time.Second
)

// publisher writes what agents go by of the replicas' pods to a kube-apiserver, as a client
// on the host of the workload: an EndpointSlice, as the EndpointSlice controller does, or the
// Pods on the networks of nodes, as scheduler and kubelets do. It writes the present state, as
// soon as the kube-apiservers let it: where they are away, agents are told late.
type publisher struct {
	m       *Mesh
	clients *kubeclient.Short
	wake    chan struct{} // holds a value if something has changed
	stop    context.CancelFunc

	slice   string            // endpoints of the slice, as written last
	written map[string]string // by name of a pod: its status, as written last
	ready   map[string]bool   // by replica: it was ready when that was last written
}

func newPublisher(m *Mesh) (*publisher, error) {
	clients, err := kubeclient.NewShort("kube-controller-manager", m.DialKube(mode.Client.Host(0)))
	return &publisher{m: m, clients: clients, wake: make(chan struct{}, 1), stop: func() {}, written: map[string]string{}, ready: map[string]bool{}}, err
}

// changed is told that there is something to write.
func (p *publisher) changed() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// start makes what is there before anybody runs, and begins to write.
func (p *publisher) start() {
	if p.m.Plan.InMode().ReadsServices() {
		for _, o := range []any{meshService(), meshSlice()} {
			raw, err := json.Marshal(o)
			deploy.Must(err)
			deploy.Must(p.m.Create(raw))
		}
	}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	go hosts.Run(mode.Client.Host(0), func() error { //nolint:errcheck // it returns none
		p.run(ctx)
		return nil
	})
}

func (p *publisher) run(ctx context.Context) {
	for ctx.Err() == nil {
		var again <-chan time.Time
		if p.write(ctx) != nil {
			again = time.After(retryDelay)
		}
		select {
		case <-p.wake:
		case <-again:
		case <-ctx.Done():
		}
	}
}

func (p *publisher) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	states, write := p.m.pods.states(), p.writePods
	if p.m.Plan.InMode().ReadsServices() {
		write = p.writeSlice
	}
	if err := write(ctx, states); err != nil {
		return err
	}
	p.record(states)
	return nil
}

// record records which replicas are ready now by what is written: not those that are only
// said to be.
func (p *publisher) record(states []podState) {
	now := map[string]bool{}
	for _, s := range states {
		now[s.replica] = s.ready && p.m.replica(s.replica).ready.Load()
	}
	for _, r := range p.m.replicas {
		if now[r.name] != p.ready[r.name] {
			p.m.recordReady(r.name, now[r.name])
		}
	}
	p.ready = now
}

func (p *publisher) writeSlice(ctx context.Context, states []podState) error {
	endpoints := []discoveryv1.Endpoint{}
	for _, s := range states {
		endpoints = append(endpoints, discoveryv1.Endpoint{
			Addresses:  []string{s.ip},
			Conditions: discoveryv1.EndpointConditions{Ready: &s.ready, Serving: &s.ready, Terminating: &s.ending},
		})
	}
	patch := patchOf(map[string]any{"endpoints": endpoints})
	if string(patch) == p.slice {
		return nil
	}
	_, err := p.clients.DiscoveryV1().EndpointSlices(fault.MeshNamespace).Patch(ctx, sliceName, types.MergePatchType, patch, metav1.PatchOptions{})
	if err == nil {
		p.slice = string(patch)
	}
	return err
}

func (p *publisher) writePods(ctx context.Context, states []podState) error {
	pods := p.clients.CoreV1().Pods(fault.MeshNamespace)
	there := map[string]bool{}
	for _, s := range states {
		there[s.name] = true
		if _, made := p.written[s.name]; !made {
			if _, err := pods.Create(ctx, s.object(), metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
			p.written[s.name] = ""
		}
		patch := patchOf(map[string]any{"status": s.status()})
		if string(patch) == p.written[s.name] {
			continue
		}
		if _, err := pods.Patch(ctx, s.name, types.MergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
			return err
		}
		p.written[s.name] = string(patch)
	}
	for _, name := range slices.Sorted(maps.Keys(p.written)) {
		if there[name] {
			continue
		}
		if err := pods.Delete(ctx, name, *metav1.NewDeleteOptions(0)); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		delete(p.written, name)
	}
	return nil
}

func patchOf(content map[string]any) []byte {
	patch, err := json.Marshal(content)
	deploy.Must(err)
	return patch
}

func meshService() *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: fault.MeshNamespace, Name: fault.MeshService},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: fault.MeshIP, ClusterIPs: []string{fault.MeshIP},
			Selector: map[string]string{appLabel: fault.MeshService}, SessionAffinity: corev1.ServiceAffinityNone,
			InternalTrafficPolicy: new(corev1.ServiceInternalTrafficPolicyCluster),
			Ports:                 []corev1.ServicePort{{Name: "apiserv", Port: deploy.EtcdPort, Protocol: corev1.ProtocolTCP}},
		},
	}
}

func meshSlice() *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{Namespace: fault.MeshNamespace, Name: sliceName, Labels: map[string]string{
			discoveryv1.LabelServiceName: fault.MeshService, discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{},
		Ports:       []discoveryv1.EndpointPort{{Name: new("apiserv"), Port: new(int32(deploy.EtcdPort)), Protocol: new(corev1.ProtocolTCP)}},
	}
}

// object returns the Pod as it is when a node has been chosen.
func (s *podState) object() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: fault.MeshNamespace, Name: s.name, Labels: map[string]string{appLabel: fault.MeshService}},
		Spec: corev1.PodSpec{
			NodeName: nodeName(s.node), HostNetwork: true,
			Containers: []corev1.Container{{Name: "etcd", Image: "etcd", Ports: []corev1.ContainerPort{{Name: "etcd", ContainerPort: deploy.EtcdPort, HostPort: deploy.EtcdPort, Protocol: corev1.ProtocolTCP}}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
}

func (s *podState) status() corev1.PodStatus {
	ready := corev1.ConditionFalse
	if s.ready {
		ready = corev1.ConditionTrue
	}
	return corev1.PodStatus{
		Phase: corev1.PodRunning, HostIP: s.ip, PodIP: s.ip, HostIPs: []corev1.HostIP{{IP: s.ip}}, PodIPs: []corev1.PodIP{{IP: s.ip}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}},
	}
}
