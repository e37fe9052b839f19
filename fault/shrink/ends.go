package shrink

import (
	"cmp"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/fault"
)

const (
	second = fault.Duration(time.Second)
	ms     = fault.Duration(time.Millisecond)
)

// cutAfter ends the churn soon after the first instance of the finding.
func cutAfter(s *search) {
	ends := s.ends()
	s.first(len(ends), func(i int) *fault.Plan { return cut(s.best, 0, ends[i]) })
}

// ends are the whole seconds after the first instance of the finding at which the
// churn may end, if that is within the churn.
func (s *search) ends() []fault.Duration {
	if s.seen.First < 0 || s.seen.First >= s.best.Churn {
		return nil
	}
	end := (s.seen.First/second + 1) * second
	return []fault.Duration{end, end + 5*second}
}

// cutWindow keeps only the last seconds before the first instance of the finding.
// A plan as short as that runs fast, so it is tried with many seeds: for findings
// that only a rare schedule shows.
func cutWindow(s *search) {
	const times = 8
	seeds := s.seeds
	s.seeds *= times
	defer func() { s.seeds = seeds }()
	for _, end := range s.ends() {
		starts := []fault.Duration{end - 5*second, end - 20*second, end - 60*second}
		if s.first(len(starts), func(i int) *fault.Plan { return cut(s.best, starts[i], end) }) >= 0 {
			return
		}
	}
}

// cutEnds ends the churn earlier, and then begins it later, as often as it can.
func cutEnds(s *search) {
	for _, keep := range [][]struct{ from, to fault.Duration }{
		{{0, 2}, {0, 3}}, // quarters of the churn
		{{3, 4}, {2, 4}, {1, 4}},
	} {
		for taken := 0; taken >= 0; {
			quarter := s.best.Churn / 4
			taken = s.first(len(keep), func(i int) *fault.Plan {
				return cut(s.best, keep[i].from*quarter/second*second, keep[i].to*quarter/second*second)
			})
		}
	}
}

// cut returns the plan with what is left of its churn between two instants, or
// nil if no op and no fault would go: time in which nothing happens is for
// closeGaps. The pods that are there at the start of what is left are there from
// its start on; a fault that is in force then begins with it.
func cut(p *fault.Plan, start, end fault.Duration) *fault.Plan {
	start = max(0, start)
	end = min(end, p.Churn)
	if end-start < second || end-start >= p.Churn {
		return nil
	}
	c := clone(p)
	c.Churn = end - start
	c.Pods = podsAt(c, start)
	c.Ops = slices.DeleteFunc(c.Ops, func(op fault.Op) bool {
		return op.At >= end || op.At < start && !op.Op.OfNode() && !op.Op.OfService() && op.Op != fault.NamespaceAnnotate
	})
	for i := range c.Ops {
		c.Ops[i].At = max(0, c.Ops[i].At-start)
	}
	c.Faults = slices.DeleteFunc(c.Faults, func(f fault.Fault) bool {
		return f.At >= end || f.When == nil && f.At < start && f.At+f.For <= start
	})
	for i := range c.Faults {
		f := &c.Faults[i]
		from := max(f.At, start)
		if f.When == nil && f.For > 0 {
			f.For = min(f.At+f.For, end) - from
		}
		f.At = from - start
	}
	if len(c.Ops)+len(c.Faults) == len(p.Ops)+len(p.Faults) {
		return nil
	}
	return repair(c)
}

// podsAt returns the pods that the workload has made by an instant.
func podsAt(p *fault.Plan, at fault.Duration) []fault.Pod {
	pods := slices.Clone(p.Pods)
	index := func(pod *fault.Pod) int {
		return slices.IndexFunc(pods, func(other fault.Pod) bool { return podKey(&other) == podKey(pod) })
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.At >= at {
			break
		}
		switch op.Op {
		case fault.PodCreate:
			pods = append(pods, *op.Pod)
		case fault.PodDelete:
			pods = slices.Delete(pods, index(op.Pod), index(op.Pod)+1)
		case fault.PodRelabel:
			pods[index(op.Pod)].App = op.Pod.App
		case fault.PodUpdate, fault.PodReplace:
			pod, to := &pods[index(op.Pod)], op.Pod
			if to.IP != "" {
				pod.IP, pod.MoreIPs = to.IP, to.MoreIPs
			}
			if len(to.Ports) > 0 {
				pod.Ports = to.Ports
			}
			pod.Node = cmp.Or(to.Node, pod.Node)
		case fault.NamespaceDelete:
			pods = slices.DeleteFunc(pods, func(pod fault.Pod) bool { return pod.Namespace == op.Name })
		}
	}
	return pods
}
