package explore

import (
	"fmt"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/model/explore/trace"
)

// Verdict is what is known of a property. The zero value is Unknown.
type Verdict int

// The verdicts.
const (
	// Unknown: the search ended before the property was decided.
	Unknown Verdict = iota
	// Holds: every reachable state was explored and the property is true, or it
	// is a Sometimes and a witness was found.
	Holds
	// Broken: there is a counterexample, or the property is a Sometimes and
	// every reachable state was explored without finding a witness.
	Broken
)

func (v Verdict) String() string {
	switch v {
	case Holds:
		return "holds"
	case Broken:
		return "broken"
	}
	return "unknown"
}

// MarshalText makes verdicts readable in JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Outcome is the verdict on one property.
type Outcome struct {
	Property string
	Kind     Kind
	Verdict  Verdict
	// Why says in a sentence what the verdict rests on.
	Why string
	// Trace is the counterexample of a broken property or the witness of a
	// Sometimes that holds, else nil.
	Trace *trace.Trace
}

// Stats count a search. All but Elapsed are the same in every run with the same
// options, unless it was interrupted by its context.
type Stats struct {
	// Generated counts initial states and the outcome of every step taken, as
	// TLC's "states generated".
	Generated int64
	// Distinct counts different states among them, up to symmetry if it is used.
	Distinct int64
	// Depth is the greatest number of steps from an initial state to a state, by
	// the paths explored; breadth-first it is one less than TLC's depth.
	Depth int
	// Waiting counts the states seen but not explored, at the end.
	Waiting int64
	// Memory is the most that was counted against Options.Memory at the end of a
	// round, in bytes; Table is the seen states' part of it at the end.
	Memory int64
	Table  int64
	// Collision bounds the probability that two states were taken for one.
	Collision float64
	// Elapsed is wall clock time.
	Elapsed time.Duration
}

// Result is what a search found.
type Result struct {
	Model    string
	Outcomes []Outcome // in the order of the model's properties or Options.Properties
	// Finished: every reachable state was explored.
	Finished bool
	// Stopped says why a search that is not finished ended.
	Stopped string
	// Reductions names the reductions used, and Notes why declared ones were not.
	Reductions []string
	Notes      []string
	// Dead names the actions that are enabled in no reachable state, in the
	// model's order. It is empty unless the search is finished. With symmetry,
	// instances of an action that differ in what is in parentheses count as one.
	Dead  []string
	Stats Stats
}

// Verdict is the verdict on all properties together: broken if one is broken,
// else unknown if one is unknown, else holds. A search without properties holds
// if it is finished.
func (r *Result) Verdict() Verdict {
	v := Holds
	if !r.Finished && len(r.Outcomes) == 0 {
		v = Unknown
	}
	for _, o := range r.Outcomes {
		switch {
		case o.Verdict == Broken:
			return Broken
		case o.Verdict == Unknown:
			v = Unknown
		}
	}
	return v
}

// Outcome returns the outcome of the property of that name. It panics if the
// property was not checked.
func (r *Result) Outcome(property string) Outcome {
	for _, o := range r.Outcomes {
		if o.Property == property {
			return o
		}
	}
	panic(fmt.Sprintf("model %q: the property %q was not checked", r.Model, property))
}

// String is the result as text: a line about the search, one for each property,
// and the traces.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d distinct states of %d generated, depth %d", r.Model, r.Stats.Distinct, r.Stats.Generated, r.Stats.Depth)
	if r.Stopped != "" {
		fmt.Fprintf(&b, "; unfinished: %s", r.Stopped)
	}
	if len(r.Reductions) > 0 {
		fmt.Fprintf(&b, "; reduced by %s", strings.Join(r.Reductions, " and "))
	}
	b.WriteByte('\n')
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	if len(r.Dead) > 0 {
		fmt.Fprintf(&b, "dead: %s\n", strings.Join(r.Dead, ", "))
	}
	for _, o := range r.Outcomes {
		fmt.Fprintf(&b, "%-7s %s %q: %s\n", o.Verdict, o.Kind, o.Property, o.Why)
	}
	for _, o := range r.Outcomes {
		if o.Trace != nil {
			fmt.Fprintf(&b, "\n%s", o.Trace)
		}
	}
	return b.String()
}
