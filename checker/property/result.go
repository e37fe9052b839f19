package property

import (
	"cmp"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/history/index"
)

// Cause is how a violation came about: one of the mechanisms that are known, with
// the records that prove that it is this one.
type Cause struct {
	Finding string `json:"finding"` // name of the page in testdata/findings, without ".md"
	Proof   string `json:"proof"`   // one sentence
	Records []int  `json:"records,omitempty"`
}

// Violation returns the violation by an event, proven by its record and others
// before it.
func (in *Input) Violation(ev index.Event, sentence string, before ...int32) Violation {
	r := &in.Records[ev.Record]
	v := Violation{Agent: r.Actor, Kind: r.Kind, Key: r.Key, At: r.At, Sentence: sentence}
	for _, i := range append(before, ev.Record) {
		if i >= 0 {
			v.Records = append(v.Records, int(i))
		}
	}
	return v
}

// Outcome is what is known of a property after a run.
type Outcome string

const (
	Pass    Outcome = "pass"    // it held wherever the run put it to the test
	Fail    Outcome = "fail"    // it was broken
	Unknown Outcome = "unknown" // the run did not put it to the test, or judging it took too long
	// NotApplicable: the mode of the run has nothing that the property could judge.
	NotApplicable Outcome = "not applicable"
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

// Violation is one instance in which a property was broken.
type Violation struct {
	Agent    string        `json:"agent,omitempty"` // whose view or datapath it is, for properties of agents
	Store    string        `json:"store,omitempty"` // as in history.Record, for properties of stores
	Kind     string        `json:"kind,omitempty"`
	Key      string        `json:"key,omitempty"`
	At       time.Duration `json:"at"` // the instant of the record that broke it
	Sentence string        `json:"sentence"`
	Records  []int         `json:"records,omitempty"` // indices of the records that prove it, in order of cause
	Cause    *Cause        `json:"cause,omitempty"`   // nil if it is none of the known mechanisms
}

// Passed is the result of a property that held, with the evidence.
func Passed(evidence string) Result { return Result{Outcome: Pass, Evidence: evidence} }

// Undecided is the result of a property that was not put to the test, with the reason.
func Undecided(evidence string) Result { return Result{Outcome: Unknown, Evidence: evidence} }

// Judged is a pass with the evidence, or a failure if anything was violated.
func Judged(evidence string, violations []Violation) Result {
	if len(violations) > 0 {
		return Result{Outcome: Fail, Evidence: evidence, Violations: violations}
	}
	return Passed(evidence)
}

// Measured is the result with what was measured on the way.
func (r Result) Measured(measures ...Measure) Result {
	r.Measures = measures
	return r
}

// SortByTime puts violations in order of time, those of one instant in the order
// of their records.
func SortByTime(violations []Violation) {
	slices.SortStableFunc(violations, func(a, b Violation) int { return cmp.Compare(a.At, b.At) })
}
