package draw

import (
	"cmp"
	"slices"

	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/model/mode"

	"github.com/meshcheck/meshcheck/fault"
)

// Vary returns the member of a plan's family that a seed stands for: the same
// scenario, with another workload of the same size and rate, other latencies and
// preemption, its faults moved in time together, and other hosts in the roles of
// those that they name. The plan must be valid.
func Vary(plan *fault.Plan, seed uint64) *fault.Plan {
	from := source{seed: seed}
	p := *plan
	p.Seed = seed
	p.Network = draw(from, networks, "network")
	p.Options.Preempt = draw(from, options, "options").Preempt
	p.Nodes, p.Pods = nil, nil
	objects, _ := fault.Survey(plan.Objects, plan.Options.ClusterID)
	services := slices.DeleteFunc(slices.Clone(plan.Ops), func(op fault.Op) bool { return !op.Op.OfService() })
	p.Ops = nil
	drawWorkload(from, &p, shapeOf(plan), objects)
	p.Ops = append(p.Ops, services...)
	slices.SortStableFunc(p.Ops, func(a, b fault.Op) int { return cmp.Compare(a.At, b.At) })
	if len(plan.Faults) > 0 {
		p.Faults = draw(from, rapid.Custom(func(t *rapid.T) []fault.Fault { return varyFaults(t, plan) }), "vary")
	}
	return fault.WithAgents(&p, p.Options.Agents)
}

// shapeOf returns the shape of a plan's workload.
func shapeOf(p *fault.Plan) shape {
	namespaces, apps := map[string]bool{}, map[string]bool{}
	for i := range p.Pods {
		namespaces[p.Pods[i].Namespace], apps[p.Pods[i].App] = true, true
	}
	podOps, contentOps := 0, 0
	for i := range p.Ops {
		switch op := &p.Ops[i]; {
		case op.Op == fault.PodUpdate || op.Op == fault.PodReplace || op.Op == fault.NodeUpdate || op.Op == fault.NamespaceAnnotate:
			contentOps++
		case op.Pod != nil:
			podOps++
		}
	}
	return shape{
		topology:   p.Topology,
		churn:      p.Churn,
		opEvery:    p.Churn / fault.Duration(max(1, podOps)),
		pods:       len(p.Pods),
		namespaces: max(1, len(namespaces)),
		apps:       max(2, len(apps)),
		rich:       richness{is: len(p.Nodes) > 0 || contentOps > 0, steps: contentOps},
	}
}

// varyFaults moves the faults by up to a quarter of the churn phase, as far as
// they stay inside, and turns the numbers of replicas and agents round.
func varyFaults(t *rapid.T, p *fault.Plan) []fault.Fault {
	faults := slices.Clone(p.Faults)
	first, last := faults[0].At, fault.Duration(0)
	for i := range faults {
		last = max(last, faults[i].At+faults[i].For)
	}
	quarter := p.Churn / 4
	earliest, latest := -min(first, quarter), max(0, min(p.Churn-last, quarter))
	move := earliest + fault.Duration(uniform(t, int((latest-earliest)/ms)+1, "move"))*ms
	type circle struct{ hosts, turn int }
	circles := map[mode.Role]circle{
		mode.Replica: {p.Topology.Replicas, uniform(t, max(1, p.Topology.Replicas), "replica")},
		mode.Agent:   {p.Topology.Agents, uniform(t, p.Topology.Agents, "agent")},
	}
	turn := func(host string) string {
		if host == "" {
			return host
		}
		role, number := mode.RoleOf(host), mode.Number(host)
		if c := circles[role]; number < c.hosts { // not one that a fault adds
			return role.Host((number + c.turn) % c.hosts)
		}
		return host
	}
	for i := range faults {
		f := &faults[i]
		f.At += move
		f.Target, f.Peer = turn(f.Target), turn(f.Peer)
		f.Targets = slices.Clone(f.Targets)
		for j := range f.Targets {
			f.Targets[j] = turn(f.Targets[j])
		}
		if f.When != nil {
			when := *f.When
			when.Actor = turn(when.Actor)
			f.When = &when
		}
	}
	return faults
}
