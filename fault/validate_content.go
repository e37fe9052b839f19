package fault

import (
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// checkPodContent checks addresses and ports of a pod.
func checkPodContent(path string, pod *Pod) *flaw {
	seen := map[string]bool{}
	for i, text := range append([]string{pod.IP}, pod.MoreIPs...) {
		at := path + ".ip"
		if i > 0 {
			at = path + ".moreIPs[" + strconv.Itoa(i-1) + "]"
		}
		ip, problem := checkAddress(at, text)
		if problem != nil {
			return problem
		}
		if seen[ip] {
			return flawf(at, "the pod has the address %s already", ip)
		}
		seen[ip] = true
	}
	return checkPorts(path+".ports", pod.Ports)
}

// checkAddress checks an address that is to stand in an object as it is written.
func checkAddress(path, text string) (canonical string, problem *flaw) {
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" || ip.Is4In6() {
		return "", flawf(path, "%s is not an IP address, such as \"10.0.0.7\" or \"fd00::7\"", strictjson.Quote(text))
	}
	return ip.String(), nil
}

// Split returns the parts of a port; false if it has not the form of one.
func (p Port) Split() (name string, number uint16, protocol string, ok bool) {
	name, rest, _ := strings.Cut(string(p), ":")
	digits, protocol, _ := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(digits, 10, 16)
	ok = err == nil && n > 0 && isLabel(name) && len(name) <= 15 && strings.Trim(name, "0123456789-") != "" && !strings.Contains(name, "--") &&
		(protocol == "TCP" || protocol == "UDP" || protocol == "SCTP")
	return name, uint16(n), protocol, ok
}

func checkPorts(path string, ports []Port) *flaw {
	seen := map[string]bool{}
	for i, port := range ports {
		at := path + "[" + strconv.Itoa(i) + "]"
		name, _, _, ok := port.Split()
		if !ok {
			return flawf(at, "%s is not a named port, such as \"http:8080/TCP\": a name of at most 15 characters, a number from 1 to 65535, and TCP, UDP or SCTP", strictjson.Quote(string(port)))
		}
		if seen[name] {
			return flawf(at, "the pod has a port %s already", name)
		}
		seen[name] = true
	}
	return nil
}

func (c *cluster) update(path string, pod *Pod) *flaw {
	if pod.App != "" {
		return flawf(path+".app", "a %s changes addresses, ports and node; a %s changes the app", PodUpdate, PodRelabel)
	}
	if pod.Node == "" && pod.IP == "" && len(pod.Ports) == 0 {
		return flawf(path, "a %s needs what becomes different: ip (with moreIPs, if there are some), ports or node", PodUpdate)
	}
	if pod.IP == "" && len(pod.MoreIPs) > 0 {
		return flawf(path+".moreIPs", "they are besides the address in ip, which is missing")
	}
	if problem := c.existing(path, pod); problem != nil {
		return problem
	}
	if c.running[pod.Namespace+"/"+pod.Name] {
		return flawf(path+".name", "the pod %s/%s is among the objects given, of which the workload changes no content", pod.Namespace, pod.Name)
	}
	if pod.Node != "" && !c.nodes[pod.Node] {
		return flawf(path+".node", "the node %s does not exist at that time; the plan starts with %s", pod.Node, c.nodesAtTheStart())
	}
	if pod.IP == "" {
		return checkPorts(path+".ports", pod.Ports)
	}
	return checkPodContent(path, pod)
}

// mostLate is how late the end of a pod that was replaced may be: longer than any agent is away.
const mostLate = 600 * second

// replace checks a pod that comes back under its name as another one.
func (c *cluster) replace(path string, pod *Pod) *flaw {
	if pod.App != "" || len(pod.Ports) > 0 {
		return flawf(path, "a %s keeps the pod's app and ports; want its node and ip (with moreIPs, if there are some)", PodReplace)
	}
	if pod.Node == "" || pod.IP == "" {
		return flawf(path, "a %s needs the node and the ip (with moreIPs, if there are some) that the pod comes back with", PodReplace)
	}
	return c.update(path, pod)
}

// content checks what a node at the start has.
func (c *cluster) content(path string, n *Node) *flaw {
	number, ok := NodeNumber(n.Name)
	if !ok || number < 0 || number >= c.startNodes {
		return flawf(path+".name", "%s is none of the nodes that topology.nodes counts, n0, n1, ...", strictjson.Quote(n.Name))
	}
	if c.described[n.Name] {
		return flawf(path+".name", "the node %s is described already", n.Name)
	}
	c.described[n.Name] = true
	return checkNode(path, n, true)
}

func (c *cluster) updateNode(path string, op *Op) *flaw {
	if op.Node == nil {
		return flawf(path+".node", "a %s needs what the node has from then on", op.Op)
	}
	if !c.nodes[op.Name] {
		return flawf(path+".name", "the node %s does not exist at that time", op.Name)
	}
	if slices.Contains(c.given.Nodes, op.Name) {
		return flawf(path+".name", "the node %s is among the objects given, which the workload leaves alone", op.Name)
	}
	return checkNode(path+".node", op.Node, false)
}

// checkNode checks what a node has. Its name is with it only at the start.
func checkNode(path string, n *Node, named bool) *flaw {
	if n.Name != "" && !named {
		return flawf(path+".name", "the op has the node's name, in its own field name")
	}
	for i, address := range n.Addresses {
		at := path + ".addresses[" + strconv.Itoa(i) + "]"
		kind, ip, _ := strings.Cut(address, "=")
		if !slices.Contains(addressTypes, kind) {
			return flawf(at, "%s is not an address of a node, such as \"InternalIP=192.168.0.1\"; the types are %s", strictjson.Quote(address), strings.Join(addressTypes, ", "))
		}
		if _, problem := checkAddress(at, ip); problem != nil {
			return problem
		}
	}
	if len(n.Addresses) > 0 && !slices.ContainsFunc(n.Addresses, func(a string) bool { return strings.HasPrefix(a, "InternalIP=") }) {
		return flawf(path+".addresses", "there is no InternalIP, by which the node's pods are reached")
	}
	for i, cidr := range n.PodCIDRs {
		if prefix, err := netip.ParsePrefix(cidr); err != nil || prefix != prefix.Masked() {
			return flawf(path+".podCIDRs["+strconv.Itoa(i)+"]", "%s is not a CIDR, such as \"10.128.0.0/24\" or \"fd00:1::/64\"", strictjson.Quote(cidr))
		}
	}
	for _, list := range []struct {
		name string
		ips  []string
	}{{"health", n.Health}, {"ingress", n.Ingress}} {
		families := map[bool]bool{}
		for i, text := range list.ips {
			at := path + "." + list.name + "[" + strconv.Itoa(i) + "]"
			ip, problem := checkAddress(at, text)
			if problem != nil {
				return problem
			}
			if family := strings.Contains(ip, ":"); families[family] {
				return flawf(at, "there is an address of that family already, and a CiliumNode has one")
			} else {
				families[family] = true
			}
		}
	}
	if n.EncryptionKey < 0 || n.EncryptionKey > 15 {
		return flawf(path+".encryptionKey", "found %d; want 1 to 15, or 0 for none", n.EncryptionKey)
	}
	return nil
}

// addressTypes are types of a node's addresses (Cilium: pkg/node/addressing).
var addressTypes = []string{"InternalIP", "ExternalIP", "CiliumInternalIP"}

func (c *cluster) annotate(path string, op *Op) *flaw {
	if !c.namespaces[op.Name] {
		return flawf(path+".name", "the namespace %s does not exist at that time", op.Name)
	}
	if slices.Contains(c.given.Namespaces, op.Name) {
		return flawf(path+".name", "the namespace %s is among the objects given, which the workload leaves alone", op.Name)
	}
	return nil
}

// MaxConnectedClusters returns the value of Cilium's setting of that name under which a
// cluster can have an ID: 255, the default, or 511, the only other one.
func MaxConnectedClusters(clusterID int) int {
	if clusterID > 255 {
		return MostClusters
	}
	return 255
}

// MostClusters is the highest ID of a cluster.
const MostClusters = 511

// IdentityShift returns where the cluster ID begins in the number of an identity. It is on
// top of the number's 24 bits, and takes as many as MaxConnectedClusters needs.
func IdentityShift(clusterID int) int {
	return 24 - bits.Len(uint(MaxConnectedClusters(clusterID)))
}
