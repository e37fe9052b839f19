package mechanism

import (
	"fmt"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/rest"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// ofGarbage explains an identity that stays: operators have begun to lead since nobody asks for it.
func (x *Explainer) ofGarbage(v *property.Violation) *property.Cause {
	if len(v.Records) == 0 {
		return nil
	}
	var leads []int
	for i := v.Records[0]; i < x.all() && x.in.Records[i].At <= v.At; i++ {
		if isLead(&x.in.Records[i]) {
			leads = append(leads, i)
		}
	}
	if len(leads) == 0 {
		return x.ofListedGarbage(v)
	}
	return property.ByMechanism(CauseRestarts, beganAnew, property.Facts{Kind: object.IdentityKind, Key: v.Key, At: x.in.Records[leads[0]].At, Since: v.Since,
		Counts: map[string]int{"leaders": len(leads)}}, leads...)
}

// ofListedGarbage explains it by the operator having listed identities anew, which it takes for signs of life: the
// bound is met if it counts from its last list.
func (x *Explainer) ofListedGarbage(v *property.Violation) *property.Cause {
	var lists []int
	for i := v.Records[0]; i < x.all() && x.in.Records[i].At <= v.At; i++ {
		if isIdentityList(&x.in.Records[i]) {
			lists = append(lists, i)
		}
	}
	if len(lists) == 0 || v.At-x.in.Records[lists[len(lists)-1]].At > v.Allowed {
		return nil
	}
	last := &x.in.Records[lists[len(lists)-1]]
	return property.ByMechanism(CauseLists, listedAnew, property.Facts{Client: last.Peer, Kind: object.IdentityKind, Key: v.Key, At: last.At, Since: v.Since,
		Counts: map[string]int{"lists": len(lists)}}, lists...)
}

// isIdentityList reports whether an operator lists all identities anew, by a watch that begins with them.
func isIdentityList(r *history.Record) bool {
	return r.Verb == history.Watch && r.Kind == object.IdentityKind && mode.Operator.Is(r.Peer) && strings.HasPrefix(r.Ask, "initial:")
}

var listedAnew = &property.Rule{Name: "listed-anew", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s listed identities %s since %s, when nobody asked for %s any more, the last time at %s, and took each for used then",
		f.Client, text.Count(f.Counts["lists"], "time"), text.Seconds(f.Since), f.Object(), text.Seconds(f.At))
}}

// ofUnsafe explains an identity that gets other labels, or is deleted while a pod has its labels: no CiliumEndpoint has it, and the collector,
// which goes by these, has marked it before; or it has not heard of any that has it.
func (x *Explainer) ofUnsafe(v *property.Violation) *property.Cause {
	deleted := v.Records[len(v.Records)-1]
	if x.in.Records[deleted].Op != "delete" {
		return x.numberTwice(deleted)
	}
	if c := x.staleDeletion(deleted); c != nil {
		return c.cause(x)
	}
	marked := x.in.Last(0, deleted, func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.IdentityKind && r.Key == v.Key
	})
	if marked < 0 || !strings.HasPrefix(x.in.Records[marked].Value, "marked=true") || len(x.endpointsOf(v.Key, deleted)) > 0 {
		return nil
	}
	return property.ByMechanism(CauseWaits, noEndpointYet, property.Facts{Client: x.in.Records[deleted].Peer, Kind: object.IdentityKind, Key: v.Key,
		At: x.in.Records[marked].At}, marked, deleted)
}

// ofMadeAgain explains that an identity comes last in a view long after the heal: no CiliumEndpoint has it, and an operator deletes
// it and makes it again, more than once.
func (x *Explainer) ofMadeAgain(v *property.Violation) *property.Cause {
	if v.Kind != history.Identity || len(v.Records) == 0 {
		return nil
	}
	seen := v.Records[len(v.Records)-1]
	deleted, again := -1, []int{}
	for i := range x.in.Records[:seen] {
		r := &x.in.Records[i]
		if r.Verb != history.Write || r.Kind != object.IdentityKind || r.Key != v.Key || !mode.Operator.Is(r.Peer) {
			continue
		}
		switch {
		case r.Op == "delete":
			deleted = i
		case r.Op == "create" && deleted >= 0 && r.At-x.in.Records[deleted].At < time.Second && r.Peer == x.in.Records[deleted].Peer:
			again = append(again, i)
		}
	}
	if len(again) < 2 || x.in.Records[seen].At-x.in.Records[again[len(again)-1]].At > time.Second || len(x.endpointsOf(v.Key, seen)) > 0 {
		return nil
	}
	last := &x.in.Records[again[len(again)-1]]
	return property.ByMechanism(CauseWaits, madeAgain, property.Facts{Client: last.Peer, Kind: object.IdentityKind, Key: v.Key, At: last.At,
		Counts: map[string]int{"times": len(again)}}, again...)
}

var madeAgain = &property.Rule{Name: "made-again", Text: func(f *property.Facts) string {
	return fmt.Sprintf("no CiliumEndpoint has identity %s, though a pod has its labels: %s deleted it and made it again %s, the last time at %s",
		f.Key, f.Client, text.Count(f.Counts["times"], "time"), text.Seconds(f.At))
}}

// endpointsOf returns the writes by which CiliumEndpoints have an identity at a record.
func (x *Explainer) endpointsOf(identity string, at int) (writes []int) {
	latest := map[string]bool{}
	for i := at - 1; i >= 0; i-- {
		r := &x.in.Records[i]
		if r.Verb != history.Write || r.Kind != object.EndpointKind || latest[r.Key] {
			continue
		}
		latest[r.Key] = true
		if strings.HasPrefix(r.Value+" ", "identity="+identity+" ") {
			writes = append(writes, i)
		}
	}
	return writes
}

var noEndpointYet = &property.Rule{Name: "no-endpoint-yet", Text: func(f *property.Facts) string {
	return fmt.Sprintf("no CiliumEndpoint had identity %s yet, and %s, which looks for these alone, had marked it at %s", f.Key, f.Client, text.Seconds(f.At))
}}

// staleDeletion is an operator's deletion of an identity that CiliumEndpoints have, of none of
// which it had heard, although it listens.
type staleDeletion struct {
	deleted, endpoint int // records
}

// ofCollected are the properties that such a deletion may break for as long as the endpoints live: agents
// do not put an identity back that operators manage, and the operator gives its labels another number.
var ofCollected = map[string]bool{
	views.Referential.Name: true, views.Convergence.Name: true, views.Readiness.Name: true, views.Staleness.Name: true,
	views.NoSpuriousDeletion.Name: true, rest.SingleSource.Name: true, mode.Started: true,
}

// staleDeletion returns what a record is, if it is one.
func (x *Explainer) staleDeletion(record int) *staleDeletion {
	r := &x.in.Records[record]
	if r.Verb != history.Write || r.Kind != object.IdentityKind || r.Op != "delete" || !mode.Operator.Is(r.Peer) {
		return nil
	}
	writes := x.endpointsOf(r.Key, record)
	for _, i := range writes {
		w := &x.in.Records[i]
		if x.toldOfObject(r.Peer, w.Kind+"/"+w.Key, w.RV, w.At, r.At, false) >= 0 {
			return nil
		}
	}
	listens := func(w *history.Record) bool {
		return w.Verb == history.Watch && w.Kind == object.EndpointKind && w.Peer == r.Peer
	}
	if len(writes) == 0 || x.in.Last(0, record, listens) < 0 {
		return nil
	}
	return &staleDeletion{record, writes[0]}
}

func (c *staleDeletion) cause(x *Explainer) *property.Cause {
	deleted, endpoint := &x.in.Records[c.deleted], &x.in.Records[c.endpoint]
	return property.ByMechanism(CauseStaleCollector, unheardOf, property.Facts{Client: deleted.Peer, Kind: object.IdentityKind, Key: deleted.Key,
		At: deleted.At, Since: endpoint.At, Owners: []string{endpoint.Key}}, c.endpoint, c.deleted)
}

var unheardOf = &property.Rule{Name: "unheard-of", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s deleted identity %s at %s, which %s has had since %s: no kube-apiserver had told it of that", f.Client, f.Key, text.Seconds(f.At), f.Owners[0], text.Seconds(f.Since))
}}

// ofStaleCollector explains what is wrong of an endpoint whose identity such a deletion has taken, or of
// the identity that its labels have been given since.
func (x *Explainer) ofStaleCollector(v *property.Violation) *property.Cause {
	if x.stale == nil {
		x.stale = x.staleDeletions()
	}
	for i := range x.stale {
		if c := &x.stale[i]; x.in.Records[c.deleted].At <= v.At && x.concerns(v, c) {
			return c.cause(x)
		}
	}
	return nil
}

// staleDeletions are all there are, in order; not nil.
func (x *Explainer) staleDeletions() []staleDeletion {
	all := []staleDeletion{}
	for i := range x.all() {
		if c := x.staleDeletion(i); c != nil {
			all = append(all, *c)
		}
	}
	return all
}

func (x *Explainer) concerns(v *property.Violation, c *staleDeletion) bool {
	number := x.in.Records[c.deleted].Key
	switch v.Kind {
	case history.Identity:
		return v.Key == number || x.labelsOf(v.Key) == x.labelsOf(number)
	case history.Endpoint:
		said := x.in.Last(0, x.all(), func(r *history.Record) bool {
			return r.Verb == history.Truth && r.Kind == history.Endpoint && r.Key == v.Key && r.Op == "put" && r.At <= v.At
		})
		return said >= 0 && strings.HasPrefix(x.in.Records[said].Value, "id="+number+" ")
	case object.PodKind:
		has := x.in.Last(0, x.all(), func(r *history.Record) bool {
			return r.Verb == history.Write && r.Kind == object.EndpointKind && r.Key == v.Key && r.At <= v.At
		})
		return has >= 0 && strings.HasPrefix(x.in.Records[has].Value+" ", "identity="+number+" ")
	}
	return false
}

// labelsOf are the labels that an identity was given first.
func (x *Explainer) labelsOf(number string) string {
	made := x.in.First(0, x.all(), func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.IdentityKind && r.Key == number && r.Value != ""
	})
	if made < 0 {
		return number
	}
	return strings.TrimPrefix(x.in.Records[made].Value, "marked=true ")
}

// ofNumberTwice explains a pod of which nobody says the labels by that an operator has given its identity other ones.
func (x *Explainer) ofNumberTwice(v *property.Violation) *property.Cause {
	has := x.in.Last(0, x.all(), func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == object.EndpointKind && r.Key == v.Key
	})
	if has < 0 {
		return nil
	}
	number, _, _ := strings.Cut(strings.TrimPrefix(x.in.Records[has].Value, "identity="), " ")
	labels := ""
	for i := range x.all() {
		r := &x.in.Records[i]
		if r.Verb != history.Write || r.Kind != object.IdentityKind || r.Key != number || r.At > v.At {
			continue
		}
		now := strings.TrimPrefix(r.Value, "marked=true ")
		if r.Op == "update" && mode.Operator.Is(r.Peer) && labels != "" && now != labels {
			return x.numberTwice(i)
		}
		labels = now
	}
	return nil
}

// numberTwice explains that an operator gave an identity other labels: the identity is older than that it leads, which it
// had just begun to; or an agent made it, which the operator does not count where it has made another one of its labels.
func (x *Explainer) numberTwice(changed int) *property.Cause {
	r := &x.in.Records[changed]
	leads := x.in.Last(0, changed, func(l *history.Record) bool { return isLead(l) && l.Actor == r.Peer })
	before := x.in.Last(0, changed, func(w *history.Record) bool {
		return w.Verb == history.Write && w.Kind == object.IdentityKind && w.Key == r.Key
	})
	if leads < 0 || before < 0 {
		return nil
	}
	facts := property.Facts{Client: r.Peer, Kind: object.IdentityKind, Key: r.Key, At: r.At, Since: x.in.Records[leads].At}
	if before < leads && r.At-x.in.Records[leads].At <= takesOver {
		return property.ByMechanism(CauseNumberTwice, otherLabels, facts, leads, changed)
	}
	made := &x.in.Records[before]
	another := x.in.First(0, changed, func(w *history.Record) bool {
		return w.Verb == history.Write && w.Op == "create" && w.Kind == object.IdentityKind && w.Key != r.Key && w.Value == made.Value && w.Peer == r.Peer
	})
	if made.Op != "create" || !mode.Client.Is(made.Peer) || another < 0 {
		return nil
	}
	facts.Since, facts.Shown = made.At, &property.Version{Key: x.in.Records[another].Key, At: x.in.Records[another].At}
	return property.ByMechanism(CauseNumberTwice, agentsNumber, facts, before, another, changed)
}

var otherLabels = &property.Rule{Name: "other-labels", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s, which began to lead at %s, gave the number %s to other labels at %s", f.Client, text.Seconds(f.Since), f.Key, text.Seconds(f.At))
}}

var agentsNumber = &property.Rule{Name: "agents-number", Text: func(f *property.Facts) string {
	return fmt.Sprintf("an agent made identity %s at %s; %s made %s of the same labels at %s, did not count that one's number, and gave it to other labels at %s",
		f.Key, text.Seconds(f.Since), f.Client, f.Shown.Key, text.Seconds(f.Shown.At), text.Seconds(f.At))
}}
