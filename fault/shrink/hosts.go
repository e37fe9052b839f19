package shrink

import (
	"slices"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
)

// dropAgents leaves out agents, which costs nothing but makes runs cheaper.
func dropAgents(s *search) { s.dropHosts(mode.Agent) }

// dropServers leaves out replicas, operators and kube-apiservers.
func dropServers(s *search) {
	for _, role := range []mode.Role{mode.Replica, mode.Operator, mode.APIServer} {
		s.dropHosts(role)
	}
}

// dropHosts tries at first to leave one host. At the end it tries to let the
// faults of a host that goes happen to the first one.
func (s *search) dropHosts(role mode.Role) {
	if n := *s.best.Topology.Count(role); n > 2 {
		s.edit(
			func(p *fault.Plan) { withoutHosts(p, role, 1, n) },
			func(p *fault.Plan) { withoutHosts(p, role, 0, n-1) },
		)
	}
	s.reduce(func(p *fault.Plan) int { return *p.Topology.Count(role) },
		func(p *fault.Plan, from, end int) *fault.Plan { return withoutHosts(p, role, from, end) })
	for taken := 0; taken >= 0; {
		taken = s.first(*s.best.Topology.Count(role)-1, func(i int) *fault.Plan {
			p := renameHosts(clone(s.best), func(host string) string {
				if host == role.Host(i+1) {
					return role.Host(0)
				}
				return host
			})
			return withoutHosts(p, role, i+1, i+2)
		})
	}
}

// withoutHosts takes the hosts of a role with the numbers from (included) to end
// away, of those at the start. The others get the numbers from 0 on, in order,
// those that faults add included. A fault that needs a host that is gone goes too.
func withoutHosts(p *fault.Plan, role mode.Role, from, end int) *fault.Plan {
	if role == mode.Agent {
		moveNodesBack(p, from, end)
		p.Options.Agents = p.Options.Agents.WithoutAgents(from, end)
	}
	*p.Topology.Count(role) -= end - from
	return renameHosts(p, func(host string) string {
		if !role.Is(host) {
			return host
		}
		if number, stays := renumbered(mode.Number(host), from, end); stays {
			return role.Host(number)
		}
		return ""
	})
}

// renumbered is the number that something has when those from (included) to end are gone,
// if it is none of these.
func renumbered(number, from, end int) (now int, stays bool) {
	switch {
	case number < from:
		return number, true
	case number < end:
		return 0, false
	}
	return number - (end - from), true
}

// renameHosts renames the hosts in faults; those without a new name are gone.
func renameHosts(p *fault.Plan, rename func(string) string) *fault.Plan {
	p.Faults = slices.DeleteFunc(p.Faults, func(f fault.Fault) bool {
		return f.Target != "" && rename(f.Target) == "" ||
			f.Peer != "" && rename(f.Peer) == "" ||
			f.When != nil && rename(f.When.Actor) == "" ||
			len(f.Targets) > 0 && !slices.ContainsFunc(f.Targets, func(host string) bool { return rename(host) != "" })
	})
	for i := range p.Ops {
		if op := &p.Ops[i]; op.When != nil {
			if op.When.Actor = rename(op.When.Actor); op.When.Actor == "" {
				op.When = nil
			}
		}
	}
	for i := range p.Faults {
		f := &p.Faults[i]
		f.Target, f.Peer = rename(f.Target), rename(f.Peer)
		if f.When != nil {
			f.When.Actor = rename(f.When.Actor)
		}
		var targets []string
		for _, host := range f.Targets {
			if name := rename(host); name != "" && !slices.Contains(targets, name) {
				targets = append(targets, name)
			}
		}
		f.Targets = targets
	}
	return p
}

// moveNodesBack renumbers the nodes for agents that go: agent a<i> runs on node
// n<i>, so the nodes of those that stay keep them, and the others come after.
func moveNodesBack(p *fault.Plan, from, end int) {
	agents := p.Topology.Agents
	if p.Topology.Nodes < agents {
		return // the nodes are among the objects, and agents run beside them
	}
	renameNodes(p, func(node string) string {
		number, ok := fault.NodeNumber(node)
		switch {
		case !ok || number < from || number >= agents:
			return node
		case number < end:
			return fault.NodeName(agents - end + number)
		}
		return fault.NodeName(number - (end - from))
	})
}

// dropNodes leaves out nodes without an agent; their pods move to another node.
func dropNodes(s *search) {
	s.reduce(func(p *fault.Plan) int { return max(0, p.Topology.Nodes-p.Topology.Agents) },
		func(p *fault.Plan, from, end int) *fault.Plan {
			return withoutNodes(p, p.Topology.Agents+from, p.Topology.Agents+end)
		})
	s.first(1, func(int) *fault.Plan { return numberNewNodes(clone(s.best)) })
}

// withoutNodes takes the nodes with the numbers from (included) to end away, of
// those at the start, with all that happens to them.
func withoutNodes(p *fault.Plan, from, end int) *fault.Plan {
	gone := func(node string) bool {
		number, ok := fault.NodeNumber(node)
		return ok && from <= number && number < end
	}
	p.Ops = slices.DeleteFunc(p.Ops, func(op fault.Op) bool { return op.Op.OfNode() && gone(op.Name) })
	p.Nodes = slices.DeleteFunc(p.Nodes, func(n fault.Node) bool { return gone(n.Name) })
	p.Topology.Nodes -= end - from
	renameNodes(p, func(node string) string {
		number, ok := fault.NodeNumber(node)
		if !ok {
			return node
		}
		now, _ := renumbered(number, from, end) // else to the first one
		return fault.NodeName(now)
	})
	return repair(p)
}

// numberNewNodes numbers the nodes that ops create on from those at the start, in
// order of appearance.
func numberNewNodes(p *fault.Plan) *fault.Plan {
	names := map[string]string{}
	for _, op := range p.Ops {
		number, ok := fault.NodeNumber(op.Name)
		if op.Op == fault.NodeCreate && ok && number >= p.Topology.Nodes && names[op.Name] == "" {
			names[op.Name] = fault.NodeName(p.Topology.Nodes + len(names))
		}
	}
	renameNodes(p, func(node string) string {
		if name := names[node]; name != "" {
			return name
		}
		return node
	})
	return p
}

// renameNodes renames the nodes, at the start and of pods and ops.
func renameNodes(p *fault.Plan, rename func(string) string) {
	for i := range p.Nodes {
		p.Nodes[i].Name = rename(p.Nodes[i].Name)
	}
	for i := range p.Pods {
		p.Pods[i].Node = rename(p.Pods[i].Node)
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		switch {
		case op.Op.OfNode():
			op.Name = rename(op.Name)
		case op.Pod != nil && op.Pod.Node != "":
			op.Pod.Node = rename(op.Pod.Node)
		}
	}
}
