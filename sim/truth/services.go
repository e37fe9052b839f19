package truth

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// ServiceContent is what an agent acts upon of a Service, besides its backends. What is
// not known, or not set, is zero, and not in the entry's content.
type ServiceContent struct {
	Frontends         []Frontend
	Ports             map[string]uint16 // by name
	Affinity          int               // seconds for which a client stays with a backend; 0: none
	External          string            // traffic policy, if it is not Cluster
	Internal          string            // likewise
	Distribution      string
	Class             string
	HealthPort        uint16
	Ranges            []string // of clients that it serves
	Selector          map[string]string
	Labels            map[string]string
	Annotations       map[string]string
	UnlistedFrontends []string // that lack a backend of theirs, or have one too many
}

// Frontend is an address and port at which a Service is reached.
type Frontend struct {
	Type     string // as of a Service: ClusterIP, ExternalIPs or LoadBalancer
	IP       string
	Port     uint16
	Protocol string
	Name     string // of the port
	Service  uint16 // the port of the Service
	Inside   bool   // for clients in the cluster alone
}

// cluster is the traffic policy by which all backends are used.
const cluster = "Cluster"

// Service returns the entry of a Service, "namespace/name".
func Service(name string, c ServiceContent) Entry {
	var s content
	var frontends []string
	for _, f := range c.Frontends {
		frontends = append(frontends, f.String())
	}
	slices.Sort(frontends)
	for _, f := range frontends {
		kind, at, _ := strings.Cut(f, "=")
		s.set(kind, at)
	}
	for _, port := range slices.Sorted(maps.Keys(c.Ports)) {
		s.set("port."+port, strconv.Itoa(int(c.Ports[port])))
	}
	if c.Affinity != 0 {
		s.set("affinity", strconv.Itoa(c.Affinity)+"s")
	}
	for _, f := range []struct{ name, value string }{
		{"external", strings.TrimSuffix(c.External, cluster)}, {"internal", strings.TrimSuffix(c.Internal, cluster)}, {"distribution", c.Distribution}, {"class", c.Class},
		{"ranges", strings.Join(c.Ranges, ",")}, {"unlisted", strings.Join(slices.Sorted(slices.Values(c.UnlistedFrontends)), ",")},
	} {
		if f.value != "" {
			s.set(f.name, f.value)
		}
	}
	if c.HealthPort != 0 {
		s.set("health", strconv.Itoa(int(c.HealthPort)))
	}
	for _, of := range []struct {
		name string
		all  map[string]string
	}{{"selector.", c.Selector}, {"label.", c.Labels}, {"annotation.", c.Annotations}} {
		for _, key := range slices.Sorted(maps.Keys(of.all)) {
			s.set(of.name+key, of.all[key])
		}
	}
	return Entry{history.Service, name, string(s)}
}

// String is the frontend as "ClusterIP=10.96.0.1:80/TCP:http", and what is unusual of it.
func (f Frontend) String() string {
	text := f.Type + "=" + netip.AddrPortFrom(netip.MustParseAddr(canonical(f.IP)), f.Port).String() + "/" + f.Protocol
	if f.Name != "" {
		text += ":" + f.Name
	}
	if f.Service != f.Port {
		text += fmt.Sprintf(":%d", f.Service)
	}
	if f.Inside {
		text += ":inside"
	}
	return text
}

// BackendContent is what an agent acts upon of a backend of a Service.
type BackendContent struct {
	State  string   // BackendActive, ...
	Names  []string // of its port
	Weight uint16   // 0: the usual one
	Node   string
	Zone   string
	Zones  []string // of clients for which it is meant
}

// The states of a backend, as Cilium calls them (pkg/loadbalancer, BackendState).
const (
	BackendActive         = "active"
	BackendTerminating    = "terminating"
	BackendNotServing     = "terminating-not-serving"
	BackendMaintenance    = "maintenance"
	usualWeight           = 100
	serviceNameLabel      = "kubernetes.io/service-name" // on an EndpointSlice
	headlessLabel         = "service.kubernetes.io/headless"
	proxyNameLabel        = "service.kubernetes.io/service-proxy-name"
	managedByLabel        = "endpointslice.kubernetes.io/managed-by"
	meshController        = "endpointslice-mesh-controller.cilium.io" // of backends in other clusters
	affinitySecondsUnless = 10800                                     // said otherwise
)

// Backend returns the entry of a backend of the Service "namespace/name".
func Backend(service, ip string, port uint16, protocol string, c BackendContent) Entry {
	var s content
	s.set("state", c.State)
	for _, f := range []struct{ name, value string }{
		{"ports", strings.Join(slices.Sorted(slices.Values(c.Names)), ",")}, {"node", c.Node}, {"zone", c.Zone}, {"for", strings.Join(c.Zones, ",")},
	} {
		if f.value != "" {
			s.set(f.name, f.value)
		}
	}
	if c.Weight != 0 && c.Weight != usualWeight {
		s.set("weight", strconv.Itoa(int(c.Weight)))
	}
	at := netip.AddrPortFrom(netip.MustParseAddr(canonical(ip)), port)
	return Entry{history.Backend, fmt.Sprintf("%s/%s/%s", service, at, protocol), string(s)}
}

// ServiceOfBackend returns the Service, "namespace/name", in the key of a backend.
func ServiceOfBackend(key string) string {
	namespace, rest, _ := strings.Cut(key, "/")
	name, _, _ := strings.Cut(rest, "/")
	return namespace + "/" + name
}

// Parts of a Service and an EndpointSlice.
type (
	service struct {
		Metadata meta `json:"metadata"`
		Spec     struct {
			Ports []struct {
				Name, Protocol string
				Port           uint16
			}
			Selector                 map[string]string
			ClusterIP, Type          string
			ClusterIPs, ExternalIPs  []string
			SessionAffinity          string
			SessionAffinityConfig    struct{ ClientIP struct{ TimeoutSeconds int } }
			LoadBalancerSourceRanges []string
			LoadBalancerClass        string
			ExternalTrafficPolicy    string
			InternalTrafficPolicy    string
			HealthCheckNodePort      uint16
			TrafficDistribution      string
		}
		Status struct {
			LoadBalancer struct{ Ingress []struct{ IP, IPMode string } }
		}
	}
	endpointSlice struct {
		Metadata    meta   `json:"metadata"`
		AddressType string `json:"addressType"`
		Endpoints   []struct {
			Addresses  []string
			Conditions struct{ Ready, Serving, Terminating *bool }
			NodeName   string
			Zone       string
			Hints      struct{ ForZones []struct{ Name string } }
		} `json:"endpoints"`
		Ports []struct {
			Name     string
			Protocol string
			Port     *uint16
		} `json:"ports"`
	}
)

// fromService returns what a Service makes true (Cilium: pkg/loadbalancer/reflectors,
// convertService, without kube-proxy replacement: node ports are not for its agents). Agents
// do not read one that is for another proxy.
func fromService(raw []byte) ([]Entry, error) {
	var o service
	if err := json.Unmarshal(raw, &o); err != nil || !forAgents(o.Metadata.Labels) {
		return nil, err
	}
	s := &o.Spec
	c := ServiceContent{
		Ports: map[string]uint16{}, External: s.ExternalTrafficPolicy, Internal: s.InternalTrafficPolicy, Class: s.LoadBalancerClass, HealthPort: s.HealthCheckNodePort,
		Ranges: s.LoadBalancerSourceRanges, Selector: s.Selector, Labels: o.Metadata.Labels, Annotations: o.Metadata.Annotations,
	}
	if c.Internal != localPolicy {
		c.Distribution = s.TrafficDistribution
	}
	if s.SessionAffinity == "ClientIP" {
		c.Affinity = cmp.Or(s.SessionAffinityConfig.ClientIP.TimeoutSeconds, affinitySecondsUnless)
	}
	for _, p := range s.Ports {
		c.Ports[p.Name] = p.Port
	}
	for _, at := range o.addresses() {
		for _, p := range s.Ports {
			f := Frontend{Type: at.of, IP: at.ip, Port: p.Port, Protocol: p.Protocol, Name: p.Name, Service: p.Port}
			c.Frontends = append(c.Frontends, f)
			if f.Inside = true; at.of == loadBalancer && (c.External == localPolicy) != (c.Internal == localPolicy) {
				c.Frontends = append(c.Frontends, f)
			}
		}
	}
	return []Entry{Service(o.Metadata.Namespace+"/"+o.Metadata.Name, c)}, nil
}

const (
	loadBalancer = "LoadBalancer"
	localPolicy  = "Local"
)

type serviceAddress struct{ of, ip string }

// addresses returns those at which the Service is reached: none, if it is headless.
func (o *service) addresses() (all []serviceAddress) {
	s := &o.Spec
	if _, headless := o.Metadata.Labels[headlessLabel]; headless || strings.EqualFold(s.ClusterIP, "none") {
		return nil
	}
	add := func(of string, ips ...string) {
		for _, ip := range ips {
			if _, err := netip.ParseAddr(ip); err == nil {
				all = append(all, serviceAddress{of, ip})
			}
		}
	}
	if add("ClusterIP", s.ClusterIPs...); len(s.ClusterIPs) == 0 {
		add("ClusterIP", s.ClusterIP)
	}
	if s.Type == loadBalancer {
		for _, i := range o.Status.LoadBalancer.Ingress {
			if i.IPMode == "" || i.IPMode == "VIP" {
				add(loadBalancer, i.IP)
			}
		}
	}
	add("ExternalIPs", s.ExternalIPs...)
	return all
}

// forAgents reports whether agents read an object with labels (Cilium: pkg/k8s/utils,
// GetServiceAndEndpointListOptionsModifier).
func forAgents(labels map[string]string) bool {
	_, others := labels[proxyNameLabel]
	return !others && labels[managedByLabel] != meshController
}

// fromEndpointSlice returns what an EndpointSlice makes true (Cilium: pkg/k8s/endpoints.go,
// ParseEndpointSliceV1, and convertEndpoints).
func fromEndpointSlice(raw []byte) (entries []Entry, err error) {
	var o endpointSlice
	if err := json.Unmarshal(raw, &o); err != nil || !forAgents(o.Metadata.Labels) || o.AddressType == "FQDN" {
		return nil, err
	}
	of := o.Metadata.Namespace + "/" + o.Metadata.Labels[serviceNameLabel]
	type port struct {
		number   uint16
		protocol string
	}
	names := map[port][]string{}
	var ports []port
	for _, p := range o.Ports {
		if p.Port == nil {
			continue
		}
		at := port{*p.Port, cmp.Or(p.Protocol, "TCP")}
		if !slices.Contains(ports, at) {
			ports = append(ports, at)
		}
		if p.Name != "" {
			names[at] = append(names[at], p.Name)
		}
	}
	for _, e := range o.Endpoints {
		c := BackendContent{State: backendState(e.Conditions.Ready, e.Conditions.Serving, e.Conditions.Terminating), Node: e.NodeName, Zone: e.Zone}
		if c.Zone != "" { // hints count with a zone only
			for _, z := range e.Hints.ForZones {
				c.Zones = append(c.Zones, z.Name)
			}
		}
		for _, ip := range e.Addresses {
			if _, err := netip.ParseAddr(ip); err != nil {
				continue
			}
			for _, p := range ports {
				c.Names = names[p]
				entries = append(entries, Backend(of, ip, p.number, p.protocol, c))
			}
		}
	}
	return entries, nil
}

// backendState is that of an endpoint with these conditions, nil where it does not say.
func backendState(ready, serving, terminating *bool) string {
	is := func(said *bool, unless bool) bool { return said == nil && unless || said != nil && *said }
	switch ends := is(terminating, false); {
	case is(ready, true):
		return BackendActive
	case ends && is(serving, true):
		return BackendTerminating
	case ends:
		return BackendNotServing
	}
	return BackendMaintenance
}
