package checker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// ofStuck explains why an agent does not converge: each entry that is wrong has a
// cause.
func (x *causes) ofStuck(v *Violation) *Cause {
	w := x.newWrong(v.Agent)
	if w == nil {
		return nil
	}
	if last := &x.in.records[v.Records[len(v.Records)-1]]; last.Verb == history.Drop {
		return w.ofLate(x.entries[entryKey{last.Kind, last.Key}], last.At)
	}
	var found []*Cause
	for id := range x.in.views.entries {
		if !w.stuck.wrong(w.agent, int32(id)) || v.Kind != "" && x.in.views.entries[id].kind != v.Kind {
			continue
		}
		cause := w.of(int32(id))
		if cause == nil {
			return nil
		}
		found = append(found, cause)
	}
	return joined(found)
}

// ofWrong explains why an agent's view of one entry is wrong when the run ends.
func (x *causes) ofWrong(v *Violation) *Cause {
	id, known := x.entries[entryKey{v.Kind, v.Key}]
	w := x.newWrong(v.Agent)
	switch {
	case !known || w == nil:
		return nil
	case w.stuck.wrong(w.agent, id):
		return w.of(id)
	}
	return w.ofLate(id, v.At)
}

// ofLate explains why an entry was wrong until an instant after the bound: its store
// held it by a key that nobody knew of, until its lease expired.
func (w *wrong) ofLate(id int32, until time.Duration) *Cause {
	e := &w.x.in.views.entries[id]
	if w.x.in.records[w.connect].At > until {
		return nil
	}
	key, ok := w.x.keyOf(w.store, e)
	if !ok {
		return w.ofBackOff(e, until)
	}
	for i, v := range w.store.versions[key] {
		at := w.x.in.records[v.record].At
		if i > 0 && v.deleted && at <= until && until-at < handling && !w.x.askedFor(w.store, key, v.rev) {
			return w.x.orphan(w.store, e, w.store.versions[key][i-1], at-1)
		}
	}
	return w.ofBackOff(e, until)
}

// ofDangling explains why an agent that has an endpoint lacks its identity: one of
// the two is wrong when the run ends.
func (x *causes) ofDangling(v *Violation) *Cause {
	if cause := x.ofWrong(v); cause != nil {
		return cause
	}
	identity := possessionOf(x.in.records[v.Records[len(v.Records)-1]].Value).identity
	return x.ofWrong(&Violation{Agent: v.Agent, Kind: history.Identity, Key: identity})
}

// ofUnusable explains why some agents do not know a pod's endpoint or identity when
// the run ends.
func (x *causes) ofUnusable(v *Violation) *Cause {
	endpoint, known := x.entries[entryKey{history.Endpoint, v.Key}]
	if !known {
		return nil
	}
	e := &x.in.views.entries[endpoint]
	needed := []int32{endpoint}
	for _, content := range e.liveIn(int32(len(e.states) - 1)) {
		if id, ok := x.entries[entryKey{history.Identity, possessionOf(content).identity}]; ok {
			needed = append(needed, id)
		}
	}
	var found []*Cause
	for _, agent := range x.in.views.agents {
		w := x.newWrong(agent)
		for _, id := range needed {
			if w == nil || !w.stuck.wrong(w.agent, id) {
				continue
			}
			cause := w.of(id)
			if cause == nil {
				return nil
			}
			found = append(found, cause)
		}
	}
	return joined(found)
}

// wrong looks for the causes of what is wrong in an agent's view when the run ends.
type wrong struct {
	x            *causes
	stuck        explainer
	agent        int32
	connect      int // record of the connection that the agent has
	store        *etcd
	wrongInStore []int32
}

// newWrong returns nil for an agent that is not connected.
func (x *causes) newWrong(agent string) *wrong {
	id := int32(slices.Index(x.in.views.agents, agent))
	if id < 0 {
		return nil
	}
	if known, ok := x.wrongs[id]; ok {
		return known
	}
	x.wrongs[id] = nil
	w := &wrong{x: x, stuck: newExplainer(x.in, []int32{id}), agent: id}
	i, connected := w.stuck.connections[agent]
	if !connected || x.in.records[i].Verb != history.Connect {
		return nil
	}
	w.connect, w.store = i, x.stores[x.in.records[i].Store]
	if w.store == nil {
		return nil
	}
	w.wrongInStore = w.stuck.wrongEntries(w.store)
	x.wrongs[id] = w
	return w
}

func (w *wrong) of(id int32) *Cause {
	if _, behind := slices.BinarySearch(w.wrongInStore, id); !behind {
		return w.x.foreignRevision(&w.x.in.records[w.connect], w.connect)
	}
	e := &w.x.in.views.entries[id]
	end := w.x.in.records[len(w.x.in.records)-1].At
	if key, ok := w.x.keyOf(w.store, e); ok {
		if held := w.x.versionAt(w.store, key, end); held != nil && !held.deleted {
			if cause := w.x.orphan(w.store, e, *held, end); cause != nil {
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
func (w *wrong) ofBackOff(e *entry, until time.Duration) *Cause {
	changed, refused := e.states[e.stateAt(until)].at, -1
	for i := range w.x.in.records {
		r := &w.x.in.records[i]
		if isRefusedChange(r) && r.Store == w.store.store && r.Peer == w.store.actor && r.At > changed && r.At <= until {
			refused = i
		}
	}
	if refused < 0 {
		return nil
	}
	last := w.x.in.records[refused].At
	if until-last > min(last-changed, longestBackOff)+handling {
		return nil
	}
	return &Cause{Finding: causeBackOff, Records: []int{refused}, Proof: fmt.Sprintf(
		"the etcd of %s refused changes of %s from %s, when that changed, to %s, and its writer may wait as long again before it asks once more",
		w.store.actor, object(&history.Record{Kind: e.kind, Key: e.key}), seconds(changed), seconds(last))}
}

// joined is the cause of a violation by several entries, each with its own.
func joined(found []*Cause) *Cause {
	var names []string
	var all Cause
	for _, c := range found {
		if !slices.Contains(names, c.Finding) {
			names = append(names, c.Finding)
			all.Proof += "; " + c.Proof
			all.Records = append(all.Records, c.Records...)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	all.Finding, all.Proof = strings.Join(names, " + "), all.Proof[2:]
	return &all
}

// foreignRevision is the cause of an agent being behind a store if it was connected
// before with an earlier store of the same cluster ID, so that its watches go on
// at that one's revisions.
func (x *causes) foreignRevision(c *history.Record, i int) *Cause {
	for j := i - 1; j >= 0; j-- {
		r := &x.in.records[j]
		if r.Actor != c.Actor {
			continue
		}
		if r.Verb == history.Up && r.Kind == "agent" {
			return nil
		}
		if r.Verb == history.Connect && r.Store != c.Store && clusterIDOf(r.Store) == clusterIDOf(c.Store) {
			return &Cause{Finding: causeEmptied, Records: []int{j, i}, Proof: fmt.Sprintf(
				"%s was connected with the store %s at %s and is with %s since %s, which has the same cluster ID, so that its watches went on at the revisions of the first",
				c.Actor, r.Store, seconds(r.At), c.Store, seconds(c.At))}
		}
	}
	return nil
}
