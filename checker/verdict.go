// Package checker judges a history: named properties, from a History to a
// Verdict. It knows nothing of how the history came about and assumes nothing
// that the code under test claims.
//
// Check is the entry. Each property is one value in one file, in the room of what it
// judges (views, stores, kube, load), over an index of the history (history/index).
// mechanism then says of each violation which finding it looks like.
package checker

import (
	"slices"

	"github.com/meshcheck/meshcheck/checker/mechanism"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// Verdict is the judgement of one history, in the order of Properties.
type Verdict struct {
	Results []property.Result `json:"results"`
	Unfired []Unfired         `json:"unfired,omitempty"` // in order of time
	Idle    []Unfired         `json:"idle,omitempty"`    // faults that happened and did nothing, in order of time
	Stalls  *Stalls           `json:"stalls,omitempty"`
}

// Unfired is a fault of the plan that did not happen, or did nothing: the run did
// not put to the test what it was drawn for.
type Unfired struct {
	Fault int    `json:"fault"` // its number in the plan, from 1
	Kind  string `json:"kind"`
	Why   string `json:"why"`
}

// idle returns the faults that did nothing, such as a partition of hosts that had nothing
// to say: the run has not survived them.
func idle(faults []*index.Fault) (all []Unfired) {
	for _, f := range faults {
		if !f.Did {
			all = append(all, Unfired{int(f.Number), f.Kind, f.Effect})
		}
	}
	return all
}

func unfired(records []history.Record) (all []Unfired) {
	for i := range records {
		if r := &records[i]; r.Verb == history.Unfired {
			all = append(all, Unfired{int(r.Rev), r.Kind, r.Value})
		}
	}
	return all
}

// Outcome is that of all properties together: Mistake if one could not be judged because
// of an error of this program, else Fail if one is broken, else Unknown if one is unknown
// or none was judged at all, else Pass.
func (v Verdict) Outcome() property.Outcome {
	for _, o := range []property.Outcome{property.Mistake, property.Fail, property.Unknown, property.Pass} {
		if slices.ContainsFunc(v.Results, func(r property.Result) bool { return r.Outcome == o }) {
			return o
		}
	}
	return property.Unknown
}

// Result returns the result of the property of that name.
func (v Verdict) Result(name string) (property.Result, bool) {
	for _, r := range v.Results {
		if r.Property == name {
			return r, true
		}
	}
	return property.Result{}, false
}

// Broken returns the names of the properties that failed.
func (v Verdict) Broken() []string {
	var names []string
	for _, r := range v.Results {
		if r.Outcome == property.Fail {
			names = append(names, r.Property)
		}
	}
	return names
}

// The vocabulary of properties, for those who read verdicts.
type (
	Outcome    = property.Outcome
	Result     = property.Result
	Violation  = property.Violation
	Cause      = property.Cause
	Facts      = property.Facts
	Proof      = property.Proof
	Version    = property.Version
	Difference = property.Difference
	Rule       = property.Rule
	Measure    = property.Measure
	Property   = property.Property
	Mechanism  = mechanism.Mechanism
)

const (
	Pass    = property.Pass
	Fail    = property.Fail
	Unknown = property.Unknown

	NotApplicable = property.NotApplicable
	Mistake       = property.Mistake
)

// Outcomes returns all outcomes that a property can have.
func Outcomes() []Outcome { return []Outcome{Pass, Fail, Unknown, NotApplicable, Mistake} }

// Mechanisms returns the findings that a violation can look like.
func Mechanisms() []Mechanism { return mechanism.Mechanisms() }
