package truth

import (
	"encoding/json"
	"fmt"
	"net/netip"
)

// Cluster is the cluster that the objects are of, as its nodes say.
type Cluster struct {
	Name string
	ID   int
}

// Parts of the Kubernetes objects, as in Cilium's CRD schemas
// (pkg/k8s/apis/cilium.io/client/crds).
type (
	meta struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	}
	pair struct {
		IPV4 string `json:"ipv4"`
		IPV6 string `json:"ipv6"`
	}
	networking struct {
		Addressing []pair `json:"addressing"`
		NodeIP     string `json:"node"`
	}
	encryption struct {
		Key int `json:"key"`
	}
	ciliumIdentity struct {
		Metadata meta              `json:"metadata"`
		Labels   map[string]string `json:"security-labels"`
	}
	ciliumEndpoint struct {
		Metadata meta `json:"metadata"`
		Status   struct {
			Identity struct {
				ID uint32 `json:"id"`
			} `json:"identity"`
			Networking *networking `json:"networking"`
			Encryption encryption  `json:"encryption"`
			Ports      []Port      `json:"named-ports"`
		} `json:"status"`
	}
	ciliumEndpointSlice struct {
		Metadata  meta   `json:"metadata"`
		Namespace string `json:"namespace"`
		Endpoints []struct {
			Name       string      `json:"name"`
			IdentityID uint32      `json:"id"`
			Networking *networking `json:"networking"`
			Encryption encryption  `json:"encryption"`
			Ports      []Port      `json:"named-ports"`
		} `json:"endpoints"`
	}
	ciliumNode struct {
		Metadata meta `json:"metadata"`
		Spec     struct {
			BootID     string     `json:"bootid"`
			Addresses  []Address  `json:"addresses"`
			Health     pair       `json:"health"`
			Ingress    pair       `json:"ingress"`
			Encryption encryption `json:"encryption"`
			IPAM       struct {
				PodCIDRs []netip.Prefix `json:"podCIDRs"`
				Pools    struct {
					Allocated []struct {
						CIDRs []netip.Prefix `json:"cidrs"`
					} `json:"allocated"`
				} `json:"pools"`
			} `json:"ipam"`
		} `json:"spec"`
	}
)

// namespaceLabel is the label of an identity that names its pods' namespace.
const namespaceLabel = "k8s:io.kubernetes.pod.namespace"

// FromObject returns the entries that an object of a cluster makes true, in the order in
// which they stand in it, and the namespace that they belong to, if any. Two may
// have the same key. Endpoints come from
// CiliumEndpointSlices or from CiliumEndpoints, as slices says. An object of
// another kind makes none true.
func FromObject(kind string, object []byte, slices bool, cluster Cluster) (namespace string, entries []Entry, err error) {
	switch {
	case kind == "Service": // agents read those of all namespaces
		entries, err = fromService(object)
		return "", entries, err
	case kind == "EndpointSlice":
		entries, err = fromEndpointSlice(object)
		return "", entries, err
	case kind == "CiliumIdentity":
		var o ciliumIdentity
		if err := json.Unmarshal(object, &o); err != nil || len(o.Labels) == 0 {
			return "", nil, err
		}
		var labels []string
		for k, v := range o.Labels {
			labels = append(labels, k+"="+v)
		}
		return o.Labels[namespaceLabel], []Entry{Identity(o.Metadata.Name, labels)}, nil
	case kind == "CiliumNode":
		var o ciliumNode
		if err := json.Unmarshal(object, &o); err != nil {
			return "", nil, err
		}
		return "", []Entry{Node(o.Metadata.Name, o.content(cluster))}, nil
	case kind == "CiliumEndpointSlice" && slices:
		var o ciliumEndpointSlice
		if err := json.Unmarshal(object, &o); err != nil {
			return "", nil, err
		}
		for _, ep := range o.Endpoints {
			c := EndpointContent{ID: ep.IdentityID, Namespace: o.Namespace, Pod: ep.Name, Key: uint8(ep.Encryption.Key), Ports: ep.Ports}
			if entries, err = appendEndpoint(entries, ep.Networking, c); err != nil {
				return "", nil, fmt.Errorf("endpoint %s: %w", ep.Name, err)
			}
		}
		return o.Namespace, entries, nil
	case kind == "CiliumEndpoint" && !slices:
		var o ciliumEndpoint
		if err := json.Unmarshal(object, &o); err != nil {
			return "", nil, err
		}
		m, s := &o.Metadata, &o.Status
		c := EndpointContent{ID: s.Identity.ID, Namespace: m.Namespace, Pod: m.Name, Key: uint8(s.Encryption.Key), Ports: s.Ports}
		entries, err = appendEndpoint(nil, s.Networking, c)
		return m.Namespace, entries, err
	}
	return "", nil, nil
}

func appendEndpoint(entries []Entry, n *networking, c EndpointContent) ([]Entry, error) {
	if n == nil {
		return entries, nil
	}
	c.Host = n.NodeIP
	for _, a := range n.Addressing {
		for _, s := range []string{a.IPV4, a.IPV6} {
			if s == "" {
				continue
			}
			ip, err := netip.ParseAddr(s)
			if err != nil {
				return nil, err
			}
			entries = append(entries, Endpoint(ip.Unmap().String(), c))
		}
	}
	return entries, nil
}

// Names of the annotation that holds a node's public key of WireGuard
// (Cilium: pkg/annotation/k8s.go).
const (
	wireGuardAnnotation = "network.cilium.io/wg-pub-key"
	wireGuardAlias      = "io.cilium.network.wg-pub-key"
)

// content is what ParseCiliumNode takes of the object (Cilium: pkg/k8s/node.go).
func (n *ciliumNode) content(cluster Cluster) NodeContent {
	s := &n.Spec
	c := NodeContent{
		Cluster: cluster.Name, ClusterID: uint32(cluster.ID),
		Health4: s.Health.IPV4, Health6: s.Health.IPV6, Ingress4: s.Ingress.IPV4, Ingress6: s.Ingress.IPV6,
		Key: uint8(s.Encryption.Key), BootID: s.BootID,
		Labels: n.Metadata.Labels, Annotations: n.Metadata.Annotations,
		Addresses: s.Addresses,
	}
	var ok bool
	if c.WireGuard, ok = c.Annotations[wireGuardAnnotation]; !ok {
		c.WireGuard = c.Annotations[wireGuardAlias]
	}
	c.add(s.IPAM.PodCIDRs)
	for _, pool := range s.IPAM.Pools.Allocated {
		c.add(pool.CIDRs)
	}
	return c
}

// add adds CIDRs of pods: the first of a family is the node's own.
func (c *NodeContent) add(cidrs []netip.Prefix) {
	for _, cidr := range cidrs {
		first, more := &c.CIDR4, &c.CIDR4s
		if cidr.Addr().Unmap().Is6() {
			first, more = &c.CIDR6, &c.CIDR6s
		}
		switch {
		case !cidr.IsValid():
		case *first == "":
			*first = cidr.Masked().String()
		default:
			*more = append(*more, cidr.Masked().String())
		}
	}
}
