package fault

import (
	"encoding/json"
	"net/netip"
	"strconv"

	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// Given is what a plan's Objects bring into the world.
type Given struct {
	ClusterID  int    // of the identities, or zero if there are none
	Cluster    string // the cluster's name, as in the identities' labels, if they have it
	Slices     bool
	Namespaces []string
	Nodes      []string
	Pods       map[string]bool // namespace/name of Pods and CiliumEndpoints
	IPs        map[string]bool // of pods, endpoints and nodes

	inEndpoints, inSlices []Pod // that have a CiliumEndpoint, or a place in a slice
	nodeIPs               map[string]string
}

// Running returns the pods that the workload can act on, in their order: those of which
// agents hear. Of a pod that has no IPv4 address alone IP is empty, and Node is where the
// node is not given. App is empty: a given pod has labels of its own.
func (g *Given) Running(endpointSlices bool) []Pod {
	from := g.inEndpoints
	if endpointSlices {
		from = g.inSlices
	}
	var pods []Pod
	seen, users := map[string]bool{}, map[string]int{}
	for _, p := range from {
		users[p.IP]++
	}
	for _, p := range from {
		if key := p.Namespace + "/" + p.Name; seen[key] {
			continue // it is in two slices, as on its way from one to the other
		} else {
			seen[key] = true
		}
		if _, ofNode := g.nodeIPs[p.IP]; ofNode || users[p.IP] > 1 {
			p.IP = ""
		}
		p.Node = g.nodeIPs[p.Node]
		pods = append(pods, p)
	}
	return pods
}

// running is a pod with its first IPv4 address. Node is the address of its node.
func running(namespace, name string, networking givenNetworking) Pod {
	p := Pod{Namespace: namespace, Name: name, Node: plainAddress(networking.Node)}
	for _, pair := range networking.Addressing {
		if ip, err := netip.ParseAddr(pair.IPv4); err == nil && ip.Is4() && p.IP == "" {
			p.IP = ip.String()
		}
	}
	return p
}

// Survey returns what objects bring into the world of a cluster; the ID may be zero if it is
// not above 255. Its error says which of them cannot be part of a plan.
func Survey(objects []json.RawMessage, clusterID int) (Given, error) {
	g, problem := survey(objects, clusterID)
	if problem != nil {
		return g, problem
	}
	return g, nil
}

// clusterLabel is the security label that tells the cluster's name.
const clusterLabel = "k8s:io.cilium.k8s.policy.cluster"

// givenObject has the fields that survey needs, of all kinds together.
type givenObject struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Addresses []givenIP `json:"addresses"` // of a CiliumNode, as what follows
		IPAM      struct {
			PodCIDRs []string `json:"podCIDRs"`
		} `json:"ipam"`
		Health  givenAddressing `json:"health"`
		Ingress givenAddressing `json:"ingress"`
	} `json:"spec"`
	Status struct {
		PodIP      string          `json:"podIP"`
		PodIPs     []givenIP       `json:"podIPs"`
		HostIP     string          `json:"hostIP"`
		Networking givenNetworking `json:"networking"`
	} `json:"status"`
	SecurityLabels map[string]string `json:"security-labels"` // of an identity
	Namespace      string            `json:"namespace"`       // of a slice
	Endpoints      []struct {
		Name       string          `json:"name"`
		Networking givenNetworking `json:"networking"`
	} `json:"endpoints"`
}

type givenNetworking struct {
	Addressing []givenAddressing `json:"addressing"`
	Node       string            `json:"node"`
}

type givenAddressing struct {
	IPv4 string `json:"ipv4"`
	IPv6 string `json:"ipv6"`
}

type givenIP struct {
	IP string `json:"ip"`
}

// survey reads the objects of a plan. It asks of each only what it needs: that
// it is an object with a known kind and a name; package objects checks the rest.
func survey(objects []json.RawMessage, clusterID int) (Given, *flaw) {
	g := Given{Pods: map[string]bool{}, IPs: map[string]bool{}, nodeIPs: map[string]string{}}
	for i, raw := range objects {
		var object givenObject
		if err := json.Unmarshal(raw, &object); err != nil {
			return g, flawf("objects["+strconv.Itoa(i)+"]", "the object does not have the form of its kind: %s", err)
		}
		if p := g.add(object, IdentityShift(clusterID)); p != nil {
			p.Path = "objects[" + strconv.Itoa(i) + "]" + p.Path
			return g, p
		}
	}
	return g, nil
}

func (g *Given) add(object givenObject, identityShift int) *flaw {
	name := object.Metadata.Name
	if name == "" {
		return flawf("", "metadata.name is missing")
	}
	for _, namespace := range []string{object.Metadata.Namespace, object.Namespace} {
		if namespace != "" && !IsNamespaceName(namespace) {
			return flawf("", "%s is not a name that Kubernetes accepts for a namespace", strictjson.Quote(namespace))
		}
	}
	if !IsName(name) || object.Kind == "Namespace" && !IsNamespaceName(name) {
		return flawf("", "%s is not a name that Kubernetes accepts for a %s", strictjson.Quote(name), object.Kind)
	}
	if problem := object.checkAddresses(); problem != nil {
		return problem
	}
	switch object.Kind {
	case "Namespace":
		g.Namespaces = append(g.Namespaces, name)
	case "CiliumNode":
		g.Nodes = append(g.Nodes, name)
		for _, address := range object.Spec.Addresses {
			g.address(address.IP)
			g.nodeIPs[plainAddress(address.IP)] = name
		}
		for _, pair := range []givenAddressing{object.Spec.Health, object.Spec.Ingress} {
			g.address(pair.IPv4)
			g.address(pair.IPv6)
		}
	case "CiliumIdentity":
		id, err := strconv.Atoi(name)
		if err != nil {
			return flawf("", "the CiliumIdentity's name %s is not a number", strictjson.Quote(name))
		}
		if g.ClusterID == 0 {
			g.ClusterID = id >> identityShift
		}
		if g.Cluster == "" {
			g.Cluster = object.SecurityLabels[clusterLabel]
		}
		if cluster := id >> identityShift; cluster != g.ClusterID {
			return flawf("", "identity %d belongs to cluster %d and those before it to cluster %d; a plan has one cluster", id, cluster, g.ClusterID)
		}
	case "Pod", "CiliumEndpoint":
		g.Pods[object.Metadata.Namespace+"/"+name] = true
		g.address(object.Status.PodIP)
		g.address(object.Status.HostIP)
		for _, address := range object.Status.PodIPs {
			g.address(address.IP)
		}
		g.addresses(object.Status.Networking)
		if object.Kind == "CiliumEndpoint" {
			g.inEndpoints = append(g.inEndpoints, running(object.Metadata.Namespace, name, object.Status.Networking))
		}
	case "CiliumEndpointSlice":
		g.Slices = true
		for _, endpoint := range object.Endpoints {
			g.inSlices = append(g.inSlices, running(object.Namespace, endpoint.Name, endpoint.Networking))
			g.Pods[object.Namespace+"/"+endpoint.Name] = true
			g.addresses(endpoint.Networking)
		}
	default:
		return flawf("", "the kind %s is not supported; a plan takes CiliumIdentity, CiliumEndpoint, CiliumEndpointSlice, CiliumNode, Namespace and Pod", strictjson.Quote(object.Kind))
	}
	return nil
}

func (g *Given) addresses(networking givenNetworking) {
	g.address(networking.Node)
	for _, pair := range networking.Addressing {
		g.address(pair.IPv4)
		g.address(pair.IPv6)
	}
}

// address notes that an address is taken, however it is written.
func (g *Given) address(text string) {
	if text != "" {
		g.IPs[plainAddress(text)] = true
	}
}

// plainAddress is an address in the one way that all are compared in.
func plainAddress(text string) string {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.Unmap().String()
	}
	return text
}

// checkAddresses checks the addresses that Cilium's writers and agents read.
func (o *givenObject) checkAddresses() *flaw {
	if problem := o.Status.Networking.check(".status.networking"); problem != nil {
		return problem
	}
	for i := range o.Endpoints {
		if problem := o.Endpoints[i].Networking.check(".endpoints[" + strconv.Itoa(i) + "].networking"); problem != nil {
			return problem
		}
	}
	for i, address := range o.Spec.Addresses {
		if problem := checkGiven(".spec.addresses["+strconv.Itoa(i)+"].ip", address.IP); problem != nil {
			return problem
		}
	}
	for i, cidr := range o.Spec.IPAM.PodCIDRs {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			return flawf(".spec.ipam.podCIDRs["+strconv.Itoa(i)+"]", "%s is not a CIDR, such as \"10.128.0.0/24\"", strictjson.Quote(cidr))
		}
	}
	if problem := o.Spec.Health.check(".spec.health"); problem != nil {
		return problem
	}
	return o.Spec.Ingress.check(".spec.ingress")
}

func (n *givenNetworking) check(path string) *flaw {
	for i := range n.Addressing {
		if problem := n.Addressing[i].check(path + ".addressing[" + strconv.Itoa(i) + "]"); problem != nil {
			return problem
		}
	}
	return checkGiven(path+".node", n.Node)
}

func (a *givenAddressing) check(path string) *flaw {
	if problem := checkGiven(path+".ipv4", a.IPv4); problem != nil {
		return problem
	}
	return checkGiven(path+".ipv6", a.IPv6)
}

// checkGiven checks an address of a given object, which need not be there.
func checkGiven(path, text string) *flaw {
	if ip, err := netip.ParseAddr(text); text != "" && (err != nil || ip.Zone() != "") {
		return flawf(path, "%s is not an IP address, such as \"10.0.0.7\"", strictjson.Quote(text))
	}
	return nil
}
