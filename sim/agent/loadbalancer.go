package agent

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/cilium/cilium/pkg/loadbalancer"
	"github.com/cilium/statedb"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// Services feeds an agent's view from Cilium's tables of services, frontends and backends
// (pkg/loadbalancer), from which the datapath of services is made.
type Services struct {
	to    consumer
	shown map[loadbalancer.ServiceName]map[entryID]string // contents, by the Service that they are of
}

// Services is told of services. Not by several goroutines at once.
func (s Sink) Services() Services {
	return Services{s.to, map[loadbalancer.ServiceName]map[entryID]string{}}
}

// Tables is what the tables have of a Service at one instant.
type Tables struct {
	Service   *loadbalancer.Service // nil if there is none
	Frontends []*loadbalancer.Frontend
	Backends  []*loadbalancer.Backend // of one Service, and of one source
}

// Update says what the tables have of a Service now. from tells how an entry was learned
// of that is there now, or, without a value, that it is gone.
func (s Services) Update(name loadbalancer.ServiceName, t Tables, from func(truth.Entry) Learned) {
	before, now := s.shown[name], map[entryID]string{}
	entries := t.entries(name)
	for _, e := range entries {
		now[entryID{e.Kind, e.Key}] = e.Value
	}
	gone := slices.SortedFunc(maps.Keys(before), func(a, b entryID) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key)) })
	for _, id := range gone {
		if _, is := now[id]; !is {
			s.to.delete(from(truth.Entry{Kind: id.kind, Key: id.key}), id.kind, id.key)
		}
	}
	for _, e := range entries {
		if was, is := before[entryID{e.Kind, e.Key}]; !is || was != e.Value {
			s.to.set(from(e), e)
		}
	}
	if len(now) == 0 {
		delete(s.shown, name)
	} else {
		s.shown[name] = now
	}
}

func (t Tables) entries(name loadbalancer.ServiceName) (entries []truth.Entry) {
	if t.Service != nil {
		entries = append(entries, truth.Service(name.String(), t.service()))
	}
	for _, b := range t.Backends {
		at := b.Address
		entries = append(entries, truth.Backend(name.String(), at.Addr().String(), at.Port(), string(at.Protocol()), backendContent(b)))
	}
	return entries
}

func (t Tables) service() truth.ServiceContent {
	s := t.Service
	c := truth.ServiceContent{
		Ports: s.PortNames, External: string(s.ExtTrafficPolicy), Internal: string(s.IntTrafficPolicy), Distribution: string(s.TrafficDistribution),
		HealthPort: s.HealthCheckNodePort, Selector: s.Selector, Labels: map[string]string{}, Annotations: s.Annotations,
	}
	// Where backends are chosen by the node that they are on, agents differ.
	everywhere := s.ExtTrafficPolicy == loadbalancer.SVCTrafficPolicyCluster && s.IntTrafficPolicy == loadbalancer.SVCTrafficPolicyCluster
	for _, f := range t.Frontends {
		c.Frontends = append(c.Frontends, frontendOf(f))
		if everywhere && !t.lists(f) {
			c.UnlistedFrontends = append(c.UnlistedFrontends, frontendOf(f).String())
		}
	}
	if s.SessionAffinity {
		c.Affinity = int(s.SessionAffinityTimeout / time.Second)
	}
	if s.LoadBalancerClass != nil {
		c.Class = *s.LoadBalancerClass
	}
	for _, r := range s.SourceRanges {
		c.Ranges = append(c.Ranges, r.String())
	}
	for _, l := range s.Labels {
		c.Labels[l.Key] = l.Value
	}
	return c
}

func frontendOf(f *loadbalancer.Frontend) truth.Frontend {
	return truth.Frontend{
		Type: string(f.Type), IP: f.Address.Addr().String(), Port: f.Address.Port(), Protocol: string(f.Address.Protocol()),
		Name: string(f.PortName), Service: f.ServicePort, Inside: f.Address.Scope() == loadbalancer.ScopeInternal,
	}
}

// lists reports whether a frontend lists, as the datapath takes them, the backends of its
// Service that have its family, protocol and name of the port, and no others.
func (t Tables) lists(f *loadbalancer.Frontend) bool {
	listed := map[loadbalancer.L3n4Addr]bool{}
	if f.Backends != nil {
		for b := range iter.Seq2[*loadbalancer.Backend, statedb.Revision](f.Backends) {
			listed[b.Address] = true
		}
	}
	for _, b := range t.Backends {
		fits := b.Address.Addr().Is4() == f.Address.Addr().Is4() && b.Address.Protocol() == f.Address.Protocol() &&
			(f.PortName == "" || len(b.PortNames) == 0 || slices.Contains(b.PortNames, string(f.PortName)))
		if fits != listed[b.Address] {
			return false
		}
		delete(listed, b.Address)
	}
	return len(listed) == 0
}

func backendContent(b *loadbalancer.Backend) truth.BackendContent {
	state, err := b.State.String()
	if err != nil {
		state = err.Error()
	}
	c := truth.BackendContent{State: state, Names: b.PortNames, Weight: b.Weight, Node: b.NodeName}
	if b.Zone != nil {
		c.Zone, c.Zones = b.Zone.Zone, b.Zone.ForZones
	}
	return c
}

// OfService reports which Service an entry is of that Update makes, "namespace/name".
func OfService(e truth.Entry) string {
	if e.Kind == history.Backend {
		return truth.ServiceOfBackend(e.Key)
	}
	return e.Key
}
