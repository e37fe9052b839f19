package conformance

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/conformance/measure"
	"github.com/meshcheck/meshcheck/model/mesh"
)

// agree is the model's property that is judged here: no property of the checker is
// about several replicas at one instant.
const agree = "agree"

// Ruling is what a run says about a counterexample.
type Ruling struct {
	Broken   bool   // the run breaks the property, about an address
	Sentence string // what broke it; or, if it is not broken, the evidence
	Missed   string // why the run did not go as the counterexample, as a sentence; empty if it did
	Did      []Did  // by step of the counterexample: what the real code did, if nothing was missed
}

// Judge judges a run of an exported plan by the checker's property of the name that
// the model's has, or by its own for agree. The model knows addresses, so what is
// said about nodes and identities does not count. The error says that the checker
// has no such property.
func Judge(c *mesh.Counterexample, plan *fault.Plan, x *index.Index, v checker.Verdict) (r Ruling, err error) {
	found, err := Follow(c, x.Records)
	if err != nil {
		r.Missed = err.Error()
	} else {
		r.Did = did(x, found)
	}
	for _, u := range v.Unfired {
		// Where agents are led that are there already, or that find no other replica, does not matter: Follow sees where they go.
		if plan.Faults[u.Fault-1].Kind != fault.Move {
			r.Missed = fmt.Sprintf("fault %d did not happen: %s", u.Fault, u.Why)
		}
	}
	switch c.Property {
	case agree:
		d, found := measure.LongestDisagreement(x.Records)
		r.Broken, r.Sentence = found, "replicas that were ready never differed"
		if found {
			r.Sentence = d.String()
		}
		return r, nil
	case singleSource:
		m, found := measure.LongestMixture(x.Records)
		r.Broken, r.Sentence = found, "every view that lasted was what one source had at one instant"
		if found {
			r.Sentence = m.String()
		}
		return r, nil
	}
	result, known := v.Result(c.Property)
	if !known {
		return r, fmt.Errorf("the checker has no property %q to judge a counterexample of the model's by", c.Property)
	}
	r.Sentence = result.Evidence
	i := slices.IndexFunc(result.Violations, func(v checker.Violation) bool { return cmp.Or(v.Kind, history.Endpoint) == history.Endpoint })
	if i >= 0 {
		r.Broken, r.Sentence = true, result.Violations[i].Sentence()
	}
	return r, nil
}
