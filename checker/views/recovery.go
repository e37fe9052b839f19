package views

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history/index"
)

// A view has recovered from a fault at the first instant from the fault's end on at which it
// shows nothing that had ceased to be true before that end, nor lacks what had become true
// before. Later faults do not count apart: where they overlap, the one that ended first has
// its views recover only when the other lets them.
type recoveries struct {
	faults []*index.Fault  // that have ended and done something, in order of their ends
	until  []time.Duration // by fault: when the last view had recovered
}

func newRecoveries(faults []*index.Fault) *recoveries {
	r := &recoveries{}
	for _, f := range faults {
		if f.Did && f.To != index.Forever {
			r.faults = append(r.faults, f)
		}
	}
	slices.SortStableFunc(r.faults, func(a, b *index.Fault) int { return cmp.Compare(a.To, b.To) })
	for _, f := range r.faults {
		r.until = append(r.until, f.To)
	}
	return r
}

// concerns reports whether a disagreement began before the end of a fault and outlasted it:
// few do.
func (r *recoveries) concerns(d disagreement) bool {
	i := sort.Search(len(r.faults), func(i int) bool { return r.faults[i].To > d.since })
	return i < len(r.faults) && r.faults[i].To < d.to
}

// agent takes into account the disagreements of an agent's view that concern a fault.
func (r *recoveries) agent(all []disagreement) {
	slices.SortFunc(all, func(a, b disagreement) int { return cmp.Compare(a.from, b.from) })
	for i, f := range r.faults {
		at := f.To
		for _, d := range all {
			if d.from > at {
				break
			}
			if d.since < f.To {
				at = max(at, d.to)
			}
		}
		r.until[i] = max(r.until[i], at)
	}
}

// measures are how long it took, by kind of fault. What had not recovered when the run ended
// counts until then.
func (r *recoveries) measures(end time.Duration) (all []property.Measure) {
	byKind := map[string][]time.Duration{}
	var kinds []string
	for i, f := range r.faults {
		if byKind[f.Kind] == nil {
			kinds = append(kinds, f.Kind)
		}
		byKind[f.Kind] = append(byKind[f.Kind], min(r.until[i], end)-f.To)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		all = append(all, property.NewMeasure("recovery", "after "+kind, byKind[kind]))
	}
	return all
}
