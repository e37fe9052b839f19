package fault

import (
	"encoding/json"
	"net/netip"
	"strconv"

	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// given is what a plan's Objects bring into the world.
type given struct {
	clusterID  int    // of the identities, or zero if there are none
	cluster    string // the cluster's name, as in the identities' labels, if they have it
	slices     bool
	namespaces []string
	nodes      []string
	pods       map[string]bool // namespace/name of Pods and CiliumEndpoints
	ips        map[string]bool // of pods and endpoints
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
	Status struct {
		PodIP      string          `json:"podIP"`
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
	Addressing []struct {
		IPv4 string `json:"ipv4"`
		IPv6 string `json:"ipv6"`
	} `json:"addressing"`
}

// survey reads the objects of a plan. It asks of each only what it needs: that
// it is an object with a known kind and a name; package objects checks the rest.
func survey(objects []json.RawMessage) (given, *flaw) {
	g := given{pods: map[string]bool{}, ips: map[string]bool{}}
	for i, raw := range objects {
		var object givenObject
		if err := json.Unmarshal(raw, &object); err != nil {
			return g, flawf("objects["+strconv.Itoa(i)+"]", "the object does not have the form of its kind: %s", err)
		}
		if p := g.add(object); p != nil {
			p.Path = "objects[" + strconv.Itoa(i) + "]"
			return g, p
		}
	}
	return g, nil
}

func (g *given) add(object givenObject) *flaw {
	name := object.Metadata.Name
	if name == "" {
		return flawf("", "metadata.name is missing")
	}
	switch object.Kind {
	case "Namespace":
		g.namespaces = append(g.namespaces, name)
	case "CiliumNode":
		g.nodes = append(g.nodes, name)
	case "CiliumIdentity":
		id, err := strconv.Atoi(name)
		if err != nil {
			return flawf("", "the CiliumIdentity's name %s is not a number", strictjson.Quote(name))
		}
		if g.clusterID == 0 {
			g.clusterID = id >> 16
		}
		if g.cluster == "" {
			g.cluster = object.SecurityLabels[clusterLabel]
		}
		if id>>16 != g.clusterID {
			return flawf("", "identity %d belongs to cluster %d and those before it to cluster %d; a plan has one cluster", id, id>>16, g.clusterID)
		}
	case "Pod", "CiliumEndpoint":
		g.pods[object.Metadata.Namespace+"/"+name] = true
		g.address(object.Status.PodIP)
		g.addresses(object.Status.Networking)
	case "CiliumEndpointSlice":
		g.slices = true
		for _, endpoint := range object.Endpoints {
			g.pods[object.Namespace+"/"+endpoint.Name] = true
			g.addresses(endpoint.Networking)
		}
	default:
		return flawf("", "the kind %s is not supported; a plan takes CiliumIdentity, CiliumEndpoint, CiliumEndpointSlice, CiliumNode, Namespace and Pod", strictjson.Quote(object.Kind))
	}
	return nil
}

func (g *given) addresses(networking givenNetworking) {
	for _, pair := range networking.Addressing {
		for _, ip := range []string{pair.IPv4, pair.IPv6} {
			g.address(ip)
		}
	}
}

// address notes that an address is taken, however it is written.
func (g *given) address(text string) {
	if ip, err := netip.ParseAddr(text); err == nil {
		text = ip.Unmap().String()
	}
	g.ips[text] = true
}
