package draw

import (
	"cmp"
	"slices"

	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"

	"github.com/meshcheck/meshcheck/fault"
)

// drawFaults draws each fault, or each group of faults that make a pattern, from
// its own stream. What is not possible beside the earlier ones is drawn again, a
// few times; the rare one that finds no room is left out.
func drawFaults(from source, p *fault.Plan, s shape) {
	const tries = 8
	generator := faultGroups(p, s)
	start := draw(from, rapid.Custom(func(t *rapid.T) fault.Duration { return fault.Duration(uniform(t, int(s.churn/ms), "burst")) * ms }), "burst")
	for i := 0; len(p.Faults) < s.faults && i < 2*s.faults; i++ {
		for try := range tries {
			group := draw(from, generator, "fault", i, try)
			if s.burst > 0 {
				for j := range group {
					group[j].At = min(start+group[j].At*s.burst/s.churn, s.churn)
					group[j].For = min(group[j].For, max(ms, s.churn-group[j].At))
				}
			}
			if add(p, group) {
				break
			}
		}
	}
}

// waiting is an op of the plan and the event at which it begins.
type waiting struct {
	op   int
	when *fault.Trigger
}

// drawWaiting gives some ops a trigger, of an event that there is in every mode, so that a
// seed has the same workload in all.
func drawWaiting(from source, p *fault.Plan, s shape) {
	if len(p.Ops) == 0 {
		return
	}
	for i := range s.waiting {
		drawn := draw(from, rapid.Custom(func(t *rapid.T) waiting {
			when := &fault.Trigger{Event: fault.KubeWrite, Actor: mode.Client.Host(0)}
			if coin.Draw(t, "see") {
				when = &fault.Trigger{Event: fault.See, Actor: drawHost(t, p, mode.Agent)}
			}
			when.Nth = 1 + uniform(t, oneOf(t, "most", 1, 3, 20), "nth")
			return waiting{uniform(t, len(p.Ops), "op"), when}
		}), "op with a trigger", i)
		p.Ops[drawn.op].When = drawn.when
	}
}

// add adds faults to the plan in order of time, if it stays valid.
func add(p *fault.Plan, group []fault.Fault) bool {
	before := p.Faults
	p.Faults = slices.Concat(before, group)
	slices.SortStableFunc(p.Faults, func(a, b fault.Fault) int { return cmp.Compare(a.At, b.At) })
	if fault.Fits(p) {
		return true
	}
	p.Faults = before
	return false
}

// faultGroups generates one fault, or the faults of one pattern.
func faultGroups(p *fault.Plan, s shape) *rapid.Generator[[]fault.Fault] {
	return rapid.Custom(func(t *rapid.T) []fault.Fault {
		if uniform(t, 100, "pattern") < s.patterns {
			return drawPattern(t, p)
		}
		return []fault.Fault{drawFault(t, p, s)}
	})
}

// drawFault draws a fault that begins and ends within the churn phase.
func drawFault(t *rapid.T, p *fault.Plan, s shape) fault.Fault {
	spec := fault.SpecOf(oneOf(t, "kind", s.kinds...))
	f := fault.Fault{Kind: spec.Kind, At: fault.Duration(uniform(t, int(p.Churn/ms), "at")) * ms}
	switch {
	case spec.Link:
		f.Target, f.Peer = drawLink(t, p)
	case spec.Group == fault.Many:
		f.Targets = drawGroup(t, p, spec.Kind)
	case spec.Group == fault.OneOrMore && coin.Draw(t, "several"):
		f.Targets = drawSome(t, hostNames(mode.Agent, p.Topology.Agents), 1)
	case len(spec.Targets) > 0:
		f.Target = drawHost(t, p, oneOf(t, "role", present(p, spec.Targets)...))
	}
	if len(spec.Peers) > 0 && coin.Draw(t, "to") {
		f.Peer = drawHost(t, p, spec.Peers[0])
	}
	if spec.Lasts != fault.Instant {
		f.For = max(ms, min(drawLength(t, spec), p.Churn-f.At))
	}
	if len(spec.Hows) > 0 {
		if i := uniform(t, len(spec.Hows), "how"); i > 0 {
			f.How = spec.Hows[i]
		}
	}
	for _, u := range spec.Uses {
		u.Set(&f, oneOf(t, u.Name(), u.Drawn()...))
	}
	if f.Resource = endpointsOf(p, f.Resource); f.Resource != "" && p.HasServices() && coin.Draw(t, "of services") {
		f.Resource = oneOf(t, "resource", "Service", "EndpointSlice")
	}
	if uniform(t, 100, "trigger") < s.triggers {
		f.When = drawTrigger(t, p)
		f.At = f.At / 2 // it has to wait
	}
	return f
}

// kindsIn are those of an event's kinds that there may be in the plan's world.
func kindsIn(p *fault.Plan, spec *fault.EventSpec) []string {
	if p.HasServices() {
		return spec.Kinds
	}
	return slices.DeleteFunc(slices.Clone(spec.Kinds), func(kind string) bool { return schema.OfServices(kind) || schema.MakesServices(kind) })
}

// endpointsOf returns a drawn kind, and in place of the kind of endpoints that nobody in the
// plan's world reads the other one.
func endpointsOf(p *fault.Plan, kind string) string {
	switch {
	case kind == "CiliumEndpoint" && p.Options.EndpointSlices:
		return "CiliumEndpointSlice"
	case kind == "CiliumEndpointSlice" && !p.Options.EndpointSlices:
		return "CiliumEndpoint"
	}
	return kind
}

// drawLength draws how long a fault lasts: from a hiccup to the longest that is
// usual for its kind.
func drawLength(t *rapid.T, spec *fault.Spec) fault.Duration {
	longest := int(spec.Longest / ms)
	if coin.Draw(t, "short") {
		longest /= 10
	}
	return fault.Duration(1+uniform(t, longest, "for")) * ms
}

func drawHost(t *rapid.T, p *fault.Plan, role mode.Role) string {
	return role.Host(uniform(t, p.Hosts(role), role.Plural()))
}

// present returns the roles of which there are hosts.
func present(p *fault.Plan, all []mode.Role) []mode.Role {
	return slices.DeleteFunc(slices.Clone(all), func(r mode.Role) bool { return p.Hosts(r) == 0 })
}

func hostNames(role mode.Role, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = role.Host(i)
	}
	return names
}

// drawSome draws a part of the names that has at least so many.
func drawSome(t *rapid.T, names []string, least int) (some []string) {
	left := len(names)
	for _, name := range names {
		if coin.Draw(t, name) || len(some)+left <= least {
			some = append(some, name)
		}
		left--
	}
	return some
}

// drawLink draws two hosts that talk: mostly an agent or a kube-apiserver with a
// replica, or without replicas an agent with a kube-apiserver or a shared etcd. Either may be the
// target, which matters to a one-way partition.
func drawLink(t *rapid.T, p *fault.Plan) (target, peer string) {
	switch kind := uniform(t, 6, "link"); {
	case p.HasServices() && uniform(t, 3, "services") == 0:
		target, peer = drawHost(t, p, mode.Agent), drawHost(t, p, mode.APIServer)
	case kind < 3 && p.InMode().Runs(mode.Etcd):
		target, peer = drawHost(t, p, mode.Agent), drawHost(t, p, mode.Etcd)
	case kind == 3 && p.InMode().Runs(mode.Etcd):
		target, peer = drawHost(t, p, oneOf(t, "writer", present(p, []mode.Role{mode.Client, mode.Operator})...)), drawHost(t, p, mode.Etcd)
	case kind < 4 && !p.InMode().Runs(mode.Replica):
		target, peer = drawHost(t, p, mode.Agent), drawHost(t, p, mode.APIServer)
	case kind < 2:
		target, peer = drawHost(t, p, mode.Agent), drawHost(t, p, mode.Replica)
	case kind < 4:
		target, peer = drawHost(t, p, mode.Replica), drawHost(t, p, mode.APIServer)
	case kind == 4 && p.Topology.Operators > 0:
		target, peer = drawHost(t, p, mode.Operator), drawHost(t, p, mode.APIServer)
	default:
		target, peer = mode.Client.Host(0), drawHost(t, p, mode.APIServer)
	}
	if coin.Draw(t, "turn") {
		target, peer = peer, target
	}
	return target, peer
}

// drawGroup draws the targets of a partition: one host, about half of all hosts,
// or a ring in a drawn order.
func drawGroup(t *rapid.T, p *fault.Plan, kind fault.Kind) []string {
	var all []string
	for _, role := range mode.Roles() {
		all = append(all, hostNames(role, p.Hosts(role))...)
	}
	switch {
	case kind == fault.PartitionRing:
		ring := drawSome(t, all, 4)
		for i := range ring {
			j := i + uniform(t, len(ring)-i, "order")
			ring[i], ring[j] = ring[j], ring[i]
		}
		return ring
	case coin.Draw(t, "one"):
		return []string{oneOf(t, "host", all...)}
	}
	return drawSome(t, all, 1)
}

// drawTrigger draws an event that the plan can cause.
func drawTrigger(t *rapid.T, p *fault.Plan) *fault.Trigger {
	for range 20 {
		spec := oneOf(t, "event", fault.Events...)
		actors := present(p, spec.ActorsIn(p.InMode()))
		if len(actors) == 0 {
			continue
		}
		w := &fault.Trigger{Event: spec.Event, Actor: drawHost(t, p, oneOf(t, "actor", actors...))}
		if len(spec.Kinds) > 0 && coin.Draw(t, "any") {
			w.Kind = oneOf(t, "event kind", kindsIn(p, &spec)...)
		}
		if spec.Event == fault.EtcdSync {
			w.Percent = 1 + uniform(t, 100, "percent")
		} else {
			w.Nth = 1 + uniform(t, oneOf(t, "most", 1, 3, 20), "nth")
		}
		if fault.CanFire(p, w) {
			return w
		}
	}
	if !p.InMode().Runs(mode.Replica) {
		return &fault.Trigger{Event: fault.KubeWrite, Actor: mode.Client.Host(0)}
	}
	return &fault.Trigger{Event: fault.EtcdPut, Actor: mode.Replica.Host(0)}
}
