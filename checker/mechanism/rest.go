package mechanism

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/schema"
)

// ofStuck explains why an agent does not converge: each entry that is wrong has a
// cause.
func (x *Explainer) ofStuck(v *property.Violation) *property.Cause {
	w := x.reader(v.Agent)
	if w == nil {
		return nil
	}
	if last := &x.in.Records[v.Records[len(v.Records)-1]]; last.Verb == history.Drop || last.Verb == history.See {
		id, _ := x.in.Views.Number(last.Kind, last.Key)
		return w.ofLate(id, last.At)
	}
	return joined(func(yield func(*property.Cause) bool) {
		for _, id := range x.stuck.AllWrong(w.agent) {
			if (v.Kind == "" || x.in.Views.Entries[id].Kind == v.Kind) && !yield(w.of(id)) {
				return
			}
		}
	})
}

// ofWrong explains why an agent's view of one entry is wrong when the run ends.
func (x *Explainer) ofWrong(v *property.Violation) *property.Cause {
	id, known := x.in.Views.Number(v.Kind, v.Key)
	w := x.reader(v.Agent)
	switch {
	case !known || w == nil:
		return nil
	case x.stuck.Wrong(w.agent, id):
		return w.of(id)
	}
	return w.ofLate(id, v.At)
}

// ofLate explains why an entry was wrong until an instant after the bound: its store
// held it by a key that nobody knew of, until its lease expired.
func (w *reader) ofLate(id int32, until time.Duration) *property.Cause {
	if cause := w.x.ofWrongConfig(w.x.in.Views.Agents[w.agent], w.x.in.By(until)-1); cause != nil {
		return cause
	}
	e := &w.x.in.Views.Entries[id]
	if cause := w.ofLacking(e, until); cause != nil { // also of the agent's own node, which it keeps
		return cause
	}
	if w.x.in.Records[w.connect].At > until {
		return nil
	}
	key, ok := w.x.keyOf(w.store, e)
	if !ok {
		return w.ofBackOff(e, until)
	}
	for i, v := range w.store.Versions[key] {
		at := w.x.in.Records[v.Record].At
		if i > 0 && v.Deleted && at <= until && until-at < handling && !w.store.Requested(w.x.in.Records, key, v.Rev) {
			return w.x.orphan(w.store, e, w.store.Versions[key][i-1], at-1)
		}
	}
	return w.ofBackOff(e, until)
}

// ofDangling explains why an agent that has an endpoint lacks its identity: one of
// the two is wrong when the run ends.
func (x *Explainer) ofDangling(v *property.Violation) *property.Cause {
	if cause := x.ofWrong(v); cause != nil {
		return cause
	}
	identity := index.PossessionOf(x.in.Records[v.Records[len(v.Records)-1]].Value).Identity
	return x.ofWrong(&property.Violation{Facts: property.Facts{Agent: v.Agent, Kind: history.Identity, Key: identity}})
}

// ofUnusable explains why some agents do not know a pod's endpoint or identity when
// the run ends, or why the last of them came to know it late.
func (x *Explainer) ofUnusable(v *property.Violation) *property.Cause {
	endpoint, known := x.in.Views.Number(history.Endpoint, v.Key)
	if !known {
		return nil
	}
	e := &x.in.Views.Entries[endpoint]
	needed := []int32{endpoint}
	for _, content := range e.LiveIn(int32(len(e.States) - 1)) {
		if id, ok := x.in.Views.Number(history.Identity, index.PossessionOf(content).Identity); ok {
			needed = append(needed, id)
		}
	}
	stuck := false
	cause := joined(func(yield func(*property.Cause) bool) {
		for _, agent := range x.in.Views.Agents {
			w := x.reader(agent)
			for _, id := range needed {
				if w == nil || !x.stuck.Wrong(w.agent, id) {
					continue
				}
				stuck = true
				if !yield(w.of(id)) {
					return
				}
			}
		}
	})
	if stuck {
		return cause
	}
	return x.ofCameLast(needed, v.At)
}

// ofCameLast explains why an agent was the last that came to know one of some entries, at an instant.
func (x *Explainer) ofCameLast(entries []int32, at time.Duration) *property.Cause {
	last := x.in.Last(0, x.in.By(at), func(r *history.Record) bool {
		id, known := x.in.Views.Number(r.Kind, r.Key)
		return r.Verb == history.See && r.At == at && known && slices.Contains(entries, id)
	})
	if last < 0 {
		return nil
	}
	r := &x.in.Records[last]
	w := x.reader(r.Actor)
	if w == nil {
		return nil
	}
	id, _ := x.in.Views.Number(r.Kind, r.Key)
	return w.ofLate(id, at)
}

// reader is an agent with the store that it reads when the run ends.
type reader struct {
	x       *Explainer
	agent   int32
	connect int // record of the connection that the agent has
	store   *index.Store
}

// reader returns nil for an agent that is not connected.
func (x *Explainer) reader(agent string) *reader {
	id := int32(slices.Index(x.in.Views.Agents, agent))
	i, connected := x.stuck.Connections[agent]
	if id < 0 || !connected || x.in.Records[i].Verb != history.Connect {
		return nil
	}
	store := x.store(x.in.Records[i].Store)
	if store == nil {
		return nil
	}
	return &reader{x, id, i, store}
}

// of explains why an entry is wrong in the agent's view when the run ends.
func (w *reader) of(id int32) *property.Cause {
	end := w.x.in.Records[len(w.x.in.Records)-1].At
	if cause := w.x.ofWrongConfig(w.x.in.Views.Agents[w.agent], w.x.all()-1); cause != nil {
		return cause
	}
	if cause := w.x.ofLastReading(w.x.in.Views.Agents[w.agent], &w.x.in.Views.Entries[id]); cause != nil {
		return cause
	}
	if cause := w.ofLacking(&w.x.in.Views.Entries[id], end); cause != nil {
		return cause
	}
	if !w.x.stuck.WrongIn(w.store, id) {
		return w.x.foreignRevision(&w.x.in.Records[w.connect], w.connect, w.x.in.Views.Entries[id].Kind)
	}
	e := &w.x.in.Views.Entries[id]
	if key, ok := w.x.keyOf(w.store, e); ok {
		if held := w.store.Before(key, int32(w.x.all())); held != nil && !held.Deleted {
			if cause := cmp.Or(w.x.ofPutBack(w.store, e, key, held), w.x.ofUndeleted(w.store, e, held), w.x.orphan(w.store, e, *held, end), w.x.ofNamespaceEvent(w.store, e, *held, end)); cause != nil {
				return cause
			}
		}
	}
	return w.ofBackOff(e, end)
}

// longestBackOff is the longest time that Cilium's writer waits before it asks an etcd
// again for what was refused (client-go: DefaultTypedControllerRateLimiter).
const longestBackOff = 1000 * time.Second

// ofBackOff explains why a store lacked until an instant what an entry had become: its
// etcd had refused all changes, and the writer's back-off doubles with each refusal of
// a key, so that it waits as long as it had been refused for.
func (w *reader) ofBackOff(e *index.Entry, until time.Duration) *property.Cause {
	changed := e.States[e.StateAt(until)].At
	refused := w.x.in.Last(w.x.in.By(changed), w.x.in.By(until), func(r *history.Record) bool {
		return isRefusedChange(r) && r.Store == w.store.Name && r.Peer == w.store.Actor
	})
	if refused < 0 {
		return nil
	}
	last := w.x.in.Records[refused].At
	if until-last > min(last-changed, longestBackOff)+handling {
		return nil
	}
	return property.ByMechanism(CauseBackOff, backOff, property.Facts{
		Server: w.store.Actor, Store: w.store.Name, Kind: e.Kind, Key: e.Key, At: last, Since: changed, Until: last}, refused)
}

var backOff = &property.Rule{Name: "backs-off", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the etcd of %s refused changes of %s from %s, when that changed, to %s, and its writer may wait as long again before it asks once more",
		f.Server, f.Object(), text.Seconds(f.Since), text.Seconds(f.Until))
}}

// joined is the cause of a violation by several entries, each with its own: of each
// mechanism the first. One without a cause is news, and so is all of it.
func joined(causes iter.Seq[*property.Cause]) *property.Cause {
	var all property.Cause
	for c := range causes {
		if c == nil {
			return nil
		}
		for _, proof := range c.Proofs {
			if !slices.ContainsFunc(all.Proofs, func(p property.Proof) bool { return p.Mechanism == proof.Mechanism }) {
				all.Proofs = append(all.Proofs, proof)
			}
		}
	}
	if len(all.Proofs) == 0 {
		return nil
	}
	return &all
}

// foreignRevision is the cause of an agent being behind a store if it was connected
// before with an earlier store of the same cluster ID, so that its watches go on
// at that one's revisions: it has not listed the kind since.
func (x *Explainer) foreignRevision(c *history.Record, i int, kind string) *property.Cause {
	if x.in.First(i, x.all(), func(r *history.Record) bool {
		return r.Verb == history.Call && r.Op == "range" && r.Peer == c.Actor && r.Store == c.Store && schema.IsKeyOf(r.Key, kind)
	}) >= 0 {
		return nil
	}
	j := x.in.Last(0, i, func(r *history.Record) bool {
		return r.Actor == c.Actor && (r.Verb == history.Up && r.Kind == "agent" ||
			r.Verb == history.Connect && r.Store != c.Store && clusterIDOf(r.Store) == clusterIDOf(c.Store))
	})
	if j < 0 || x.in.Records[j].Verb == history.Up {
		return nil
	}
	r := &x.in.Records[j]
	return property.ByMechanism(CauseEmptied, wentOn, property.Facts{Agent: c.Actor, At: c.At,
		Shown: &property.Version{Store: c.Store, Server: c.Peer, At: c.At}, Before: &property.Version{Store: r.Store, Server: r.Peer, At: r.At}}, j, i)
}

var wentOn = &property.Rule{Name: "watches-went-on", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s was connected with the store %s at %s and is with %s since %s, which has the same cluster ID, so that its watches went on at the revisions of the first",
		f.Agent, f.Before.Store, text.Seconds(f.Before.At), f.Shown.Store, text.Seconds(f.Shown.At))
}}

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
