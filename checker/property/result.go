package property

import (
	"cmp"
	"slices"
)

// Outcome is what is known of a property after a run.
type Outcome string

const (
	Pass    Outcome = "pass"    // it held wherever the run put it to the test
	Fail    Outcome = "fail"    // it was broken
	Unknown Outcome = "unknown" // the run did not put it to the test, or judging it took too long
	// NotApplicable: the mode of the run, or what exists in it, has nothing that the property could judge.
	NotApplicable Outcome = "not applicable"
	// Mistake: judging it went wrong in a way that is an error of this program, and says
	// nothing about what was judged.
	Mistake Outcome = "mistake"
)

// Result is the judgement of one property.
type Result struct {
	Property string  `json:"property"`
	Outcome  Outcome `json:"outcome"`
	// Promised says whether the mode of the run promises the property at all. What
	// is not promised and broken is a Fail all the same.
	Promised bool `json:"promised"`
	// Evidence says in numbers what was judged, or why the outcome is unknown.
	Evidence   string      `json:"evidence"`
	Violations []Violation `json:"violations,omitempty"` // of a Fail, in order of At
	Measures   []Measure   `json:"measures,omitempty"`   // what was measured on the way, whatever the outcome
}

// Passed is the result of a property that held, with the evidence.
func Passed(evidence string) Result { return Result{Outcome: Pass, Evidence: evidence} }

// Undecided is the result of a property that was not put to the test, with the reason.
func Undecided(evidence string) Result { return Result{Outcome: Unknown, Evidence: evidence} }

// Inapplicable is the result of a property of which the run cannot have anything to judge,
// whatever happens in it, with the reason.
func Inapplicable(why string) Result { return Result{Outcome: NotApplicable, Evidence: why} }

// Mistaken is the result of a property that could not be judged because of an error of
// this program, with what went wrong.
func Mistaken(what string) Result {
	return Result{Outcome: Mistake, Evidence: "meshcheck itself is wrong, which says nothing about Cilium: " + what}
}

// Judged is a pass with the evidence, or a failure if anything was violated. Violations of
// one instant stay in the order in which they are given.
func Judged(evidence string, violations []Violation) Result {
	if len(violations) > 0 {
		slices.SortStableFunc(violations, func(a, b Violation) int { return cmp.Compare(a.At, b.At) })
		return Result{Outcome: Fail, Evidence: evidence, Violations: violations}
	}
	return Passed(evidence)
}

// Measured is the result with what was measured on the way.
func (r Result) Measured(measures ...Measure) Result {
	r.Measures = measures
	return r
}
