package fault

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Service is a Service with its backends, of which the workload makes EndpointSlices.
type Service struct {
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"`
	IPs         []string          `json:"ips,omitempty"` // cluster IPs; none: it is headless
	ExternalIPs []string          `json:"externalIPs,omitempty"`
	Ports       []Port            `json:"ports,omitempty"`    // "http:80/TCP"
	Targets     []int             `json:"targets,omitempty"`  // of these ports on the backends; none: the same numbers
	Backends    []Backend         `json:"backends,omitempty"` // in the order in which they are put into slices
	PerSlice    int               `json:"perSlice,omitempty"` // backends in an EndpointSlice at most; 0: 100
	Affinity    int               `json:"affinity,omitempty"` // seconds of session affinity; 0: none
	Local       bool              `json:"local,omitempty"`    // internalTrafficPolicy: Local
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Backend is an endpoint in an EndpointSlice.
type Backend struct {
	IP    string       `json:"ip"`
	Node  string       `json:"node,omitempty"`
	Zone  string       `json:"zone,omitempty"`
	State BackendState `json:"state,omitempty"`
}

// BackendState is what the conditions of an endpoint say.
type BackendState string

// The states of a backend.
const (
	BackendReady       BackendState = ""
	BackendUnready     BackendState = "unready"
	BackendTerminating BackendState = "terminating" // and still serving
	BackendEnding      BackendState = "ending"      // terminating, and not serving any more
)

var backendStates = []BackendState{BackendReady, BackendUnready, BackendTerminating, BackendEnding}

// The kinds of workload steps about Services.
const (
	ServiceCreate OpKind = "service-create"
	ServiceUpdate OpKind = "service-update"
	ServiceDelete OpKind = "service-delete"
)

// OfService reports whether a step of the kind is about a Service.
func (k OpKind) OfService() bool {
	return k == ServiceCreate || k == ServiceUpdate || k == ServiceDelete
}

// HasServices reports whether agents read Services: whether the plan ever has one, that by
// which they find replicas included.
func (p *Plan) HasServices() bool {
	return len(p.Services) > 0 || p.InMode().ReadsServices() || slices.ContainsFunc(p.Ops, func(op Op) bool { return op.Op.OfService() })
}

// Talk reports whether hosts of two roles have connections with each other in the plan.
func (p *Plan) Talk(a, b mode.Role) bool {
	direct := a == mode.Agent && b == mode.APIServer || a == mode.APIServer && b == mode.Agent
	peers := a == mode.Etcd && b == mode.Etcd && p.Topology.Etcds > 1
	return p.InMode().Talk(a, b) || direct && p.HasServices() || peers
}

// mostInService bounds how many backends are in a slice.
const mostInService = 1000

// service checks what a Service has at a time, and takes it into account.
func (c *cluster) service(path string, s *Service, op OpKind) *flaw {
	for _, field := range []struct{ name, value string }{{"namespace", s.Namespace}, {"name", s.Name}} {
		if problem := checkName(path+"."+field.name, field.value); problem != nil {
			return problem
		}
	}
	key := s.Namespace + "/" + s.Name
	_, exists := c.services[key]
	switch {
	case !IsNamespaceName(s.Namespace):
		return flawf(path+".namespace", "%s is not a name that Kubernetes accepts for a namespace: it may not hold '.' and has at most 63 characters", strictjson.Quote(s.Namespace))
	case !IsNamespaceName(s.Name):
		return flawf(path+".name", "%s is not a name that Kubernetes accepts for a Service: it may not hold '.' and has at most 63 characters", strictjson.Quote(s.Name))
	case exists && op == ServiceCreate:
		return flawf(path+".name", "the service %s exists already at that time", key)
	case !exists && op != ServiceCreate:
		return flawf(path+".name", "the service %s does not exist at that time", key)
	case op == ServiceDelete && !s.onlyNamed():
		return flawf(path, "a %s takes the service's namespace and name only", ServiceDelete)
	case op == ServiceDelete:
		delete(c.services, key)
		return nil
	}
	if problem := c.serviceContent(path, key, s); problem != nil {
		return problem
	}
	c.services[key] = s
	c.namespaces[s.Namespace] = true
	return nil
}

func (s *Service) onlyNamed() bool {
	return len(s.IPs)+len(s.ExternalIPs)+len(s.Ports)+len(s.Targets)+len(s.Backends)+len(s.Labels)+len(s.Annotations)+s.PerSlice+s.Affinity == 0 && !s.Local
}

func (c *cluster) serviceContent(path, key string, s *Service) *flaw {
	for _, list := range []struct {
		name string
		ips  []string
	}{{"ips", s.IPs}, {"externalIPs", s.ExternalIPs}} {
		for i, text := range list.ips {
			at := path + "." + list.name + "[" + strconv.Itoa(i) + "]"
			ip, problem := checkAddress(at, text)
			if problem != nil {
				return problem
			}
			for _, other := range slices.Sorted(maps.Keys(c.services)) {
				if has := c.services[other]; other != key && slices.Contains(slices.Concat(has.IPs, has.ExternalIPs), ip) {
					return flawf(at, "the service %s has the address %s at that time", other, ip)
				}
			}
		}
	}
	if problem := checkPorts(path+".ports", s.Ports); problem != nil {
		return problem
	}
	used := map[string]bool{}
	for i, port := range s.Ports {
		_, at, _ := strings.Cut(string(port), ":")
		if used[at] {
			return flawf(path+".ports["+strconv.Itoa(i)+"]", "the service has the port %s already", at)
		}
		used[at] = true
	}
	switch {
	case len(s.Ports) == 0:
		return flawf(path+".ports", "a service needs a port, such as \"http:80/TCP\"")
	case len(s.Targets) != 0 && len(s.Targets) != len(s.Ports):
		return flawf(path+".targets", "found %d for %d ports; want one for each, or none", len(s.Targets), len(s.Ports))
	case s.PerSlice < 0 || s.PerSlice > mostInService:
		return flawf(path+".perSlice", "found %d; want 1 to %d, or nothing for 100", s.PerSlice, mostInService)
	case s.Affinity < 0 || s.Affinity > 86400:
		return flawf(path+".affinity", "found %d; want seconds, 1 to 86400, or nothing for none", s.Affinity)
	}
	for i, target := range s.Targets {
		if target < 1 || target > 65535 {
			return flawf(path+".targets["+strconv.Itoa(i)+"]", "found %d; want a port, 1 to 65535", target)
		}
	}
	return checkBackends(path+".backends", s.Backends)
}

func checkBackends(path string, backends []Backend) *flaw {
	seen := map[string]bool{}
	for i, b := range backends {
		at := path + "[" + strconv.Itoa(i) + "]"
		ip, problem := checkAddress(at+".ip", b.IP)
		switch {
		case problem != nil:
			return problem
		case seen[ip]:
			return flawf(at+".ip", "the service has the backend %s already", ip)
		case !slices.Contains(backendStates, b.State):
			return flawf(at+".state", "found %s; want \"unready\", \"terminating\", \"ending\", or nothing for ready", strictjson.Quote(string(b.State)))
		}
		seen[ip] = true
		for _, field := range []struct{ name, value string }{{"node", b.Node}, {"zone", b.Zone}} {
			if field.value == "" {
				continue
			}
			if problem := checkName(at+"."+field.name, field.value); problem != nil {
				return problem
			}
		}
	}
	return nil
}
