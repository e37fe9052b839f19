package truth

import (
	"encoding/json"
	"net"
	"strings"

	"github.com/meshcheck/meshcheck/model/schema"
)

// FromEtcd returns the view kind of a key in an etcd and the canonical content
// of its value, or schema.Meta and the value itself for a key that belongs to
// no view or a value that is not of its kind's form.
func FromEtcd(key string, value []byte) (kind, content string) {
	entry, _ := schema.EntryOf(key)
	if entry == nil {
		return schema.Meta, string(value)
	}
	switch entry.Name {
	case schema.Identity:
		labels := strings.Split(strings.TrimSuffix(string(value), ";"), ";")
		return schema.Identity, Identity("", labels).Value
	case schema.Endpoint:
		var v struct {
			HostIP       string
			ID           uint32
			Key          uint8
			K8sNamespace string
			K8sPodName   string
			NamedPorts   []Port
		}
		if err := json.Unmarshal(value, &v); err == nil {
			return schema.Endpoint, Endpoint("", EndpointContent{v.ID, v.HostIP, v.K8sNamespace, v.K8sPodName, v.Key, v.NamedPorts}).Value
		}
		if len(value) == 0 {
			return schema.Endpoint, ""
		}
	case schema.Node:
		var v storedNode
		if err := json.Unmarshal(value, &v); err == nil {
			return schema.Node, Node("", v.content()).Value
		}
		if len(value) == 0 {
			return schema.Node, ""
		}
	}
	return schema.Meta, string(value)
}

// storedNode is a node as an etcd has it (Cilium: pkg/node/types/node.go).
type storedNode struct {
	Cluster                                                  string
	ClusterID                                                uint32
	IPAddresses                                              []Address
	IPv4AllocCIDR, IPv6AllocCIDR                             *net.IPNet
	IPv4SecondaryAllocCIDRs, IPv6SecondaryAllocCIDRs         []*net.IPNet
	IPv4HealthIP, IPv6HealthIP, IPv4IngressIP, IPv6IngressIP string
	EncryptionKey                                            uint8
	Labels, Annotations                                      map[string]string
	WireguardPubKey, BootID                                  string
}

func (n *storedNode) content() NodeContent {
	return NodeContent{
		Cluster: n.Cluster, ClusterID: n.ClusterID, Addresses: n.IPAddresses,
		CIDR4: CIDR(n.IPv4AllocCIDR), CIDR4s: cidrs(n.IPv4SecondaryAllocCIDRs), CIDR6: CIDR(n.IPv6AllocCIDR), CIDR6s: cidrs(n.IPv6SecondaryAllocCIDRs),
		Health4: n.IPv4HealthIP, Health6: n.IPv6HealthIP, Ingress4: n.IPv4IngressIP, Ingress6: n.IPv6IngressIP,
		Key: n.EncryptionKey, WireGuard: n.WireguardPubKey, BootID: n.BootID, Labels: n.Labels, Annotations: n.Annotations,
	}
}

// CIDR is a CIDR as text, empty if there is none.
func CIDR(n *net.IPNet) string {
	if n == nil {
		return ""
	}
	return n.String()
}

func cidrs(all []*net.IPNet) (texts []string) {
	for _, n := range all {
		texts = append(texts, CIDR(n))
	}
	return texts
}
