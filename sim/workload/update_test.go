package workload

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// rich is a plan in which a pod and its node have all that they can have.
func rich(ops ...fault.Op) *fault.Plan {
	p := alone(ops...)
	p.Topology.Nodes = 2
	p.Nodes = []fault.Node{{
		Name: "n0", PodCIDRs: []string{"10.128.0.0/24", "fd00:1::/64"}, Health: []string{"fd00:1::2", "10.128.0.2"}, Ingress: []string{"10.128.0.3"},
		EncryptionKey: 3, WireGuard: "wg", BootID: "b", Labels: map[string]string{"zone": "z0"}, Annotations: map[string]string{"note": "two words"},
	}}
	p.Pods = []fault.Pod{{Namespace: "ns", Name: "p0", App: "web", Node: "n0", IP: "10.0.0.1", MoreIPs: []string{"10.0.0.2", "fd00::1"}, Ports: []fault.Port{"http:8080/TCP"}}}
	return p
}

// endpoint is what the kube-apiserver has of a pod's endpoint.
func (w *world) endpoint(name string) (e v2.CiliumEndpoint) {
	w.T.Helper()
	require.NoError(w.T, w.Store.Get("CiliumEndpoint", "ns", name).Decode(&e))
	return e
}

func (w *world) node(name string) (n v2.CiliumNode) {
	w.T.Helper()
	require.NoError(w.T, w.Store.Get("CiliumNode", "", name).Decode(&n))
	return n
}

func TestWholeContentAtTheStart(t *testing.T) {
	simulate(t, rich(), func(w *world) {
		n := w.node("n0")
		require.Equal(t, "192.168.0.1", n.Spec.Addresses[0].IP, "addresses that it is not given")
		require.Equal(t, "fd00:1::/64", n.Spec.IPAM.PodCIDRs[1].String())
		require.Equal(t, v2.HealthAddressingSpec{IPv4: "10.128.0.2", IPv6: "fd00:1::2"}, n.Spec.HealthAddressing)
		require.Equal(t, v2.AddressPair{IPV4: "10.128.0.3"}, n.Spec.IngressAddressing)
		require.Equal(t, map[string]string{"note": "two words", "network.cilium.io/wg-pub-key": "wg"}, n.Annotations)
		require.Equal(t, "z0 b 3", n.Labels["zone"]+" "+n.Spec.BootID+" "+string(rune('0'+n.Spec.Encryption.Key)))
		s := w.endpoint("p0").Status
		require.Equal(t, v2.AddressPairList{{IPV4: "10.0.0.1", IPV6: "fd00::1"}, {IPV4: "10.0.0.2"}}, s.Networking.Addressing)
		require.Equal(t, 3, s.Encryption.Key, "that of its node")
		require.Equal(t, "http", s.NamedPorts[0].Name)
		var p corev1.Pod
		require.NoError(t, w.Store.Get("Pod", "ns", "p0").Decode(&p))
		require.Len(t, p.Status.PodIPs, 3)
		require.Equal(t, int32(8080), p.Spec.Containers[0].Ports[0].ContainerPort)
	})
}

// A node's new address and key are in the endpoints of its pods, and in no others.
func TestNodeChangesInPlace(t *testing.T) {
	p := rich(create(0, "p1", "web", "10.0.0.9"), fault.Op{At: fault.Duration(time.Second), Op: fault.NodeUpdate, Name: "n0",
		Node: &fault.Node{Addresses: []string{"CiliumInternalIP=10.128.0.1", "InternalIP=192.168.9.9"}, EncryptionKey: 4, Labels: map[string]string{"zone": "z1"}}})
	p.Ops[0].Pod.Node = "n1"
	simulate(t, p, func(w *world) {
		simtest.Pass(5 * time.Second)
		n := w.node("n0")
		require.Equal(t, []v2.NodeAddress{{Type: "CiliumInternalIP", IP: "10.128.0.1"}, {Type: "InternalIP", IP: "192.168.9.9"}}, n.Spec.Addresses)
		require.Empty(t, n.Spec.IPAM.PodCIDRs, "what it is not given it has no more")
		require.Equal(t, "z1", n.Labels["zone"])
		s := w.endpoint("p0").Status
		require.Equal(t, "192.168.9.9", s.Networking.NodeIP)
		require.Equal(t, 4, s.Encryption.Key)
		require.Equal(t, "192.168.0.2", w.endpoint("p1").Status.Networking.NodeIP)
	})
}

func TestPodChangesInPlace(t *testing.T) {
	to := fault.Pod{Namespace: "ns", Name: "p0", IP: "fd00::5", Ports: []fault.Port{"dns:53/UDP"}, Node: "n1"}
	for _, slices := range []bool{false, true} {
		p := rich(op(time.Second, fault.PodUpdate, to), remove(10*time.Second, "p0"))
		p.Options.EndpointSlices = slices
		simulate(t, p, func(w *world) {
			simtest.Pass(5 * time.Second)
			var n v2.EndpointNetworking
			if slices {
				var s v2alpha1.CiliumEndpointSlice
				require.NoError(t, w.Store.List("CiliumEndpointSlice")[0].Decode(&s))
				n = *s.Endpoints[0].Networking
				require.Equal(t, "dns", s.Endpoints[0].NamedPorts[0].Name)
			} else {
				s := w.endpoint("p0").Status
				n = *s.Networking
				require.Equal(t, "dns", s.NamedPorts[0].Name)
				require.Zero(t, s.Encryption.Key, "that of the other node")
			}
			require.Equal(t, v2.EndpointNetworking{Addressing: v2.AddressPairList{{IPV6: "fd00::5"}}, NodeIP: "192.168.0.2"}, n)
			simtest.Pass(15 * time.Second)
			require.Empty(t, w.Store.List("CiliumEndpoint"))
			require.Empty(t, w.Store.List("CiliumEndpointSlice"))
		})
	}
}

// With operators the pod's status says it too, from which they make slices.
func TestPodChangesInPlaceWithOperators(t *testing.T) {
	p := operated(op(5*time.Second, fault.PodUpdate, fault.Pod{Namespace: "ns", Name: "p0", IP: "10.0.0.7"}),
		fault.Op{At: fault.Duration(10 * time.Second), Op: fault.NodeUpdate, Name: "n0", Node: &fault.Node{Addresses: []string{"InternalIP=192.168.9.9"}, EncryptionKey: 2}})
	p.Pods = []fault.Pod{{Namespace: "ns", Name: "p0", App: "web", Node: "n0", IP: "10.0.0.1"}}
	simulate(t, p, func(w *world) {
		simtest.Pass(20 * time.Second)
		var pod corev1.Pod
		require.NoError(t, w.Store.Get("Pod", "ns", "p0").Decode(&pod))
		require.Equal(t, "10.0.0.7 192.168.9.9", pod.Status.PodIP+" "+pod.Status.HostIP)
		s := w.endpoint("p0").Status
		require.Equal(t, "10.0.0.7", s.Networking.Addressing[0].IPV4)
		require.Equal(t, 2, s.Encryption.Key)
	})
}

func TestNamespaceIsAnnotated(t *testing.T) {
	no := "false"
	p := alone(create(0, "p0", "web", "10.0.0.1"), fault.Op{Op: fault.NamespaceAnnotate, Name: "ns", Global: &no},
		fault.Op{At: fault.Duration(10 * time.Second), Op: fault.NamespaceAnnotate, Name: "ns"})
	simulate(t, p, func(w *world) {
		global := func() (string, bool) {
			var n corev1.Namespace
			require.NoError(t, w.Store.Get("Namespace", "", "ns").Decode(&n))
			value, said := n.Annotations["clustermesh.cilium.io/global"]
			return value, said
		}
		w.slow("namespaces", "create", 3*time.Second)
		simtest.Pass(5 * time.Second)
		value, _ := global()
		require.Equal(t, "false", value, "though the namespace was still being made")
		simtest.Pass(10 * time.Second)
		_, said := global()
		require.False(t, said)
	})
}
