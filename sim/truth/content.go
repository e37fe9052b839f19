package truth

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// EndpointContent is what an agent acts upon of an endpoint's address. What is not
// known, or not set, is zero, and not in the entry's content.
type EndpointContent struct {
	ID             uint32
	Host           string // the address of its node
	Namespace, Pod string
	Key            uint8  // index of the encryption key; 0: traffic is sent in the clear
	Ports          []Port // named ones
}

// Port is a named port.
type Port struct {
	Name     string `json:"name"`
	Port     uint16 `json:"port"`
	Protocol string `json:"protocol"` // "TCP" if it is empty
}

// The reserved identities of a host and of another one
// (Cilium: pkg/identity/numericidentity.go).
const (
	hostIdentity       = 1
	remoteNodeIdentity = 6
)

// Endpoint returns the entry of an endpoint's address, which is in canonical form. What one cluster knows as its
// host is a remote node to those who read it (Cilium: pkg/ipcache/kvstore.go, OnUpdate),
// so both are one content.
func Endpoint(ip string, c EndpointContent) Entry {
	if c.ID == hostIdentity {
		c.ID = remoteNodeIdentity
	}
	s := make([]byte, 0, 96)
	s = strconv.AppendUint(append(s, "id="...), uint64(c.ID), 10)
	s = append(append(s, " host="...), canonical(c.Host)...)
	s = append(append(s, " pod="...), c.Namespace...)
	s = append(append(s, '/'), c.Pod...)
	if c.Key != 0 {
		s = strconv.AppendUint(append(s, " key="...), uint64(c.Key), 10)
	}
	if ports := usable(c.Ports); len(ports) > 0 {
		s = append(append(s, " ports="...), strings.Join(ports, ",")...)
	}
	return Entry{history.Endpoint, ip, string(s)}
}

// usable returns the named ports that Cilium uses, each as "http:8080/TCP", in order of
// their names, which have no case: of two with one name it uses the later, and none
// without a number or with a name that is no service's (pkg/types/portmap.go, AddPort).
func usable(ports []Port) []string {
	if len(ports) == 0 {
		return nil
	}
	byName := map[string]string{}
	for _, p := range ports {
		protocol := strings.ToUpper(p.Protocol)
		if protocol == "" {
			protocol = "TCP"
		}
		if name := strings.ToLower(p.Name); p.Port != 0 && protocol != "ANY" && isServiceName(name) {
			byName[name] = name + ":" + strconv.Itoa(int(p.Port)) + "/" + protocol
		}
	}
	return slices.Sorted(maps.Values(byName))
}

// isServiceName reports whether a lower-case name is one of a service, as RFC 6335,
// section 5.1 has it (Cilium: pkg/iana).
func isServiceName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return len(name) <= 15 && strings.ContainsAny(name, letters) && strings.Trim(name, letters+"0123456789-") == "" &&
		!strings.HasPrefix(name, "-") && !strings.HasSuffix(name, "-") && !strings.Contains(name, "--")
}

// NodeContent is what an agent acts upon of a node. What is not set is zero, and not in
// the entry's content.
type NodeContent struct {
	Cluster   string
	ClusterID uint32
	Addresses []Address // in their order: Cilium uses the first of a type and family
	// CIDRs of its pods: the first of each family, and further ones in their order.
	CIDR4, CIDR6   string
	CIDR4s, CIDR6s []string
	// Addresses of the health endpoint and of the ingress.
	Health4, Health6, Ingress4, Ingress6 string

	Key                 uint8  // index of the encryption key
	WireGuard           string // public key
	BootID              string
	Labels, Annotations map[string]string
}

// Address is an address of a node.
type Address struct {
	Type string `json:"type"`
	IP   string `json:"ip"`
}

// canonical is an address as Cilium prints it, however it was written; what is none
// stays.
func canonical(address string) string {
	if ip, err := netip.ParseAddr(address); err == nil {
		return ip.Unmap().String()
	}
	return address
}

// Node returns the entry of a node.
func Node(name string, c NodeContent) Entry {
	var s content
	for _, a := range c.Addresses {
		s.set(a.Type, canonical(a.IP))
	}
	if c.Cluster != "" || c.ClusterID != 0 {
		s.set("cluster", c.Cluster+"/"+strconv.FormatUint(uint64(c.ClusterID), 10))
	}
	for _, f := range []struct{ name, value string }{
		{"cidr4", c.CIDR4}, {"cidr4s", strings.Join(c.CIDR4s, ",")}, {"cidr6", c.CIDR6}, {"cidr6s", strings.Join(c.CIDR6s, ",")},
		{"health4", canonical(c.Health4)}, {"health6", canonical(c.Health6)}, {"ingress4", canonical(c.Ingress4)}, {"ingress6", canonical(c.Ingress6)},
		{"wireguard", c.WireGuard}, {"boot", c.BootID},
	} {
		if f.value != "" {
			s.set(f.name, f.value)
		}
	}
	if c.Key != 0 {
		s.set("key", strconv.Itoa(int(c.Key)))
	}
	for _, label := range slices.Sorted(maps.Keys(c.Labels)) {
		s.set("label."+label, c.Labels[label])
	}
	for _, annotation := range slices.Sorted(maps.Keys(c.Annotations)) {
		s.set("annotation."+annotation, c.Annotations[annotation])
	}
	return Entry{history.Node, name, string(s)}
}

// content is fields "name=value" with a space between them. A value that could be taken
// for more than that is quoted.
type content []byte

func (s *content) set(name, value string) {
	if len(*s) > 0 {
		*s = append(*s, ' ')
	}
	*s = append(append(*s, name...), '=')
	if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == '"' || r > '~' }) {
		*s = strconv.AppendQuoteToASCII(*s, value)
		return
	}
	*s = append(*s, value...)
}
