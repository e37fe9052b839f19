package shrink

import (
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
)

// dropAgents leaves out agents, which costs nothing but makes runs cheaper.
func dropAgents(s *search) { s.dropHosts("a") }

// dropServers leaves out replicas, operators and kube-apiservers.
func dropServers(s *search) {
	for _, letter := range []string{"r", "o", "k"} {
		s.dropHosts(letter)
	}
}

// dropHosts tries at first to leave one host. At the end it tries to let the
// faults of a host that goes happen to the first one.
func (s *search) dropHosts(letter string) {
	if n := *hostCount(s.best, letter); n > 2 {
		s.edit(
			func(p *fault.Plan) { withoutHosts(p, letter, 1, n) },
			func(p *fault.Plan) { withoutHosts(p, letter, 0, n-1) },
		)
	}
	s.reduce(func(p *fault.Plan) int { return *hostCount(p, letter) },
		func(p *fault.Plan, from, end int) *fault.Plan { return withoutHosts(p, letter, from, end) })
	for taken := 0; taken >= 0; {
		taken = s.first(*hostCount(s.best, letter)-1, func(i int) *fault.Plan {
			p := renameHosts(clone(s.best), func(host string) string {
				if number, ok := numbered(host, letter); ok && number == i+1 {
					return letter + "0"
				}
				return host
			})
			return withoutHosts(p, letter, i+1, i+2)
		})
	}
}

func hostCount(p *fault.Plan, letter string) *int {
	t := &p.Topology
	return map[string]*int{"a": &t.Agents, "r": &t.Replicas, "o": &t.Operators, "k": &t.APIServers}[letter]
}

// withoutHosts takes the hosts of a letter with the numbers from (included) to end
// away, of those at the start. The others get the numbers from 0 on, in order,
// those that faults add included. A fault that needs a host that is gone goes too.
func withoutHosts(p *fault.Plan, letter string, from, end int) *fault.Plan {
	if letter == "a" {
		moveNodesBack(p, from, end)
	}
	*hostCount(p, letter) -= end - from
	return renameHosts(p, func(host string) string {
		number, ok := numbered(host, letter)
		switch {
		case !ok || number < from:
			return host
		case number < end:
			return ""
		}
		return letter + strconv.Itoa(number-(end-from))
	})
}

// renameHosts renames the hosts in faults; those without a new name are gone.
func renameHosts(p *fault.Plan, rename func(string) string) *fault.Plan {
	p.Faults = slices.DeleteFunc(p.Faults, func(f fault.Fault) bool {
		return f.Target != "" && rename(f.Target) == "" ||
			f.Peer != "" && rename(f.Peer) == "" ||
			f.When != nil && rename(f.When.Actor) == "" ||
			len(f.Targets) > 0 && !slices.ContainsFunc(f.Targets, func(host string) bool { return rename(host) != "" })
	})
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
		number, ok := numbered(node, "n")
		switch {
		case !ok || number < from || number >= agents:
			return node
		case number < end:
			return nodeName(agents - end + number)
		}
		return nodeName(number - (end - from))
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
		number, ok := numbered(node, "n")
		return ok && from <= number && number < end
	}
	p.Ops = slices.DeleteFunc(p.Ops, func(op fault.Op) bool { return op.Pod == nil && op.Op != fault.NamespaceDelete && gone(op.Name) })
	p.Topology.Nodes -= end - from
	renameNodes(p, func(node string) string {
		number, ok := numbered(node, "n")
		switch {
		case !ok || number < from:
			return node
		case number < end:
			return nodeName(0)
		}
		return nodeName(number - (end - from))
	})
	return repair(p)
}

// numberNewNodes numbers the nodes that ops create on from those at the start, in
// order of appearance.
func numberNewNodes(p *fault.Plan) *fault.Plan {
	names := map[string]string{}
	for _, op := range p.Ops {
		number, ok := numbered(op.Name, "n")
		if op.Op == fault.NodeCreate && ok && number >= p.Topology.Nodes && names[op.Name] == "" {
			names[op.Name] = nodeName(p.Topology.Nodes + len(names))
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

// renameNodes renames the nodes of pods and ops.
func renameNodes(p *fault.Plan, rename func(string) string) {
	for i := range p.Pods {
		p.Pods[i].Node = rename(p.Pods[i].Node)
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		switch op.Op {
		case fault.NodeCreate, fault.NodeDelete:
			op.Name = rename(op.Name)
		case fault.PodCreate:
			op.Pod.Node = rename(op.Pod.Node)
		}
	}
}

// numbered returns the number in a name that is the letter and a number.
func numbered(name, letter string) (number int, ok bool) {
	digits, ok := strings.CutPrefix(name, letter)
	if !ok {
		return 0, false
	}
	number, err := strconv.Atoi(digits)
	return number, err == nil && strconv.Itoa(number) == digits
}

func nodeName(i int) string { return "n" + strconv.Itoa(i) }
