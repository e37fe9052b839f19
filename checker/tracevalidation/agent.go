package tracevalidation

import (
	"iter"
	"slices"

	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mesh"
)

// agentState is a state of the model in which an agent may be, as far as one key and
// the records up to now tell.
type agentState struct {
	agent      mesh.Agent
	connection int // the connection in whose store the agent last took something over, or after which it has none; -1: none
	at         int // the version in that store's timeline that it took over

	// Of an agent that has left an etcd for CRDs: in which connection, counted from 1, and the version that it
	// had taken over there; 0 if it has left none.
	left, had int
}

// agentStates is a set of them.
type agentStates struct{ all []agentState }

// add adds a state of the agent. Of two of the same store, the one that is of no
// later connection and has taken over no more can do all that the other one can.
func (f *agentRun) add(s *agentStates, m agentState) {
	for _, o := range s.all {
		if f.covers(o, m) {
			return
		}
	}
	s.all = append(slices.DeleteFunc(s.all, func(o agentState) bool { return f.covers(m, o) }), m)
}

func (f *agentRun) covers(a, b agentState) bool {
	return a.connection <= b.connection && a.at <= b.at && a.left == b.left && a.had <= b.had && a.agent == b.agent && f.store(a) == f.store(b)
}

// store is the one that an agent in a state took something over from; "" if none.
func (f *agentRun) store(m agentState) string {
	if m.agent.At == 0 {
		return ""
	}
	return f.agent.Connections[m.connection].Store
}

// agentRun follows one incarnation of an agent, as far as one key tells. What an
// agent does reaches nobody else. So its steps are taken to happen when what they
// took over was there, which is at or before the record that shows them.
type agentRun struct {
	run   *keyRun
	agent *index.Agent
	set   agentStates
	shown uint8 // the content of the key in its view, as recorded
	since int32 // the record with which the key entered the view
	last  int32 // the record that was looked at last
}

// follow goes through the See and Drop records of the key. It returns the first
// one that nothing explains, or nil.
func (f *agentRun) follow(views []int32) *Unexplained {
	f.add(&f.set, agentState{connection: -1})
	for _, i := range views {
		content := f.run.seen(i)
		next, by := f.set, (*deviation)(nil)
		if content != f.shown { // else nothing was there, and nothing is
			next, by = f.next(i, content)
		}
		if len(next.all) == 0 {
			if list := f.listed(i); list >= 0 {
				return f.run.refuseWatch(f.agent, mesh.Agent{}, f.fellBack(list), i, f.shown, content)
			}
			return f.refuse(i, content)
		}
		f.run.explained(by)
		if f.shown == 0 {
			f.since = i
		}
		f.set, f.shown, f.last = next, content, i
	}
	return f.ends()
}

// next are the states after the agent has, by the record i, taken over an etcd in
// which the key has the content: its watch delivered it, or it connected; or it had
// connected before, which changed nothing, and then its watch delivered it.
func (f *agentRun) next(i int32, content uint8) (next agentStates, by *deviation) {
	if list := f.listed(i); list >= 0 {
		return f.watchCRDs(list, i, content)
	}
	now := f.silent(i)
	for _, m := range now.all {
		f.see(&next, m, i, content)
	}
	for _, m := range f.set.all {
		for s := range f.later(m, i) {
			f.connect(&next, m, s, i, content)
		}
	}
	if len(next.all) > 0 {
		return next, nil
	}
	if f.goOn(&next, i, content); len(next.all) > 0 {
		return next, &goesOn
	}
	if f.overlook(&next, i, content); len(next.all) > 0 {
		return next, &undrained
	}
	for _, m := range now.all {
		f.hearAgain(&next, m, i, content)
	}
	if len(next.all) > 0 || content != 0 {
		return next, &hearsAgain
	}
	if s, ok := f.unlisted(i); ok {
		f.add(&next, agentState{connection: s})
		return next, &drainsPartOfList
	}
	if s, ok := f.ofAnotherID(i); ok {
		f.add(&next, agentState{connection: s - 1})
	}
	return next, &clusterIDChanges
}

// silent are the states in which the agent may be before the record i: as after the
// last one, or connected since with an etcd that has what the view shows.
func (f *agentRun) silent(i int32) (now agentStates) {
	for _, m := range f.set.all {
		f.add(&now, m)
		for s := range f.later(m, i) {
			f.connect(&now, m, s, i, f.shown)
		}
	}
	return now
}

// later are the connections after m's that began before the record i, with other stores:
// one with the same store has nothing that m's watch would not deliver.
func (f *agentRun) later(m agentState, i int32) iter.Seq[int] {
	return func(yield func(int) bool) {
		for s := m.connection + 1; s < len(f.agent.Connections) && f.agent.Connections[s].From < i; s++ {
			if f.agent.Connections[s].Store != f.store(m) && !yield(s) {
				return
			}
		}
	}
}

// connected is the agent's last connection that began before the record i, or -1.
func (f *agentRun) connected(i int32) (last int) {
	last = -1
	for s := range f.agent.Connections {
		if f.agent.Connections[s].From < i {
			last = s
		}
	}
	return last
}

// see adds what m becomes when its watch delivers what is new.
func (f *agentRun) see(next *agentStates, m agentState, i int32, content uint8) {
	if m.agent.Listens() != "" {
		return
	}
	f.take(next, m, f.store(m), m.at, f.lasts(f.store(m), i), content)
}

// lasts returns the record at which the agent's connections with a store ended,
// among those that began before i, or i if one lasts.
func (f *agentRun) lasts(store string, i int32) (until int32) {
	for _, s := range f.agent.Connections {
		if s.Store == store && s.From < i {
			until = max(until, s.To)
		}
	}
	return min(until, i)
}

// connect adds what m becomes when it makes the connection s, finds the canary,
// and makes its view what the etcd has.
func (f *agentRun) connect(next *agentStates, m agentState, s int, i int32, content uint8) {
	c := f.agent.Connections[s]
	from, until := c.From, min(c.To, i)
	first, ok := f.run.Store(c.Store).Canaries[f.run.key.Kind]
	if !ok || first >= until {
		return
	}
	m.agent.Leave()
	m.agent.StopWatch()
	if m.agent.Connect(0, &mesh.Replica{Phase: mesh.Serving}, true) != "" {
		return
	}
	m.connection, m.left, m.had = s, 0, 0
	t := f.run.timelines[c.Store]
	f.take(next, m, c.Store, t.at(max(from, first)), until, content)
}

// take adds m with the view that it has once it has taken over the first version,
// from the one number at on and before the record until, in which the key has the
// content.
func (f *agentRun) take(next *agentStates, m agentState, store string, at int, until int32, content uint8) {
	t := f.run.timelines[store]
	for ; at < len(t) && t[at].record < until; at++ {
		etcd := mesh.Replica{Phase: mesh.Serving}
		etcd.Etcd[0] = t[at].content
		if view := m.agent.Sources(nil, &etcd); view[0] == content {
			m.agent.View, m.at = view, at
			f.add(next, m)
			return
		}
	}
}

// ends explains the end of the run, for an agent that lives to see it and is
// connected: its view is what the etcd has, or it waits for a revision there.
func (f *agentRun) ends() *Unexplained {
	end := f.run.End
	if end < 0 || f.agent.Down < end || len(f.agent.Connections) == 0 {
		return nil
	}
	if f.listed(end) >= 0 {
		u := f.run.endsWatching(f.agent, f.shown)
		if u != nil && f.run.stays(f.shown) {
			f.run.needed[&shownByCRDs]++
			return nil
		}
		return u
	}
	last := f.agent.Connections[len(f.agent.Connections)-1]
	t := f.run.timelines[last.Store]
	if last.To < end || len(t) == 0 || t[len(t)-1].content == f.shown {
		return nil
	}
	for _, m := range f.silent(end).all {
		if old := f.store(m); old != last.Store && sameID(old, last.Store) {
			m.agent.Orphaned()
			if m.agent.Listens() != "" {
				return nil
			}
		}
	}
	return f.refuse(end, t[len(t)-1].content)
}
