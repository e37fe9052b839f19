package shrink

import (
	"cmp"
	"slices"

	"github.com/meshcheck/meshcheck/fault"
)

// closeGaps makes the times between one thing that happens and the next shorter
// and rounder. What happens is an op, the begin and the end of a fault, and the
// end of the churn; their order stays.
func closeGaps(s *search) {
	s.edit(endAtHeal)
	steps := []fault.Duration{second, 5 * second, 10 * second}
	s.first(len(steps), func(i int) *fault.Plan { return evenGaps(s.best, steps[i]) })
	for i := 0; i < len(instants(s.best)); i++ {
		s.closeGap(i)
	}
}

// endAtHeal writes the length of a fault that would last beyond the churn, whose
// end lifts it, as it is.
func endAtHeal(p *fault.Plan) {
	for i := range p.Faults {
		if f := &p.Faults[i]; f.When == nil && f.At+f.For > p.Churn {
			f.For = p.Churn - f.At
		}
	}
}

// evenGaps makes each gap a step long if that is simpler than what it is.
func evenGaps(p *fault.Plan, step fault.Duration) *fault.Plan {
	all := instants(p)
	moved := make(map[fault.Duration]fault.Duration, len(all))
	before, now := fault.Duration(0), fault.Duration(0)
	for _, at := range all {
		gap := at - before
		if simpler(step, gap) {
			gap = step
		}
		before, now = at, now+gap
		moved[at] = now
	}
	return retime(p, func(at fault.Duration) fault.Duration { return moved[at] })
}

// closeGap makes the gap before the i-th instant shorter or rounder.
func (s *search) closeGap(i int) {
	all := instants(s.best)
	gap := all[i]
	if i > 0 {
		gap -= all[i-1]
	}
	lengths := simplerThan(gap)
	s.first(len(lengths), func(choice int) *fault.Plan {
		return retime(s.best, func(at fault.Duration) fault.Duration {
			if at < all[i] {
				return at
			}
			return at - gap + lengths[choice]
		})
	})
}

// instants are the instants after the start at which something happens, in order,
// each once.
func instants(p *fault.Plan) []fault.Duration {
	all := []fault.Duration{p.Churn}
	for i := range p.Ops {
		all = append(all, p.Ops[i].At)
	}
	for i := range p.Faults {
		f := &p.Faults[i]
		all = append(all, f.At)
		if endsInside(p, f) {
			all = append(all, f.At+f.For)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if all[0] == 0 {
		all = all[1:]
	}
	return all
}

// endsInside tells whether the end of a fault is an instant of the plan. That of
// a fault with a trigger depends on when that fires.
func endsInside(p *fault.Plan, f *fault.Fault) bool {
	return f.When == nil && f.For > 0 && f.At+f.For <= p.Churn
}

// retime moves all instants of a plan. Move keeps their order and leaves the start
// where it is.
func retime(p *fault.Plan, move func(fault.Duration) fault.Duration) *fault.Plan {
	moved := func(at fault.Duration) fault.Duration {
		if at == 0 {
			return 0
		}
		return move(at)
	}
	c := clone(p)
	c.Churn = moved(p.Churn)
	for i := range c.Ops {
		c.Ops[i].At = moved(p.Ops[i].At)
	}
	for i := range c.Faults {
		f := &p.Faults[i]
		c.Faults[i].At = moved(f.At)
		if endsInside(p, f) {
			c.Faults[i].For = moved(f.At+f.For) - moved(f.At)
		}
	}
	return c
}

// plain are lengths that people use, from the simplest on.
var plain = []fault.Duration{
	1 * second, 2 * second, 3 * second, 5 * second, 10 * second, 15 * second, 20 * second, 30 * second, 45 * second, 60 * second,
	90 * second, 120 * second, 150 * second, 180 * second, 240 * second, 300 * second, 600 * second,
}

// grains are what other lengths are multiples of, from the simplest on.
var grains = []fault.Duration{second, 100 * ms, 10 * ms, ms, 1}

// simpler tells whether a is a simpler length than b: one that people use, or
// else one of coarser grain, or else a shorter one.
func simpler(a, b fault.Duration) bool {
	return cmp.Or(cmp.Compare(class(a), class(b)), cmp.Compare(a, b)) < 0
}

func class(d fault.Duration) int {
	if slices.Contains(plain, d) {
		return 0
	}
	return 1 + slices.IndexFunc(grains, func(grain fault.Duration) bool { return d%grain == 0 })
}

// simplerThan returns lengths that are simpler than this one and not much longer,
// the simplest first.
func simplerThan(d fault.Duration) (lengths []fault.Duration) {
	for _, p := range plain {
		lengths = append(lengths, p)
		if p >= d {
			break
		}
	}
	for _, grain := range grains {
		lengths = append(lengths, d/grain*grain, (d+grain-1)/grain*grain)
	}
	lengths = slices.DeleteFunc(lengths, func(l fault.Duration) bool { return l <= 0 || !simpler(l, d) })
	slices.SortFunc(lengths, func(a, b fault.Duration) int {
		return cmp.Or(cmp.Compare(class(a), class(b)), cmp.Compare(a, b))
	})
	return slices.Compact(lengths)
}
