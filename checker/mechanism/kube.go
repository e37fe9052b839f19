package mechanism

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/rest"
	"github.com/meshcheck/meshcheck/checker/sources"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

// An agent that reads the kube-apiservers itself is told of objects, each of which may
// claim several addresses, and keeps no order between them: see CauseSlice,
// CauseObjects and CauseOldOwner.

// kubeRules are those where agents read the kube-apiservers.
var kubeRules = rules{
	views.Monotonic.Name:          (*Explainer).ofKubeChange,
	views.MonotonicSession.Name:   (*Explainer).ofKubeChange,
	views.NoSpuriousDeletion.Name: (*Explainer).ofKubeChange,
	views.Owner.Name:              (*Explainer).ofKubeEnd,
	views.Convergence.Name:        (*Explainer).ofKubeEnd,
	views.Staleness.Name:          (*Explainer).ofKubeEnd,
	rest.Agreement.Name:           (*Explainer).ofKubeDisagreement,
	views.Readiness.Name:          (*Explainer).ofKubeUnusable,
	sources.Fence.Name:            (*Explainer).ofKubeFence,
}

// readsKube reports whether the history's agents read the kube-apiservers: nobody has
// an etcd.
func (x *Explainer) readsKube() bool { return len(x.in.Stores) == 0 }

// ofKubeChange explains a change of a view or datapath.
func (x *Explainer) ofKubeChange(v *property.Violation) *property.Cause {
	o, ok := x.observationOf(v)
	switch {
	case !ok || o.r.Kind != history.Endpoint:
		return nil
	case o.isLoss():
		if cause := o.ofKubeLoss(); cause != nil || o.r.Verb != history.Unprogram {
			return cause
		}
		return o.ofViewsLoss()
	}
	before := o.before()
	if n := len(v.Records); n > 1 && o.same(&x.in.Records[v.Records[n-2]]) {
		before = v.Records[n-2] // what was later than this
	}
	return o.ofKubeObservation(before)
}

// same reports whether a record is a change of the same entry in the same view or datapath.
func (o observation) same(r *history.Record) bool {
	return o.isOf(r, o.r.Verb == history.Program || o.r.Verb == history.Unprogram)
}

func (o observation) isOf(r *history.Record, datapath bool) bool {
	if r.Actor != o.r.Actor || r.Kind != o.r.Kind || r.Key != o.r.Key {
		return false
	}
	l, _, ok := index.ChangeOf(r)
	return ok && (l == index.Datapath) == datapath
}

// before is the change of the entry in the same view or datapath before this one; -1 if
// there is none.
func (o observation) before() int { return o.x.in.Last(0, o.record, o.same) }

// had is the change before this one, and the claim of what it showed; -1 if there is none.
func (o observation) had() (before, claim int) {
	if before = o.before(); before < 0 {
		return -1, -1
	}
	return before, o.claim(o.x.in.Records[before].Value, o.r.At)
}

// ofViewsLoss explains that a datapath has lost what its agent's view had lost, since a
// restart after which the datapath waited for the view.
func (o observation) ofViewsLoss() *property.Cause {
	i := o.x.in.Last(0, o.record, func(r *history.Record) bool { return o.isOf(r, false) })
	if i < 0 || o.x.in.Records[i].Verb == history.See || o.x.in.Records[i].Inc != o.r.Inc {
		return nil
	}
	loss, _ := o.x.observe(i)
	return loss.ofKubeLoss()
}

// truths are the records by which objects claim the entry, or let go of it, by an
// instant.
func (o observation) truths(by time.Duration) []int32 {
	n, _ := slices.BinarySearch(o.e.Truths, int32(o.x.in.By(by)))
	return o.e.Truths[:n]
}

// claim is the last record by an instant by which an object claims the entry with a
// content; -1 if there is none.
func (o observation) claim(value string, by time.Duration) int {
	for _, i := range slices.Backward(o.truths(by)) {
		if r := &o.x.in.Records[i]; r.Op == "put" && r.Value == value {
			return int(i)
		}
	}
	return -1
}

// objectOf is the object that a record's owner is: of a slice with two pods of one
// address that is not the owner itself (history.Truth).
func objectOf(r *history.Record) string {
	object, _, _ := strings.Cut(r.Owner, "#")
	return object
}

// told is the last record by which a watch or list told the agent of an object between
// two instants; -1 if there is none.
func (o observation) told(object string, rv int64, from, to time.Duration, gone bool) int {
	return o.x.toldOfObject(o.r.Actor, object, rv, from, to, gone)
}

// toldOfObject is the last record by which a watch or list told a client of an object between
// two instants; -1 if there is none. It is one with the resourceVersion, or a later one, or,
// if the object may be gone, the end of a list, which may be without it.
func (x *Explainer) toldOfObject(client, object string, rv int64, from, to time.Duration, gone bool) int {
	kind, name, _ := strings.Cut(object, "/")
	first, end := x.between(from, to)
	return x.in.Last(first, end, func(r *history.Record) bool {
		switch {
		case r.Peer != client || r.Kind != kind:
			return false
		case r.Verb == history.Request && r.Op == "list" && r.RV >= rv:
			return true // of all objects
		case r.Verb != history.Event:
			return false
		}
		for field := range strings.FieldsSeq(r.Value) {
			if ev := index.ParseKubeEvent(field); (ev.Key == name || gone && ev.What == "INITIAL") && ev.RV >= rv {
				return true
			}
		}
		return false
	})
}

// burst bounds the time in which an agent handles what it is told at once.
const burst = 100 * time.Millisecond

// ofKubeLoss explains that an agent has dropped an address that was claimed all along.
func (o observation) ofKubeLoss() *property.Cause {
	before, old := o.had()
	if old < 0 {
		return nil
	}
	if cause := o.ofTwoSlices(old); cause != nil {
		return cause
	}
	lost := &o.x.in.Records[old]
	loser := objectOf(lost)
	toldOld := o.told(loser, lost.RV+1, lost.At, o.r.At, true)
	if toldOld < 0 {
		return nil
	}
	after, next := o.x.in.First(o.record+1, o.x.in.By(o.r.At+burst), o.same), -1
	if after >= 0 {
		next = o.claim(o.x.in.Records[after].Value, o.r.At)
	}
	if next < 0 {
		return o.ofOldOwner(before, old)
	}
	claim := &o.x.in.Records[next]
	winner := objectOf(claim)
	facts := o.facts()
	facts.Owners, facts.After = []string{loser, winner}, o.x.in.Records[after].At-o.r.At
	facts.Before, facts.Shown = property.VersionOf(&o.x.in.Records[before]), property.VersionOf(&o.x.in.Records[after])
	if winner == loser {
		return property.ByMechanism(CauseSlice, sliceUpdate, facts, old, toldOld, o.record, after)
	}
	// The claim was still in the agent's queue when it took the removal.
	toldNew := o.told(winner, claim.RV, claim.At, o.r.At, false)
	if toldNew < 0 {
		return nil
	}
	return property.ByMechanism(CauseObjects, objectsOutOfOrder, facts, min(toldOld, toldNew), max(toldOld, toldNew), o.record, after)
}

// ofTwoSlices explains that an agent drops an address that a slice gives a pod, as it was
// told of another slice that gives the pod another address.
func (o observation) ofTwoSlices(old int) *property.Cause {
	claim := &o.x.in.Records[old]
	pod := podOf(claim.Value)
	if !strings.HasPrefix(claim.Owner, "CiliumEndpointSlice/") {
		return nil
	}
	other := o.x.in.Last(0, o.x.in.By(o.r.At), func(r *history.Record) bool {
		return r.Verb == history.Truth && r.Op == "put" && r.Key != o.r.Key && objectOf(r) != objectOf(claim) && podOf(r.Value) == pod
	})
	if other < 0 || !o.x.bothSaid(old, other) {
		return nil
	}
	r := &o.x.in.Records[other]
	told := o.told(objectOf(r), r.RV, o.r.At-handling, o.r.At, false)
	if told < 0 {
		return nil
	}
	facts := o.facts()
	facts.Owners = []string{objectOf(claim), objectOf(r)}
	facts.Before, facts.Shown = &property.Version{Key: o.r.Key, Value: claim.Value}, &property.Version{Key: r.Key, Value: r.Value}
	return property.ByMechanism(CauseTwoSlices, twoSlices, facts, old, other, told, o.record)
}

// bothSaid reports whether two claims were made at one time: the later one before the earlier one was let go of.
func (x *Explainer) bothSaid(one, other int) bool {
	earlier, later := min(one, other), max(one, other)
	said := &x.in.Records[earlier]
	return x.in.First(earlier, later, func(r *history.Record) bool {
		return r.Verb == history.Truth && r.Op == "del" && r.Key == said.Key && objectOf(r) == objectOf(said)
	}) < 0
}

// podOf is the pod in the content of an endpoint.
func podOf(content string) string {
	_, rest, _ := strings.Cut(content, " pod=")
	pod, _, _ := strings.Cut(rest, " ")
	return pod
}

// ofKubeObservation explains an observation of what was no longer true, or was true all along while
// the address had been dropped: after a change that showed something later.
func (o observation) ofKubeObservation(before int) *property.Cause {
	if before < 0 {
		return nil
	}
	if o.x.in.Records[before].At >= o.r.At-burst {
		shown := map[string]bool{o.r.Value: true} // since then
		for i := o.before(); i > before; i = o.x.in.Last(0, i, o.same) {
			shown[o.x.in.Records[i].Value] = true
		}
		for _, claim := range slices.Backward(o.truths(o.r.At)) {
			if r := &o.x.in.Records[claim]; r.Op == "put" && shown[r.Value] {
				if cause := o.ofQueued(claim, before); cause != nil {
					return cause
				}
			}
		}
	}
	loss, _ := o.x.observe(before)
	if !loss.isLoss() {
		return nil
	}
	if cause := loss.ofKubeLoss(); cause != nil && cause.Name() == CauseSlice {
		return cause
	}
	return loss.ofOldOwner(loss.had())
}

// ofQueued explains that a claim was still in the agent's queue when, by an earlier
// change, it took what another object said later.
func (o observation) ofQueued(claim int32, before int) *property.Cause {
	shown, first := &o.x.in.Records[claim], o.x.in.Records[before].At
	owner := o.takenFrom(before)
	toldShown := o.told(objectOf(shown), shown.RV, shown.At, first, false)
	if toldShown < 0 {
		return nil
	}
	for _, i := range slices.Backward(o.truths(first)) {
		r := &o.x.in.Records[i]
		if i < claim {
			return nil
		}
		if objectOf(r) == objectOf(shown) || objectOf(r) != owner {
			continue
		}
		if toldOther := o.told(objectOf(r), r.RV, r.At, first, true); toldOther >= 0 {
			facts := o.facts()
			facts.Owners, facts.Shown = []string{objectOf(shown), objectOf(r)}, property.VersionOf(o.r)
			return property.ByMechanism(CauseObjects, objectsOutOfOrder, facts, min(toldShown, toldOther), max(toldShown, toldOther), o.record)
		}
	}
	return nil
}

// takenFrom is the object of which a change of the entry comes: the one that claims what
// is shown, or claimed what is shown no longer.
func (o observation) takenFrom(record int) string {
	if o.x.in.Records[record].Value == "" {
		record = o.x.in.Last(0, record, o.same)
	}
	if record < 0 {
		return ""
	}
	claim := o.claim(o.x.in.Records[record].Value, o.r.At)
	if claim < 0 {
		return ""
	}
	return objectOf(&o.x.in.Records[claim])
}

// ofOldOwner explains that an agent drops an address although another object claimed it,
// when its owner went, of which it had been told before it took that one for its owner. It is
// given the change that had shown the owner, and the owner's claim, -1 if there is none.
func (o observation) ofOldOwner(before, old int) *property.Cause {
	if old < 0 {
		return nil
	}
	loser := &o.x.in.Records[old]
	before = max(before, o.shown(loser.Value, o.record)) // a datapath had it perhaps before its agent restarted
	taken, since := &o.x.in.Records[before], o.x.in.Records[before].At
	if taken.Source != o.r.Source { // it had that of an etcd, and took the same from CRDs when it listed these
		since = o.x.listedSince(o.r.Actor, before, o.record)
	}
	live := map[string]int{} // by owner: the record of what it claims when the loser goes, or else when the address is dropped
	for _, i := range o.truths(o.r.At) {
		r := &o.x.in.Records[i]
		if r.Op == "put" {
			live[r.Owner] = int(i)
		} else {
			delete(live, r.Owner)
		}
		if int(i) > old && r.Owner == loser.Owner {
			break
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(live)) {
		claim := &o.x.in.Records[live[owner]]
		if claim.Value == loser.Value {
			continue
		}
		told := o.told(objectOf(claim), claim.RV, 0, since, false)
		if told < 0 {
			told = o.shown(claim.Value, before)
		}
		if told < 0 {
			continue
		}
		facts := o.facts()
		facts.Since, facts.Owners = since, []string{objectOf(loser), objectOf(claim)}
		facts.Before, facts.Truth = property.VersionOf(taken), &property.Version{Value: claim.Value, At: claim.At, RV: claim.RV}
		return property.ByMechanism(CauseOldOwner, oldOwner, facts, live[owner], told, before, o.record)
	}
	return nil
}

// listedSince is when an agent had listed CRDs last between two records; the instant of the first if it had not.
func (x *Explainer) listedSince(agent string, from, to int) time.Duration {
	if listed := x.in.Last(from, to, func(r *history.Record) bool {
		return r.Verb == history.Reading && r.Actor == agent && r.Op == history.Listed
	}); listed >= 0 {
		return x.in.Records[listed].At
	}
	return x.in.Records[from].At
}

// shown is the last record by which the agent showed the entry with a content before
// another record; -1 if there is none.
func (o observation) shown(value string, before int) int {
	return o.x.in.Last(0, before, func(r *history.Record) bool {
		return r.Verb == history.See && r.Actor == o.r.Actor && r.Kind == o.r.Kind && r.Key == o.r.Key && r.Value == value
	})
}

// ofKubeEnd explains what an agent has wrong when the run ends, or a wrong owner that it
// was shown.
func (x *Explainer) ofKubeEnd(v *property.Violation) *property.Cause {
	if _, ok := x.observationOf(v); ok {
		return x.ofKubeChange(v)
	}
	if v.Kind != "" && len(v.Differences) == 0 {
		if cause := x.lostForGood(v.Agent, v.Key, v.Layer); cause != nil || v.Layer != property.Datapath {
			return cause
		}
		return x.lostForGood(v.Agent, v.Key, property.View) // the datapath has what the view has
	}
	id := int32(slices.Index(x.in.Views.Agents, v.Agent))
	if id < 0 {
		return nil
	}
	return joined(func(yield func(*property.Cause) bool) {
		for _, entry := range x.stuck.AllWrong(id) {
			if (v.Kind == "" || x.in.Views.Entries[entry].Kind == v.Kind) && !yield(x.lostForGood(v.Agent, x.in.Views.Entries[entry].Key, property.View)) {
				return
			}
		}
	})
}

// lostForGood explains that an agent lacks an endpoint when the run ends.
func (x *Explainer) lostForGood(agent, key string, layer property.Layer) *property.Cause {
	return x.lostBy(x.all(), agent, key, layer)
}

// ofKubeFence explains endpoints that were regenerated without what the kube-apiserver had: the
// agent had listed it, and lost it again.
func (x *Explainer) ofKubeFence(v *property.Violation) *property.Cause {
	return joined(func(yield func(*property.Cause) bool) {
		for _, d := range v.Differences {
			var cause *property.Cause
			if d.Kind == history.Endpoint {
				cause = x.lostBy(v.Records[len(v.Records)-1], v.Agent, d.Key, property.View)
			}
			if !yield(cause) {
				return
			}
		}
	})
}

// lostBy explains that an agent lacks an endpoint before a record.
func (x *Explainer) lostBy(record int, agent, key string, layer property.Layer) *property.Cause {
	of := observation{r: &history.Record{Actor: agent, Kind: history.Endpoint, Key: key}}
	last := x.in.Last(0, record, func(r *history.Record) bool { return of.isOf(r, layer == property.Datapath) })
	if last < 0 {
		return nil
	}
	o, _ := x.observe(last)
	if !o.isLoss() {
		return nil
	}
	return o.ofOldOwner(o.had())
}

// ofKubeUnusable explains why some agents do not know a pod's endpoint when the run ends.
func (x *Explainer) ofKubeUnusable(v *property.Violation) *property.Cause {
	id, known := x.in.Views.Number(history.Endpoint, v.Key)
	if !known {
		return nil
	}
	return joined(func(yield func(*property.Cause) bool) {
		for number, agent := range x.in.Views.Agents {
			if x.stuck.Wrong(int32(number), id) && !yield(x.lostForGood(agent, v.Key, property.View)) {
				return
			}
		}
	})
}

var (
	sliceUpdate = &property.Rule{Name: "slice-update", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s was told of one update of %s, in which %s is %s in place of %s, and took the removal first",
			f.Agent, f.Owners[0], f.Key, property.Content(f.Shown.Value), property.Content(f.Before.Value))
	}}
	objectsOutOfOrder = &property.Rule{Name: "objects-out-of-order", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s had been told of %s and %s, both of which claim or claimed %s, before it took either, and took them in another order than that of their writes",
			f.Agent, f.Owners[0], f.Owners[1], f.Key)
	}}
	twoSlices = &property.Rule{Name: "two-slices", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s was told of %s, which gives the pod of %s the address %s, while %s still gives it %s",
			f.Agent, f.Owners[1], property.Content(f.Before.Value), f.Shown.Key, f.Owners[0], f.Before.Key)
	}}
	oldOwner = &property.Rule{Name: "old-owner", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s had been told of %s, which claims %s since %s, when at %s it took that of %s for its owner; when that one went, it dropped the address",
			f.Agent, f.Owners[1], f.Key, text.Seconds(f.Truth.At), text.Seconds(f.Since), f.Owners[0])
	}}
)
