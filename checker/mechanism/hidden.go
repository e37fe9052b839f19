package mechanism

import (
	"cmp"
	"fmt"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/schema"
)

// ofInvented explains why an agent saw what was never true.
func (x *Explainer) ofInvented(v *property.Violation) *property.Cause {
	o, ok := x.observationOf(v)
	if !ok || o.isLoss() {
		return nil
	}
	return cmp.Or(o.ofHidden(), x.ofChange(v))
}

// ofHidden explains an entry of a namespace that had been annotated or deleted when it was
// made, if the writer had not been told of that when it put the entry.
func (o observation) ofHidden() *property.Cause {
	namespace, records := namespaceOf(o.r.Value), o.x.in.Records
	put := o.x.in.Last(0, o.record, func(r *history.Record) bool {
		return r.Verb == history.Put && r.Store == o.r.Store && r.Value == o.r.Value && r.Kind == o.r.Kind && schema.NameIn(r.Key) == o.r.Key
	})
	if put < 0 || namespace == "" {
		return nil
	}
	hidden := o.x.in.Last(0, put, func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == "Namespace" && r.Key == namespace && r.Op != "create"
	})
	if hidden < 0 || o.x.tells(hidden, put, records[put].Actor, namespace) >= 0 {
		return nil
	}
	facts := o.facts()
	facts.Server, facts.Store = records[put].Actor, records[put].Store
	facts.Truth = namespaceAt(namespace, records[hidden].At)
	facts.Truth.RV, facts.Truth.Op = records[hidden].RV, records[hidden].Op
	facts.Shown = &property.Version{Op: "put", At: records[put].At}
	return property.ByMechanism(CauseHidden, namespaceHidden, facts, hidden, put, o.record)
}

var namespaceHidden = &property.Rule{Name: "namespace-hidden", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the writer of %s put %s at %s: it had not been told of the %s of the namespace %s at %s (rv %d) yet, since when nothing in it is for other clusters",
		f.Server, f.Object(), text.Seconds(f.Shown.At), f.Truth.Op, f.Truth.Key, text.Seconds(f.Truth.At), f.Truth.RV)
}}
