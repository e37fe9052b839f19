package draw

import (
	"cmp"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/fault"
)

// served is how Services are in a plan, of which one seed in four has some.
type served struct {
	is     bool
	start  int // Services at the start
	steps  int // that change them
	names  int // of Services: few, so that each soon comes again
	slices int // backends in an EndpointSlice at most
}

var services = rapid.Custom(func(t *rapid.T) served {
	return served{
		is:     uniform(t, 4, "are there") == 0,
		start:  uniform(t, 8, "start"),
		steps:  4 + uniform(t, 37, "steps"),
		names:  2 + uniform(t, 8, "names"),
		slices: oneOf(t, "slices", 0, 0, 3, 10),
	}
})

// serviceIntent holds the choices of one step, each to be taken modulo what there is to
// choose from.
type serviceIntent struct {
	at, verb, name, ip, ports, content int
	backends                           [6]int
}

func serviceIntents(from source, n int) (all []serviceIntent) {
	one := rapid.Custom(func(t *rapid.T) (in serviceIntent) {
		in = serviceIntent{
			at: choice.Draw(t, "at"), verb: choice.Draw(t, "verb"), name: choice.Draw(t, "name"), ip: choice.Draw(t, "ip"),
			ports: choice.Draw(t, "ports"), content: choice.Draw(t, "content"),
		}
		for i := range in.backends {
			in.backends[i] = choice.Draw(t, "backend")
		}
		return in
	})
	for i := range n {
		all = append(all, draw(from, one, "service", i))
	}
	return all
}

// serviceGenerator turns intents into Services that are possible one after the other.
type serviceGenerator struct {
	plan  *fault.Plan
	how   served
	alive []fault.Service
	pods  []string // addresses of backends
}

// drawServices adds Services to a plan: at the start, and steps that create them, change
// their ports and backends, and delete them. Their namespaces are their own.
func drawServices(from source, p *fault.Plan) {
	how := draw(from, services, "services")
	if !how.is {
		return
	}
	g := &serviceGenerator{plan: p, how: how}
	for i := range max(8, len(p.Pods)) {
		g.pods = append(g.pods, fmt.Sprintf("10.0.%d.%d", i/250, i%250+1))
	}
	intents := serviceIntents(from, how.start+how.steps)
	for _, in := range intents[:how.start] {
		if s, ok := g.create(in); ok {
			p.Services = append(p.Services, s)
		}
	}
	steps := intents[how.start:]
	within := int(p.Churn / ms)
	slices.SortStableFunc(steps, func(a, b serviceIntent) int { return cmp.Compare(a.at%within, b.at%within) })
	var ops []fault.Op
	for _, in := range steps {
		if op, ok := g.step(in); ok {
			op.At = fault.Duration(in.at%within) * ms
			ops = append(ops, op)
		}
	}
	p.Ops = append(p.Ops, ops...)
	slices.SortStableFunc(p.Ops, func(a, b fault.Op) int { return cmp.Compare(a.At, b.At) })
}

// step creates, changes or deletes a Service: of ten, three, five and two.
func (g *serviceGenerator) step(in serviceIntent) (op fault.Op, ok bool) {
	verb := in.verb % 10
	if len(g.alive) == 0 || verb < 3 {
		s, ok := g.create(in)
		return fault.Op{Op: fault.ServiceCreate, Service: &s}, ok
	}
	i := in.name % len(g.alive)
	if verb < 5 {
		gone := g.alive[i]
		g.alive = slices.Delete(g.alive, i, i+1)
		return fault.Op{Op: fault.ServiceDelete, Service: &fault.Service{Namespace: gone.Namespace, Name: gone.Name}}, true
	}
	s := g.alive[i]
	if verb < 7 { // its ports change, and what it says of itself
		g.describe(&s, in)
	}
	g.back(&s, in)
	g.alive[i] = s
	return fault.Op{Op: fault.ServiceUpdate, Service: &s}, true
}

// create returns a Service with the first free name and cluster IP, from small pools.
func (g *serviceGenerator) create(in serviceIntent) (s fault.Service, ok bool) {
	for i := range g.how.names {
		n := (in.name + i) % g.how.names
		s.Namespace, s.Name = fmt.Sprintf("svc%d", n%2), fmt.Sprintf("web%d", n/2)
		if !slices.ContainsFunc(g.alive, func(a fault.Service) bool { return a.Namespace == s.Namespace && a.Name == s.Name }) {
			ok = true
			break
		}
	}
	if !ok {
		return s, false
	}
	if in.content%8 != 0 { // else it is headless
		s.IPs = []string{g.freeIP("10.96.0.%d", in.ip)}
	}
	if len(s.IPs) > 0 && in.content%3 == 0 {
		s.IPs = append(s.IPs, g.freeIP("fd00:96::%d", in.ip))
	}
	s.PerSlice = g.how.slices
	g.describe(&s, in)
	g.back(&s, in)
	g.alive = append(g.alive, s)
	return s, true
}

func (g *serviceGenerator) freeIP(form string, choice int) string {
	for i := 0; ; i++ {
		ip := fmt.Sprintf(form, (choice+i)%(g.how.names+i+1)+1)
		if !slices.ContainsFunc(g.alive, func(a fault.Service) bool { return slices.Contains(a.IPs, ip) }) {
			return ip
		}
	}
}

// describe draws what a Service says of itself, its cluster IPs aside.
func (g *serviceGenerator) describe(s *fault.Service, in serviceIntent) {
	s.Ports, s.Targets = []fault.Port{"http:80/TCP"}, nil
	switch in.ports % 4 {
	case 1:
		s.Ports, s.Targets = []fault.Port{"http:80/TCP", "dns:53/UDP"}, []int{8080, 5353}
	case 2:
		s.Ports = []fault.Port{"http:8080/TCP"}
	case 3:
		s.Targets = []int{8080 + in.ports/4%2}
	}
	s.Affinity, s.Local, s.Labels, s.Annotations = 0, in.content%7 == 1, nil, nil
	if in.content%5 == 1 {
		s.Affinity = 30 * (1 + in.content/5%3)
	}
	if in.content%4 == 1 {
		s.Labels = map[string]string{"tier": fmt.Sprintf("t%d", in.content/4%3)}
	}
	if in.content%6 == 1 {
		s.Annotations = map[string]string{"example.com/note": fmt.Sprintf("n%d", in.content/6%3)}
	}
}

// back draws the backends of a Service, among the addresses of pods, of either family.
func (g *serviceGenerator) back(s *fault.Service, in serviceIntent) {
	s.Backends = nil
	for i, choice := range in.backends[:in.verb/10%(len(in.backends)+1)] {
		ip := g.pods[choice%min(8, len(g.pods))]
		if len(s.IPs) > 1 && i%2 == 1 {
			ip = asIPv6(ip)
		}
		b := fault.Backend{IP: ip, Node: fault.NodeName(choice / 8 % max(1, g.plan.Topology.Nodes))}
		b.State = []fault.BackendState{fault.BackendReady, fault.BackendReady, fault.BackendReady, fault.BackendUnready, fault.BackendTerminating, fault.BackendEnding}[choice/64%6]
		if choice/384%3 == 0 {
			b.Zone = fmt.Sprintf("z%d", choice/1152%2)
		}
		if !slices.ContainsFunc(s.Backends, func(other fault.Backend) bool { return other.IP == ip }) {
			s.Backends = append(s.Backends, b)
		}
	}
}
