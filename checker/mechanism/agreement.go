package mechanism

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
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
// the one and the other agent show, if that of this agent is the one of which the writer that it
// reads was told first, or with the other in one list.
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
	if r := x.reader(v.Agent); r != nil {
		if other := x.firstTold(r.store.Actor, facts.Owners[0]); other >= 0 && x.firstTold(r.store.Actor, facts.Owners[1]) > other {
			return nil
		}
	}
	return property.ByMechanism(CauseTwoOwners, twoOwners, facts, records...)
}

// firstTold is the record by which the present writer of a replica was first told of an object; -1 if
// it was not.
func (x *Explainer) firstTold(replica, object string) int {
	life, _ := index.ProcessAt(x.in.Processes(replica, "writer"), x.in.Records[x.all()-1].At)
	kind, name, _ := strings.Cut(object, "/")
	return x.in.First(life.Up, x.all(), func(r *history.Record) bool {
		return r.Verb == history.Event && r.Store == "" && r.Peer == replica && r.Kind == kind && strings.Contains(" "+r.Value, ":"+name+":")
	})
}

var twoOwners = &property.Rule{Name: "two-owners", Text: func(f *property.Facts) string {
	return fmt.Sprintf("two objects claim %s to the end, %s and %s", f.Key, f.Owners[0], f.Owners[1])
}}
