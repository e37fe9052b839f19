package workload

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cilium/cilium/api/v1/models"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	v2alpha1 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	"github.com/cilium/cilium/pkg/node/addressing"
)

// serviceAccount is that of every pod.
const serviceAccount = "default"

func namespaceObject(name string) *corev1.Namespace {
	return &corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		// The label is the kube-apiserver's doing.
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}},
	}
}

func (n node) object() *v2.CiliumNode {
	return &v2.CiliumNode{
		TypeMeta:   metav1.TypeMeta{APIVersion: "cilium.io/v2", Kind: "CiliumNode"},
		ObjectMeta: metav1.ObjectMeta{Name: n.name},
		Spec: v2.NodeSpec{Addresses: []v2.NodeAddress{
			{Type: addressing.NodeInternalIP, IP: n.internalIP},
			{Type: addressing.NodeCiliumInternalIP, IP: n.ciliumIP},
		}},
	}
}

func (id *identity) name() string { return strconv.Itoa(id.id) }

func (id *identity) object() *v2.CiliumIdentity {
	return &v2.CiliumIdentity{
		TypeMeta:       metav1.TypeMeta{APIVersion: "cilium.io/v2", Kind: "CiliumIdentity"},
		ObjectMeta:     metav1.ObjectMeta{Name: id.name()},
		SecurityLabels: id.labels,
	}
}

// object returns the pod as it is scheduled, or running.
func (p *pod) object() *corev1.Pod {
	o := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Namespace: p.namespace, UID: p.uid, Labels: map[string]string{"app": p.identity.labels["k8s:app"]}},
		Spec:       corev1.PodSpec{NodeName: p.node, ServiceAccountName: serviceAccount},
		Status:     corev1.PodStatus{Phase: corev1.PodPending, HostIP: p.nodeIP},
	}
	if p.running {
		o.Status = p.runningStatus()
	}
	return o
}

func (p *pod) runningStatus() corev1.PodStatus {
	return corev1.PodStatus{Phase: corev1.PodRunning, HostIP: p.nodeIP, PodIP: p.ip, PodIPs: []corev1.PodIP{{IP: p.ip}}}
}

// endpoint returns the pod's CiliumEndpoint.
func (p *pod) endpoint() *v2.CiliumEndpoint {
	if p.givenEndpoint != nil {
		o := p.givenEndpoint.DeepCopy()
		o.Status.Identity = &v2.EndpointIdentity{ID: int64(p.identity.id)}
		return o
	}
	return &v2.CiliumEndpoint{
		TypeMeta:   metav1.TypeMeta{APIVersion: "cilium.io/v2", Kind: "CiliumEndpoint"},
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Namespace: p.namespace},
		Status: v2.EndpointStatus{
			ID:         1,
			Identity:   &v2.EndpointIdentity{ID: int64(p.identity.id)},
			Networking: p.networking(),
			State:      string(models.EndpointStateReady),
		},
	}
}

func (p *pod) networking() *v2.EndpointNetworking {
	return &v2.EndpointNetworking{
		Addressing: v2.AddressPairList{{IPV4: p.ip}},
		NodeIP:     p.nodeIP,
	}
}

// object returns the slice as the operator's slim CiliumEndpointSlices are.
func (s *slice) object() *v2alpha1.CiliumEndpointSlice {
	o := &v2alpha1.CiliumEndpointSlice{
		TypeMeta:   metav1.TypeMeta{APIVersion: "cilium.io/v2alpha1", Kind: "CiliumEndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Namespace:  s.namespace,
		Endpoints:  []v2alpha1.CoreCiliumEndpoint{},
	}
	for _, p := range s.pods {
		core := v2alpha1.CoreCiliumEndpoint{Name: p.name, PodUID: string(p.uid), Networking: p.networking(), ServiceAccount: serviceAccount}
		if p.given != nil {
			core = *p.given
		}
		core.IdentityID = int64(p.identity.id)
		o.Endpoints = append(o.Endpoints, core)
	}
	return o
}
