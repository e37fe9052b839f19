package mechanism

import (
	"fmt"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history/index"
)

// ofDisagreement explains why an agent says something else than another at rest: it is wrong,
// or the truth has room for both.
func (x *Explainer) ofDisagreement(v *property.Violation) *property.Cause {
	if cause := x.ofTwoOwners(v); cause != nil {
		return cause
	}
	return x.ofWrong(v)
}

// ofKubeDisagreement does the same where agents read the kube-apiservers.
func (x *Explainer) ofKubeDisagreement(v *property.Violation) *property.Cause {
	if cause := x.ofTwoOwners(v); cause != nil {
		return cause
	}
	return x.ofKubeEnd(v)
}

// ofTwoOwners explains it by two objects that both claim the entry when the run ends, with what
// the one and the other agent show.
func (x *Explainer) ofTwoOwners(v *property.Violation) *property.Cause {
	id, known := x.in.Views.Number(v.Kind, v.Key)
	if !known || v.Shown.Gone || v.Truth.Gone {
		return nil
	}
	e := &x.in.Views.Entries[id]
	if !index.Lasts(e.LiveAs(v.Shown.Value)) || !index.Lasts(e.LiveAs(v.Truth.Value)) {
		return nil
	}
	facts := property.Facts{Agent: v.Agent, Kind: v.Kind, Key: v.Key, At: v.At}
	var records []int
	for _, content := range []string{v.Truth.Value, v.Shown.Value} {
		for _, i := range e.Truths {
			if r := &x.in.Records[i]; r.Op == "put" && r.Value == content {
				facts.Owners = append(facts.Owners, r.Owner)
				records = append(records, int(i))
				break
			}
		}
	}
	return property.ByMechanism(CauseTwoOwners, twoOwners, facts, records...)
}

var twoOwners = &property.Rule{Name: "two-owners", Text: func(f *property.Facts) string {
	return fmt.Sprintf("two objects claim %s to the end, %s and %s", f.Key, f.Owners[0], f.Owners[1])
}}
