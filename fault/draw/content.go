package draw

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/fault"
)

// richness is whether nodes and pods have all that they can have, and how many steps
// change it in place.
type richness struct {
	is    bool
	steps int
}

// richnesses draws it: half of the seeds are plain.
var richnesses = rapid.Custom(func(t *rapid.T) richness {
	return richness{is: coin.Draw(t, "rich"), steps: 4 + uniform(t, 16, "steps")}
})

// content is what the generator knows of nodes and namespaces besides their names.
type content struct {
	rich    bool
	number  map[string]int // of nodes with content, by name: each has numbers of its own
	nodes   map[string]fault.Node
	hidden  map[string]bool // namespaces that other clusters do not see
	changes int
}

// describe gives a new node all that a node can have.
func (g *generator) describe(name string) *fault.Node {
	i := len(g.content.number)
	if known, again := g.content.number[name]; again {
		i = known
	}
	g.content.number[name] = i
	a, b := 128+i/250, i%250
	n := fault.Node{
		PodCIDRs:      []string{fmt.Sprintf("10.%d.%d.0/24", a, b), fmt.Sprintf("fd00:%x::/64", i+1)},
		Health:        []string{fmt.Sprintf("10.%d.%d.2", a, b), fmt.Sprintf("fd00:%x::2", i+1)},
		EncryptionKey: 1,
		WireGuard:     fmt.Sprintf("key-of-%s", name),
		BootID:        fmt.Sprintf("boot-of-%s", name),
		Labels:        map[string]string{"topology.kubernetes.io/zone": fmt.Sprintf("z%d", i%3)},
	}
	g.content.nodes[name] = n
	return &n
}

// contentStep changes something in place: mostly a node, else a pod or a namespace.
func (g *generator) contentStep(s step) {
	g.content.changes++
	switch {
	case s.verb < 50:
		g.updateNode(s)
	case s.verb < 80:
		g.updatePod(s)
	default:
		g.annotate(s)
	}
}

// updateNode changes one thing of a node that was not given. The index of the encryption
// key goes up to 3 and round, as keys rotate.
func (g *generator) updateNode(s step) {
	names := slices.DeleteFunc(slices.Clone(g.nodes), func(name string) bool { _, known := g.content.nodes[name]; return !known })
	if len(names) == 0 {
		return
	}
	name := names[s.node%len(names)]
	n, c := g.content.nodes[name], g.content.changes
	switch s.pick % 9 {
	case 0:
		n.Labels = maps.Clone(n.Labels)
		n.Labels["topology.kubernetes.io/zone"] = fmt.Sprintf("z%d", 3+c)
	case 1:
		n.Annotations = map[string]string{"example.com/note": fmt.Sprintf("change %d", c)}
	case 2:
		n.BootID = fmt.Sprintf("boot-of-%s-%d", name, c)
	case 3:
		n.Health = n.Health[:1]
		n.Ingress = []string{fmt.Sprintf("10.250.%d.3", c)}
	case 4:
		n.PodCIDRs = append(slices.Clone(n.PodCIDRs[:2]), fmt.Sprintf("10.250.%d.0/24", c))
	case 5:
		n.WireGuard = fmt.Sprintf("key-of-%s-%d", name, c)
	case 6, 7:
		n.EncryptionKey = n.EncryptionKey%3 + 1
	case 8:
		n.Addresses = []string{fmt.Sprintf("InternalIP=192.168.250.%d", c), fmt.Sprintf("CiliumInternalIP=10.250.%d.1", c)}
	}
	g.content.nodes[name] = n
	g.plan.Ops = append(g.plan.Ops, fault.Op{At: s.at, Op: fault.NodeUpdate, Name: name, Node: &n})
}

// updatePod gives a live pod, which no other is about to replace, other addresses, other
// ports or another node.
func (g *generator) updatePod(s step) {
	if len(g.pods) == 0 {
		return
	}
	pod := &g.pods[s.pick%len(g.pods)]
	if g.given.Pods[pod.Namespace+"/"+pod.Name] {
		return // it stays as it was given
	}
	if g.replaced != nil && g.replaced.Namespace == pod.Namespace && g.replaced.Name == pod.Name {
		return
	}
	to := fault.Pod{Namespace: pod.Namespace, Name: pod.Name}
	switch s.app % 3 {
	case 0:
		if len(g.freeIPs) == 0 {
			return
		}
		old := *pod
		i := s.ip % len(g.freeIPs)
		pod.IP = g.freeIPs[i]
		g.freeIPs = slices.Delete(g.freeIPs, i, i+1)
		addFamilies(pod, s.intent)
		g.free(old)
		to.IP, to.MoreIPs = pod.IP, pod.MoreIPs
	case 1:
		pod.Ports = []fault.Port{fault.Port(fmt.Sprintf("http:%d/TCP", 8000+g.content.changes)), "dns:53/UDP"}
		to.Ports = pod.Ports
	case 2:
		pod.Node = g.nodes[s.node%len(g.nodes)]
		to.Node = pod.Node
	}
	g.emit(s.at, fault.PodUpdate, &to)
}

// annotate hides a namespace with pods that was not given from other clusters, or shows it
// again.
func (g *generator) annotate(s step) {
	candidates := g.withPods()
	if len(candidates) == 0 {
		return
	}
	op := fault.Op{At: s.at, Op: fault.NamespaceAnnotate, Name: candidates[s.namespace%len(candidates)]}
	if !g.content.hidden[op.Name] {
		op.Global = new("false")
	} else if s.app%2 == 0 {
		op.Global = new("true")
	}
	g.content.hidden[op.Name] = !g.content.hidden[op.Name]
	g.plan.Ops = append(g.plan.Ops, op)
}

// portsOf are the named ports of an app.
func portsOf(app int) (ports []fault.Port) {
	if app%2 == 0 {
		ports = append(ports, "http:8080/TCP")
	}
	if app%3 != 0 {
		ports = append(ports, "metrics:9090/TCP")
	}
	return ports
}

// addFamilies gives a pod with an IPv4 address one of IPv6 besides, or, one time in four,
// in its place; or, as often, leaves it as it is.
func addFamilies(pod *fault.Pod, in intent) {
	pod.MoreIPs = nil
	switch in.pick / 16 % 4 {
	case 0, 1:
		pod.MoreIPs = []string{asIPv6(pod.IP)}
	case 2:
		pod.IP = asIPv6(pod.IP)
	}
}

// asIPv6 is the address of IPv6 that goes with one of a pool of IPv4.
func asIPv6(ip string) string {
	v4 := netip.MustParseAddr(ip).As4()
	v6 := [16]byte{0xfd}
	copy(v6[12:], v4[:])
	return netip.AddrFrom16(v6).String()
}

// asIPv4 is the address of the pool that one comes from.
func asIPv4(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Is4() {
		return ip // a given pod may have none that is its alone
	}
	v6 := addr.As16()
	return netip.AddrFrom4([4]byte(v6[12:])).String()
}
