package shrink

import (
	"encoding/json"
	"slices"

	"github.com/meshcheck/meshcheck/fault"
)

// reduce leaves out elements of a plan: all, halves, quarters and so on, in order,
// down to single ones or as fine as the present pass is. Count is how many there are, and without returns a plan
// without the elements from (included) to end, or nil.
func (s *search) reduce(count func(*fault.Plan) int, without func(p *fault.Plan, from, end int) *fault.Plan) {
	all := count(s.best)
	least := 1
	if s.parts > 0 {
		least = (all + s.parts - 1) / s.parts
	}
	for size := all; size > 0 && size >= least; size /= 2 {
		at := 0 // what is before has been tried
		for {
			n := count(s.best)
			chunks := (n - at + size - 1) / size
			taken := s.first(max(0, chunks), func(i int) *fault.Plan {
				from := at + i*size
				return without(clone(s.best), from, min(from+size, n))
			})
			if taken < 0 {
				break
			}
			at += taken * size
		}
	}
}

// dropUnfired leaves out all faults that did not happen.
func dropUnfired(s *search) {
	never := func(i int) bool { return i < len(s.seen.Begun) && s.seen.Begun[i] == Never }
	s.first(1, func(int) *fault.Plan {
		p := clone(s.best)
		p.Faults = nil
		for i, f := range s.best.Faults {
			if !never(i) {
				p.Faults = append(p.Faults, f)
			}
		}
		return p
	})
}

// dropFrom leaves out elements of a list of the plan, and what cannot be without them.
func dropFrom[T any](s *search, list func(*fault.Plan) *[]T) {
	s.reduce(func(p *fault.Plan) int { return len(*list(p)) },
		func(p *fault.Plan, from, end int) *fault.Plan {
			elements := list(p)
			*elements = slices.Delete(*elements, from, end)
			return repair(p)
		})
}

// dropStalls leaves out stalls: all, or all but those that a run had until the finding
// showed, and of these what is not needed. Where the finding hangs on the schedule
// that the drawn ones make, they stay drawn.
func dropStalls(s *search) {
	if s.best.Options.Stall > 0 {
		seen := s.seen.Stalls
		s.first(2, func(i int) *fault.Plan {
			p := clone(s.best)
			p.Options.Stall, p.Stalls = 0, [][]fault.Stall{nil, seen}[i]
			return p
		})
	}
	s.reduce(func(p *fault.Plan) int { return len(p.Stalls) },
		func(p *fault.Plan, from, end int) *fault.Plan {
			p.Stalls = slices.Delete(p.Stalls, from, end)
			return p
		})
}

func dropFaults(s *search) {
	dropFrom(s, func(p *fault.Plan) *[]fault.Fault { return &p.Faults })
}

// dropTargets leaves out some of the hosts that a fault names.
func dropTargets(s *search) {
	for f := range s.best.Faults {
		dropFrom(s, func(p *fault.Plan) *[]string { return &p.Faults[f].Targets })
	}
}

func dropObjects(s *search) {
	dropFrom(s, func(p *fault.Plan) *[]json.RawMessage { return &p.Objects })
}

// dropWorkload leaves out ops and then pods at the start.
func dropWorkload(s *search) {
	dropFrom(s, func(p *fault.Plan) *[]fault.Op { return &p.Ops })
	dropFrom(s, func(p *fault.Plan) *[]fault.Pod { return &p.Pods })
	dropFrom(s, func(p *fault.Plan) *[]fault.Service { return &p.Services })
	dropFrom(s, func(p *fault.Plan) *[]fault.Policy { return &p.Policies })
	dropFrom(s, func(p *fault.Plan) *[]fault.Node { return &p.Nodes })
}

// dropNamespaces leaves out namespaces with all that happens in them.
func dropNamespaces(s *search) {
	s.dropGroups(func(pod *fault.Pod) string { return pod.Namespace })
}

// dropPods leaves out pods with all that happens to them.
func dropPods(s *search) {
	s.dropGroups(podKey)
}

func (s *search) dropGroups(group func(*fault.Pod) string) {
	s.reduce(func(p *fault.Plan) int { return len(groups(p, group)) },
		func(p *fault.Plan, from, end int) *fault.Plan {
			gone := map[string]bool{}
			for _, name := range groups(p, group)[from:end] {
				gone[name] = true
			}
			p.Pods = slices.DeleteFunc(p.Pods, func(pod fault.Pod) bool { return gone[group(&pod)] })
			p.Ops = slices.DeleteFunc(p.Ops, func(op fault.Op) bool { return op.Pod != nil && gone[group(op.Pod)] })
			return repair(p)
		})
}

// groups are the groups of pods of a plan, in order of appearance.
func groups(p *fault.Plan, group func(*fault.Pod) string) (names []string) {
	seen := map[string]bool{}
	add := func(pod *fault.Pod) {
		if name := group(pod); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for i := range p.Pods {
		add(&p.Pods[i])
	}
	for i := range p.Ops {
		if p.Ops[i].Pod != nil {
			add(p.Ops[i].Pod)
		}
	}
	return names
}

// dropPairs leaves out a step and the next one on the same pod or node together:
// a deletion and the creation after it, neither of which can go alone.
func dropPairs(s *search) {
	if s.parts != fine {
		return
	}
	for from := 0; from >= 0; {
		start := from
		taken := s.first(max(0, len(s.best.Ops)-start), func(i int) *fault.Plan {
			first := start + i
			second := nextOnSame(s.best.Ops, first)
			if second < 0 {
				return nil
			}
			p := clone(s.best)
			p.Ops = slices.Delete(p.Ops, second, second+1)
			p.Ops = slices.Delete(p.Ops, first, first+1)
			return repair(p)
		})
		if from = start + taken; taken < 0 {
			break
		}
	}
}

func nextOnSame(ops []fault.Op, first int) int {
	for i := first + 1; i < len(ops); i++ {
		if subject(&ops[i]) == subject(&ops[first]) {
			return i
		}
	}
	return -1
}

func subject(op *fault.Op) string {
	if op.Pod != nil {
		return "pod " + podKey(op.Pod)
	}
	if !op.Op.OfNode() {
		return "namespace " + op.Name
	}
	return "node " + op.Name
}

func podKey(pod *fault.Pod) string { return pod.Namespace + "/" + pod.Name }

// repair makes the workload of a plan possible again, and returns the plan, which it
// changes.
func repair(p *fault.Plan) *fault.Plan {
	p.Repair()
	return p
}
