package workload

import (
	"maps"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cilium/cilium/api/v1/models"
	"github.com/cilium/cilium/pkg/annotation"
	"github.com/cilium/cilium/pkg/ip"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	v2alpha1 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"

	"github.com/meshcheck/meshcheck/fault"
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
	o := &v2.CiliumNode{
		TypeMeta:   metav1.TypeMeta{APIVersion: "cilium.io/v2", Kind: "CiliumNode"},
		ObjectMeta: metav1.ObjectMeta{Name: n.name, Labels: n.has.Labels, Annotations: maps.Clone(n.has.Annotations)},
		Spec:       v2.NodeSpec{Addresses: n.addresses, BootID: n.has.BootID, Encryption: v2.EncryptionSpec{Key: n.has.EncryptionKey}},
	}
	if n.has.WireGuard != "" {
		if o.Annotations == nil {
			o.Annotations = map[string]string{}
		}
		o.Annotations[annotation.WireguardPubKey] = n.has.WireGuard
	}
	for _, cidr := range n.has.PodCIDRs {
		o.Spec.IPAM.PodCIDRs = append(o.Spec.IPAM.PodCIDRs, ip.PrefixFrom(netip.MustParsePrefix(cidr)))
	}
	health, ingress := pairs(n.has.Health), pairs(n.has.Ingress)
	for _, p := range health {
		o.Spec.HealthAddressing = v2.HealthAddressingSpec{IPv4: p.IPV4, IPv6: p.IPV6}
	}
	for _, p := range ingress {
		o.Spec.IngressAddressing = *p
	}
	return o
}

// pairs puts addresses of both families into as few pairs as possible, in their order.
func pairs(ips []string) (list v2.AddressPairList) {
	var count [2]int
	for _, ip := range ips {
		family := 0
		if netip.MustParseAddr(ip).Is6() {
			family = 1
		}
		if count[family] == len(list) {
			list = append(list, &v2.AddressPair{})
		}
		if family == 0 {
			list[count[0]].IPV4 = ip
		} else {
			list[count[1]].IPV6 = ip
		}
		count[family]++
	}
	return list
}

// addressesOf are all addresses of a pod of a plan.
func addressesOf(p *fault.Pod) []string { return append([]string{p.IP}, p.MoreIPs...) }

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
		Spec:       corev1.PodSpec{NodeName: p.node, ServiceAccountName: serviceAccount, Containers: p.containers()},
		Status:     corev1.PodStatus{Phase: corev1.PodPending, HostIP: p.nodeIP},
	}
	if p.running {
		o.Status = p.runningStatus()
	}
	return o
}

func (p *pod) runningStatus() corev1.PodStatus {
	s := corev1.PodStatus{Phase: corev1.PodRunning, HostIP: p.nodeIP, PodIP: p.ips[0]}
	for _, ip := range p.ips {
		s.PodIPs = append(s.PodIPs, corev1.PodIP{IP: ip})
	}
	return s
}

// containers is that with the pod's named ports, if it has some.
func (p *pod) containers() []corev1.Container {
	if len(p.ports) == 0 {
		return nil
	}
	c := corev1.Container{Name: "app", Image: "app"}
	for _, port := range p.ports {
		name, number, protocol, _ := port.Split()
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: name, ContainerPort: int32(number), Protocol: corev1.Protocol(protocol)})
	}
	return []corev1.Container{c}
}

func (p *pod) namedPorts() (ports models.NamedPorts) {
	for _, port := range p.ports {
		name, number, protocol, _ := port.Split()
		ports = append(ports, &models.Port{Name: name, Port: number, Protocol: protocol})
	}
	return ports
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
			Encryption: v2.EncryptionSpec{Key: p.key},
			NamedPorts: p.namedPorts(),
			State:      string(models.EndpointStateReady),
		},
	}
}

func (p *pod) networking() *v2.EndpointNetworking {
	return &v2.EndpointNetworking{
		Addressing: pairs(p.ips),
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
		core := v2alpha1.CoreCiliumEndpoint{Name: p.name, PodUID: string(p.uid), Networking: p.networking(), ServiceAccount: serviceAccount, Encryption: v2.EncryptionSpec{Key: p.key}, NamedPorts: p.namedPorts()}
		if p.given != nil {
			core = *p.given
		}
		core.IdentityID = int64(p.identity.id)
		o.Endpoints = append(o.Endpoints, core)
	}
	return o
}
