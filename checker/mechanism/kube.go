package mechanism

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

// An agent that reads the kube-apiservers itself is told of objects, each of which may
// claim several addresses, and keeps no order between them: see CauseSlice,
// CauseObjects and CauseOldOwner.

// kubeRules says, for each property, what is asked for the cause of its violations where
// agents read the kube-apiservers. One that no rule names has no known causes there.
var kubeRules = []struct {
	properties []property.Property
	of         func(*causes, *property.Violation) *property.Cause
}{
	{[]property.Property{views.Monotonic, views.MonotonicSession, views.NoSpuriousDeletion}, (*causes).ofKubeChange},
	{[]property.Property{views.Owner, views.Convergence, views.Staleness}, (*causes).ofKubeEnd},
	{[]property.Property{views.Readiness}, (*causes).ofKubeUnusable},
}

// readsKube reports whether the history's agents read the kube-apiservers: nobody has
// an etcd.
func (x *causes) readsKube() bool { return len(x.in.Stores) == 0 }

// change is an event of a view or datapath, of an entry.
type change struct {
	x      *causes
	r      *history.Record
	record int
}

func (x *causes) changeAt(record int) (c change, ok bool) {
	r := &x.in.Records[record]
	return change{x: x, r: r, record: record}, r.Kind == history.Endpoint
}

// ofKubeChange explains a change of a view or datapath.
func (x *causes) ofKubeChange(v *property.Violation) *property.Cause {
	if len(v.Records) == 0 {
		return nil
	}
	c, ok := x.changeAt(v.Records[len(v.Records)-1])
	switch {
	case !ok:
		return nil
	case c.isLoss():
		if cause := c.ofKubeLoss(); cause != nil || c.r.Verb != history.Unprogram {
			return cause
		}
		return c.ofViewsLoss()
	}
	before := c.neighbour(-1)
	if n := len(v.Records); n > 1 && c.isOf(v.Records[n-2]) {
		before = v.Records[n-2] // what was later than this
	}
	return c.ofKubeSight(before)
}

// isOf reports whether a record is a change of the same entry in the same view or datapath.
func (c change) isOf(record int) bool {
	for i := c.neighbour(-1); i >= record; i = (change{x: c.x, r: c.r, record: i}).neighbour(-1) {
		if i == record {
			return true
		}
	}
	return false
}

// ofViewsLoss explains that a datapath has lost what its agent's view had lost, since a
// restart after which the datapath waited for the view.
func (c change) ofViewsLoss() *property.Cause {
	for i := c.record - 1; i >= 0; i-- {
		r := &c.x.in.Records[i]
		if r.Actor != c.r.Actor || r.Kind != c.r.Kind || r.Key != c.r.Key || r.Verb != history.See && r.Verb != history.Drop {
			continue
		}
		if r.Verb == history.See || r.Inc != c.r.Inc {
			return nil
		}
		return change{x: c.x, r: r, record: i}.ofKubeLoss()
	}
	return nil
}

func (c change) isLoss() bool { return c.r.Verb == history.Drop || c.r.Verb == history.Unprogram }

// neighbour is the change of the entry in the same view or datapath before this one, or
// after it; -1 if there is none.
func (c change) neighbour(step int) int {
	sight, loss := history.See, history.Drop
	if c.r.Verb == history.Program || c.r.Verb == history.Unprogram {
		sight, loss = history.Program, history.Unprogram
	}
	for i := c.record + step; i >= 0 && i < len(c.x.in.Records); i += step {
		r := &c.x.in.Records[i]
		if r.Actor == c.r.Actor && r.Kind == c.r.Kind && r.Key == c.r.Key && (r.Verb == sight || r.Verb == loss) {
			return i
		}
	}
	return -1
}

// truths are the records by which objects claim the entry, or let go of it, before an
// instant.
func (c change) truths(by time.Duration) (all []int) {
	for i := range c.x.in.Records {
		r := &c.x.in.Records[i]
		if r.At > by {
			break
		}
		if r.Verb == history.Truth && r.Kind == c.r.Kind && r.Key == c.r.Key {
			all = append(all, i)
		}
	}
	return all
}

// claim is the last record before an instant by which an object claims the entry with a
// content; -1 if there is none.
func (c change) claim(value string, by time.Duration) int {
	for _, i := range slices.Backward(c.truths(by)) {
		if r := &c.x.in.Records[i]; r.Op == "put" && r.Value == value {
			return i
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

// told is the last record by which a watch or list told the agent of an object
// between two instants; -1 if there is none. It is one with the resourceVersion, or a
// later one.
func (c change) told(object string, rv int64, from, to time.Duration) int {
	return c.toldOf(object, rv, from, to, false)
}

// toldOrGone is told, or the end of a list, which may be without the object.
func (c change) toldOrGone(object string, rv int64, from, to time.Duration) int {
	return c.toldOf(object, rv, from, to, true)
}

func (c change) toldOf(object string, rv int64, from, to time.Duration, gone bool) int {
	kind, name, _ := strings.Cut(object, "/")
	for i := len(c.x.in.Records) - 1; i >= 0; i-- {
		r := &c.x.in.Records[i]
		if r.At < from {
			break
		}
		if r.At > to || r.Peer != c.r.Actor || r.Kind != kind {
			continue
		}
		if r.Verb == history.Request && r.Op == "list" && r.RV >= rv {
			return i // of all objects
		}
		if r.Verb != history.Event {
			continue
		}
		for field := range strings.FieldsSeq(r.Value) {
			if ev := index.ParseKubeEvent(field); (ev.Key == name || gone && ev.What == "INITIAL") && ev.RV >= rv {
				return i
			}
		}
	}
	return -1
}

// burst bounds the time in which an agent handles what it is told at once.
const burst = 100 * time.Millisecond

// ofKubeLoss explains that an agent has dropped an address that was claimed all along.
func (c change) ofKubeLoss() *property.Cause {
	before := c.neighbour(-1)
	if before < 0 || c.x.in.Records[before].Value == "" {
		return nil
	}
	shown := &c.x.in.Records[before]
	old := c.claim(shown.Value, c.r.At)
	if old < 0 {
		return nil
	}
	loser := objectOf(&c.x.in.Records[old])
	if cause := c.ofTwoSlices(old); cause != nil {
		return cause
	}
	toldOld := c.toldOrGone(loser, c.x.in.Records[old].RV+1, c.x.in.Records[old].At, c.r.At)
	if toldOld < 0 {
		return nil
	}
	after := c.neighbour(1)
	if after < 0 || c.x.in.Records[after].At > c.r.At+burst || c.x.in.Records[after].Value == "" {
		return c.ofOldOwner(before, old)
	}
	next := c.claim(c.x.in.Records[after].Value, c.r.At)
	if next < 0 {
		return c.ofOldOwner(before, old)
	}
	claim := &c.x.in.Records[next]
	winner := objectOf(claim)
	facts := property.Facts{
		Agent: c.r.Actor, Server: c.r.Peer, Kind: c.r.Kind, Key: c.r.Key, At: c.r.At, Owners: []string{loser, winner},
		Before: property.VersionOf(shown), Shown: property.VersionOf(&c.x.in.Records[after]), After: c.x.in.Records[after].At - c.r.At,
	}
	if winner == loser {
		return property.ByMechanism(CauseSlice, sliceUpdate, facts, old, toldOld, c.record, after)
	}
	// The claim was still in the agent's queue when it took the removal.
	toldNew := c.told(winner, claim.RV, claim.At, c.r.At)
	if toldNew < 0 {
		return nil
	}
	return property.ByMechanism(CauseObjects, objectsOutOfOrder, facts, min(toldOld, toldNew), max(toldOld, toldNew), c.record, after)
}

// ofTwoSlices explains that an agent drops an address that a slice gives a pod, as it was
// told of another slice that gives the pod another address.
func (c change) ofTwoSlices(old int) *property.Cause {
	claim := &c.x.in.Records[old]
	pod := podOf(claim.Value)
	if !strings.HasPrefix(claim.Owner, "CiliumEndpointSlice/") {
		return nil
	}
	for i := len(c.x.in.Records) - 1; i >= 0; i-- {
		r := &c.x.in.Records[i]
		if r.At > c.r.At || r.Verb != history.Truth || r.Op != "put" || r.Key == c.r.Key || objectOf(r) == objectOf(claim) || podOf(r.Value) != pod {
			continue
		}
		told := c.told(objectOf(r), r.RV, c.r.At-handling, c.r.At)
		if told < 0 {
			return nil
		}
		return property.ByMechanism(CauseTwoSlices, twoSlices, property.Facts{
			Agent: c.r.Actor, Server: c.r.Peer, Kind: c.r.Kind, Key: c.r.Key, At: c.r.At, Owners: []string{objectOf(claim), objectOf(r)},
			Before: &property.Version{Key: c.r.Key, Value: claim.Value}, Shown: &property.Version{Key: r.Key, Value: r.Value},
		}, old, i, told, c.record)
	}
	return nil
}

// podOf is the pod in the content of an endpoint.
func podOf(content string) string {
	_, pod, _ := strings.Cut(content, " pod=")
	return pod
}

// ofKubeSight explains a sight of what was no longer true, or was true all along while
// the address had been dropped: after a change that showed something later.
func (c change) ofKubeSight(before int) *property.Cause {
	if before < 0 {
		return nil
	}
	if first := c.x.in.Records[before].At; first >= c.r.At-burst {
		shown := map[string]bool{c.r.Value: true} // since then
		for i := c.neighbour(-1); i > before; i = (change{x: c.x, r: c.r, record: i}).neighbour(-1) {
			shown[c.x.in.Records[i].Value] = true
		}
		for _, claim := range slices.Backward(c.truths(c.r.At)) {
			if r := &c.x.in.Records[claim]; r.Op == "put" && shown[r.Value] {
				if cause := c.ofQueued(claim, before); cause != nil {
					return cause
				}
			}
		}
	}
	loss, ok := c.x.changeAt(before)
	if !ok || !loss.isLoss() {
		return nil
	}
	if cause := loss.ofKubeLoss(); cause != nil && cause.Name() == CauseSlice {
		return cause
	}
	taken := loss.neighbour(-1)
	if taken < 0 {
		return nil
	}
	old := loss.claim(c.x.in.Records[taken].Value, loss.r.At)
	if old < 0 {
		return nil
	}
	return loss.ofOldOwner(taken, old)
}

// ofQueued explains that a claim was still in the agent's queue when, by an earlier
// change, it took what another object said later.
func (c change) ofQueued(claim, before int) *property.Cause {
	shown, first := &c.x.in.Records[claim], c.x.in.Records[before].At
	owner := c.takenFrom(before)
	toldShown := c.told(objectOf(shown), shown.RV, shown.At, first)
	if toldShown < 0 {
		return nil
	}
	for _, i := range slices.Backward(c.truths(first)) {
		r := &c.x.in.Records[i]
		if i < claim {
			return nil
		}
		if objectOf(r) == objectOf(shown) || objectOf(r) != owner {
			continue
		}
		if toldOther := c.toldOrGone(objectOf(r), r.RV, r.At, first); toldOther >= 0 {
			return property.ByMechanism(CauseObjects, objectsOutOfOrder, property.Facts{
				Agent: c.r.Actor, Server: c.r.Peer, Kind: c.r.Kind, Key: c.r.Key, At: c.r.At, Owners: []string{objectOf(shown), objectOf(r)}, Shown: property.VersionOf(c.r),
			}, min(toldShown, toldOther), max(toldShown, toldOther), c.record)
		}
	}
	return nil
}

// takenFrom is the object of which a change of the entry comes: the one that claims what
// is shown, or claimed what is shown no longer.
func (c change) takenFrom(record int) string {
	if c.x.in.Records[record].Value == "" {
		record = (change{x: c.x, r: c.r, record: record}).neighbour(-1)
	}
	if record < 0 {
		return ""
	}
	claim := c.claim(c.x.in.Records[record].Value, c.r.At)
	if claim < 0 {
		return ""
	}
	return objectOf(&c.x.in.Records[claim])
}

// ofOldOwner explains that an agent drops an address although another object claimed it,
// when its owner went, of which it had been told before it took that one for its owner.
func (c change) ofOldOwner(before, old int) *property.Cause {
	loser := &c.x.in.Records[old]
	before = max(before, c.shown(loser.Value, c.record)) // a datapath had it perhaps before its agent restarted
	taken := &c.x.in.Records[before]
	live := map[string]int{} // by owner: the record of what it claims when the loser goes, or else when the address is dropped
	for _, i := range c.truths(c.r.At) {
		r := &c.x.in.Records[i]
		if r.Op == "put" {
			live[r.Owner] = i
		} else {
			delete(live, r.Owner)
		}
		if i > old && r.Owner == loser.Owner {
			break
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(live)) {
		claim := &c.x.in.Records[live[owner]]
		if claim.Value == loser.Value {
			continue
		}
		told := c.told(objectOf(claim), claim.RV, 0, taken.At)
		if told < 0 {
			told = c.shown(claim.Value, before)
		}
		if told < 0 {
			continue
		}
		return property.ByMechanism(CauseOldOwner, oldOwner, property.Facts{
			Agent: c.r.Actor, Server: c.r.Peer, Kind: c.r.Kind, Key: c.r.Key, At: c.r.At, Since: taken.At, Owners: []string{objectOf(loser), objectOf(claim)},
			Before: property.VersionOf(taken), Truth: &property.Version{Value: claim.Value, At: claim.At, RV: claim.RV},
		}, live[owner], told, before, c.record)
	}
	return nil
}

// shown is the last record by which the agent showed the entry with a content before
// another record; -1 if there is none.
func (c change) shown(value string, before int) int {
	for i := before - 1; i >= 0; i-- {
		r := &c.x.in.Records[i]
		if r.Verb == history.See && r.Actor == c.r.Actor && r.Kind == c.r.Kind && r.Key == c.r.Key && r.Value == value {
			return i
		}
	}
	return -1
}

// ofKubeEnd explains what an agent has wrong when the run ends, or a wrong owner that it
// was shown.
func (x *causes) ofKubeEnd(v *property.Violation) *property.Cause {
	if len(v.Records) > 0 {
		switch x.in.Records[v.Records[len(v.Records)-1]].Verb {
		case history.See, history.Program, history.Drop, history.Unprogram:
			return x.ofKubeChange(v)
		}
	}
	if v.Kind != "" {
		if cause := x.lostForGood(v.Agent, v.Key, v.Layer); cause != nil || v.Layer != property.Datapath {
			return cause
		}
		return x.lostForGood(v.Agent, v.Key, property.View) // the datapath has what the view has
	}
	id := int32(slices.Index(x.in.Views.Agents, v.Agent))
	if id < 0 {
		return nil
	}
	stuck := views.NewExplainer(x.in, []int32{id})
	var found []*property.Cause
	for entry := range x.in.Views.Entries {
		if !stuck.Wrong(id, int32(entry)) {
			continue
		}
		cause := x.lostForGood(v.Agent, x.in.Views.Entries[entry].Key, property.View)
		if cause == nil {
			return nil
		}
		found = append(found, cause)
	}
	return joined(found)
}

// lostForGood explains that an agent lacks an endpoint when the run ends.
func (x *causes) lostForGood(agent, key string, layer property.Layer) *property.Cause {
	verbs := []history.Verb{history.See, history.Drop}
	if layer == property.Datapath {
		verbs = []history.Verb{history.Program, history.Unprogram}
	}
	for i := range slices.Backward(x.in.Records) {
		r := &x.in.Records[i]
		if r.Actor != agent || r.Kind != history.Endpoint || r.Key != key || !slices.Contains(verbs, r.Verb) {
			continue
		}
		c, ok := x.changeAt(i)
		if !ok || !c.isLoss() {
			return nil
		}
		before := c.neighbour(-1)
		if before < 0 {
			return nil
		}
		old := c.claim(x.in.Records[before].Value, c.r.At)
		if old < 0 {
			return nil
		}
		return c.ofOldOwner(before, old)
	}
	return nil
}

// ofKubeUnusable explains why some agents do not know a pod's endpoint when the run ends.
func (x *causes) ofKubeUnusable(v *property.Violation) *property.Cause {
	id, known := x.entries[index.EntryKey{Kind: history.Endpoint, Key: v.Key}]
	if !known {
		return nil
	}
	var found []*property.Cause
	for number, agent := range x.in.Views.Agents {
		stuck := views.NewExplainer(x.in, []int32{int32(number)})
		if !stuck.Wrong(int32(number), id) {
			continue
		}
		cause := x.lostForGood(agent, v.Key, property.View)
		if cause == nil {
			return nil
		}
		found = append(found, cause)
	}
	return joined(found)
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
