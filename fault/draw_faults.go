package fault

import (
	"cmp"
	"slices"

	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/model/mode"
)

// drawFaults draws each fault, or each group of faults that make a pattern, from
// its own stream. What is not possible beside the earlier ones is drawn again, a
// few times; the rare one that finds no room is left out.
func drawFaults(from source, p *Plan, s shape) {
	const tries = 8
	generator := faultGroups(p, s)
	start := draw(from, rapid.Custom(func(t *rapid.T) Duration { return Duration(uniform(t, int(s.churn/ms), "burst")) * ms }), "burst")
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

// add adds faults to the plan in order of time, if it stays valid.
func add(p *Plan, group []Fault) bool {
	before := p.Faults
	p.Faults = slices.Concat(before, group)
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	if checkFaults(p, given{}) == nil {
		return true
	}
	p.Faults = before
	return false
}

// faultGroups generates one fault, or the faults of one pattern.
func faultGroups(p *Plan, s shape) *rapid.Generator[[]Fault] {
	return rapid.Custom(func(t *rapid.T) []Fault {
		if uniform(t, 100, "pattern") < s.patterns {
			return drawPattern(t, p)
		}
		return []Fault{drawFault(t, p, s)}
	})
}

// drawFault draws a fault that begins and ends within the churn phase.
func drawFault(t *rapid.T, p *Plan, s shape) Fault {
	spec := specs[oneOf(t, "kind", s.kinds...)]
	f := Fault{Kind: spec.Kind, At: Duration(uniform(t, int(p.Churn/ms), "at")) * ms}
	switch {
	case spec.link:
		f.Target, f.Peer = drawLink(t, p)
	case spec.group == many:
		f.Targets = drawGroup(t, p, spec.Kind)
	case spec.group == oneOrMore && coin.Draw(t, "several"):
		f.Targets = drawSome(t, hostNames(mode.Agent, p.Topology.Agents), 1)
	case len(spec.targets) > 0:
		f.Target = drawHost(t, p, oneOf(t, "role", present(p, spec.targets)...))
	}
	if len(spec.peers) > 0 && coin.Draw(t, "to") {
		f.Peer = drawHost(t, p, spec.peers[0])
	}
	if spec.lasts != instant {
		f.For = max(ms, min(drawLength(t, spec), p.Churn-f.At))
	}
	if len(spec.hows) > 0 {
		if i := uniform(t, len(spec.hows), "how"); i > 0 {
			f.How = spec.hows[i]
		}
	}
	for _, u := range spec.uses {
		u.set(&f, u.drawValue(t))
	}
	if uniform(t, 100, "trigger") < s.triggers {
		f.When = drawTrigger(t, p)
		f.At = f.At / 2 // it has to wait
	}
	return f
}

// drawValue draws a value of a param, durations below a second in milliseconds
// and others in whole seconds.
func (u use) drawValue(t *rapid.T) int64 {
	if len(u.draw) != 2 {
		return oneOf(t, u.name, u.draw...)
	}
	low, high := u.draw[0], u.draw[1]
	const steps = 100
	step := max(1, (high-low)/steps)
	if u.unit == duration && high > int64(10*second) {
		step = int64(second)
	}
	return low + step*int64(uniform(t, int((high-low)/step)+1, u.name))
}

// drawLength draws how long a fault lasts: from a hiccup to the longest that is
// usual for its kind.
func drawLength(t *rapid.T, spec *Spec) Duration {
	longest := int(spec.longest / ms)
	if coin.Draw(t, "short") {
		longest /= 10
	}
	return Duration(1+uniform(t, longest, "for")) * ms
}

func drawHost(t *rapid.T, p *Plan, role mode.Role) string {
	return role.Host(uniform(t, p.Hosts(role), role.Plural()))
}

// present returns the roles of which there are hosts.
func present(p *Plan, all roles) roles {
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
// replica, or without replicas an agent with a kube-apiserver. Either may be the
// target, which matters to a one-way partition.
func drawLink(t *rapid.T, p *Plan) (target, peer string) {
	switch kind := uniform(t, 6, "link"); {
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
func drawGroup(t *rapid.T, p *Plan, kind Kind) []string {
	var all []string
	for _, role := range mode.Roles() {
		all = append(all, hostNames(role, p.Hosts(role))...)
	}
	switch {
	case kind == PartitionRing:
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
func drawTrigger(t *rapid.T, p *Plan) *Trigger {
	for range 20 {
		spec := oneOf(t, "event", Events...)
		actors := present(p, spec.actorsIn(p.InMode()))
		if len(actors) == 0 {
			continue
		}
		w := &Trigger{Event: spec.Event, Actor: drawHost(t, p, oneOf(t, "actor", actors...))}
		if len(spec.kinds) > 0 && coin.Draw(t, "any") {
			w.Kind = oneOf(t, "event kind", spec.kinds...)
		}
		if spec.Event == EtcdSync {
			w.Percent = 1 + uniform(t, 100, "percent")
		} else {
			w.Nth = 1 + uniform(t, oneOf(t, "most", 1, 3, 20), "nth")
		}
		if checkTrigger(p, "", w) == nil {
			return w
		}
	}
	if !p.InMode().Runs(mode.Replica) {
		return &Trigger{Event: KubeWrite, Actor: mode.Client.Host(0)}
	}
	return &Trigger{Event: EtcdPut, Actor: mode.Replica.Host(0)}
}
