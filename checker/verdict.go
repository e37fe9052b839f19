// Package checker judges a history: named properties, from a History to a
// Verdict. It knows nothing of how the history came about and assumes nothing
// that the code under test claims.
//
// Check is the entry. Each property is one value in one file, named in Properties
// (check.go), over shared indices of the history: index.go and truth.go for what agents
// saw and what was true, etcd.go for what the replicas' stores applied and answered,
// kube.go for what was written to the kube-apiservers, and watching.go for the watches of
// both.
package checker

import (
	"cmp"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// Outcome is what is known of a property after a run.
type Outcome string

const (
	Pass    Outcome = "pass"    // it held wherever the run put it to the test
	Fail    Outcome = "fail"    // it was broken
	Unknown Outcome = "unknown" // the run did not put it to the test, or judging it took too long
)

// Verdict is the judgement of one history, in the order of Properties.
type Verdict struct {
	Results []Result  `json:"results"`
	Unfired []Unfired `json:"unfired,omitempty"` // in order of time
}

// Unfired is a fault of the plan that did not happen: the run did not put to the
// test what it was drawn for.
type Unfired struct {
	Fault int    `json:"fault"` // its number in the plan, from 1
	Kind  string `json:"kind"`
	Why   string `json:"why"`
}

func unfired(records []history.Record) (all []Unfired) {
	for i := range records {
		if r := &records[i]; r.Verb == history.Unfired {
			all = append(all, Unfired{int(r.Rev), r.Kind, r.Value})
		}
	}
	return all
}

// Outcome is that of all properties together: Fail if one is broken, else Unknown
// if one is unknown, else Pass. A verdict without results is Unknown.
func (v Verdict) Outcome() Outcome {
	overall := Pass
	for _, r := range v.Results {
		switch {
		case r.Outcome == Fail:
			return Fail
		case r.Outcome == Unknown:
			overall = Unknown
		}
	}
	if len(v.Results) == 0 {
		return Unknown
	}
	return overall
}

// Result returns the result of the property of that name.
func (v Verdict) Result(property string) (Result, bool) {
	for _, r := range v.Results {
		if r.Property == property {
			return r, true
		}
	}
	return Result{}, false
}

// Broken returns the names of the properties that failed.
func (v Verdict) Broken() []string {
	var names []string
	for _, r := range v.Results {
		if r.Outcome == Fail {
			names = append(names, r.Property)
		}
	}
	return names
}

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

func pass(evidence string) Result    { return Result{Outcome: Pass, Evidence: evidence} }
func unknown(evidence string) Result { return Result{Outcome: Unknown, Evidence: evidence} }

// judged is a pass with the evidence, or a failure if anything was violated.
func judged(evidence string, violations []Violation) Result {
	if len(violations) > 0 {
		return Result{Outcome: Fail, Evidence: evidence, Violations: violations}
	}
	return pass(evidence)
}

// measured is the result with what was measured on the way.
func (r Result) measured(measures ...Measure) Result {
	r.Measures = measures
	return r
}

// sortByTime puts violations in order of time, those of one instant in the order
// of their records.
func sortByTime(violations []Violation) {
	slices.SortStableFunc(violations, func(a, b Violation) int { return cmp.Compare(a.At, b.At) })
}
