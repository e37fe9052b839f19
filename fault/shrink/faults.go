package shrink

import (
	"cmp"
	"slices"

	"github.com/meshcheck/meshcheck/fault"
)

// simplifyFaults makes the hosts and numbers of each fault simpler.
func simplifyFaults(s *search) {
	for i := range s.best.Faults {
		for _, choices := range faultEdits(&s.best.Faults[i]) {
			edits := make([]func(*fault.Plan), len(choices))
			for j, choice := range choices {
				edits[j] = func(p *fault.Plan) { choice(&p.Faults[i]) }
			}
			s.edit(edits...)
		}
	}
}

// simplifyOps lets ops begin at their times, or at sooner events.
func simplifyOps(s *search) {
	for i := range s.best.Ops {
		when := s.best.Ops[i].When
		if when == nil || s.edit(func(p *fault.Plan) { p.Ops[i].When = nil }) || when.Nth <= 1 {
			continue
		}
		s.edit(func(p *fault.Plan) { p.Ops[i].When.Nth = 0 })
	}
}

// A faultEdit makes a fault simpler. What does not fit the fault's kind gives a
// plan that is not valid, which is not tried.
type faultEdit func(*fault.Fault)

// faultEdits are the ways to make a fault simpler, in groups of which one is
// taken, the simplest first.
func faultEdits(f *fault.Fault) [][]faultEdit {
	groups := [][]faultEdit{
		{func(f *fault.Fault) { f.Times, f.Every = 0, 0 }},
		{func(f *fault.Fault) { f.How = "" }},
		{func(f *fault.Fault) { f.OneWay = false }},
		{func(f *fault.Fault) { f.Empty = false }},
		{func(f *fault.Fault) { f.Applied = false }},
		{func(f *fault.Fault) { f.Resource = "" }},
		{func(f *fault.Fault) { f.Peer = "" }}, // of a move: to any other replica
		{func(f *fault.Fault) { // the same, written as one host
			if len(f.Targets) == 1 {
				f.Target, f.Targets = f.Targets[0], nil
			}
		}},
		numberEdits(f, func(f *fault.Fault) *int { return &f.Count }, 1),
		numberEdits(f, func(f *fault.Fault) *int { return &f.ClusterID }, 2, 3),
		numberEdits(f, func(f *fault.Fault) *int { return &f.Share }, 100, 50),
		numberEdits(f, func(f *fault.Fault) *int { return &f.Code }, 500),
		numberEdits(f, func(f *fault.Fault) *int { return &f.Bandwidth }, 0, 100, 1_000, 10_000, 100_000),
		lengthEdits(f, func(f *fault.Fault) *fault.Duration { return &f.Lag }),
		lengthEdits(f, func(f *fault.Fault) *fault.Duration { return &f.Delay }),
		lengthEdits(f, func(f *fault.Fault) *fault.Duration { return &f.Ahead }),
		lengthEdits(f, func(f *fault.Fault) *fault.Duration { return &f.RetryAfter }),
	}
	if f.When != nil {
		groups = append(groups,
			lengthEdits(f, func(f *fault.Fault) *fault.Duration { return &f.For }), // else closeGaps does it
			numberEdits(f, func(f *fault.Fault) *int { return &f.When.Nth }, 0, 1, 2, 3, 4, 5, 10, 20),
			numberEdits(f, func(f *fault.Fault) *int { return &f.When.Percent }, 100, 50, 10, 90),
		)
	}
	return groups
}

// numberEdits set a number to one of the values before the one that it has. A
// number that is zero is not used, and stays so.
func numberEdits(f *fault.Fault, field func(*fault.Fault) *int, values ...int) (edits []faultEdit) {
	now := *field(f)
	for _, value := range values {
		if now == 0 || value == now {
			break
		}
		edits = append(edits, func(f *fault.Fault) { *field(f) = value })
	}
	return edits
}

// lengthEdits leave a length out or make it simpler.
func lengthEdits(f *fault.Fault, field func(*fault.Fault) *fault.Duration) (edits []faultEdit) {
	now := *field(f)
	if now == 0 {
		return nil
	}
	for _, length := range append([]fault.Duration{0}, simplerThan(now)...) {
		edits = append(edits, func(f *fault.Fault) { *field(f) = length })
	}
	return edits
}

// dropTriggers replaces triggers by the times at which they have fired.
func dropTriggers(s *search) {
	for i := range s.best.Faults {
		if s.best.Faults[i].When == nil || i >= len(s.seen.Begun) || s.seen.Begun[i] == Never {
			continue
		}
		begun := s.seen.Begun[i]
		at := func(at fault.Duration) func(*fault.Plan) {
			return func(p *fault.Plan) {
				p.Faults[i].When, p.Faults[i].At = nil, at
				slices.SortStableFunc(p.Faults, func(a, b fault.Fault) int { return cmp.Compare(a.At, b.At) })
			}
		}
		s.edit(at((begun+second-1)/second*second), at(begun/second*second), at(begun))
	}
}
