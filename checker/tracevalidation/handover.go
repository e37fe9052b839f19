package tracevalidation

import (
	"cmp"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mesh"
)

// listed returns the record with which the agent's view came to be what CRDs say, as it is at
// the record i; -1 if it is what an etcd says.
func (f *agentRun) listed(i int32) (at int32) {
	at = -1
	for _, r := range f.agent.Readings {
		if r > i {
			break
		}
		switch f.run.Records[r].Op {
		case history.Listed:
			at = r
		case history.GoesOver:
			at = -1
		}
	}
	return at
}

// fellBack returns the record with which the agent, which had no etcd that it had read in full,
// began to list what it had listed at a record; -1 if it had one.
func (f *agentRun) fellBack(list int32) (at int32) {
	at = -1
	for _, r := range f.agent.Readings {
		switch op := f.run.Records[r].Op; {
		case r >= list:
			return at
		case op == history.FallBack:
			at = r
		case op == history.GoesOver:
			at = -1
		}
	}
	return at
}

// watchCRDs are the states after the agent has, by the record i, been told by CRDs, which it
// listed at the record list, what leaves the content.
func (f *agentRun) watchCRDs(list, i int32, content uint8) (next agentStates, by *deviation) {
	plain := false // no deviation is needed
	before := f.set
	if list > f.last {
		before = f.silent(list)
	}
	for _, m := range before.all {
		if list > f.last { // anew: it may be of an earlier time than the last one
			if f.fellBack(list) < 0 {
				continue // it has an etcd
			}
			m.leave()
			for m.connection+1 < len(f.agent.Connections) && f.agent.Connections[m.connection+1].To < list {
				m.connection++
			}
		}
		for g, d := range f.run.watch(m.agent, f.fellBack(list), i, content) {
			m.agent, plain = g, plain || d == nil
			f.add(&next, m)
			by = cmp.Or(by, d)
		}
	}
	if plain {
		by = nil
	}
	if len(next.all) == 0 && (f.run.hidden(i) || content == 0 && f.run.hidden(f.last)) {
		return f.set, &shownByCRDs
	}
	return next, by
}

// shownByCRDs is the deviation of an agent whose two sources do not say the same.
var shownByCRDs = deviation{
	name:  "shown-by-crds",
	what:  "an agent that reads CRDs shows, or lets go, what a writer hides from every etcd, as its namespace is not for other clusters, or gone",
	needs: "a namespace that is hidden or gone",
}

// undrained is the deviation of an agent that goes over to an etcd which has said all.
var undrained = deviation{
	name:  "undrained",
	what:  "an agent that goes over to an etcd shows for a moment what it has of the etcd that it read before: Cilium says that it has all identities of a new one before it has dropped those of the old one",
	needs: "another etcd that the agent read before, and which had this",
}

// overlook adds what the agent becomes when it shows, as it goes over by the record i, what
// another etcd had that it read before.
func (f *agentRun) overlook(next *agentStates, i int32, content uint8) {
	last := f.connected(i)
	if len(f.agent.Readings) == 0 || content == 0 || last < 0 {
		return
	}
	for c, old := range f.agent.Connections[:last] {
		if t := f.run.timelines[old.Store]; old.Store != f.agent.Connections[last].Store && old.To < i && len(t) > 0 && t[t.at(old.To)].content == content {
			f.add(next, agentState{connection: c})
		}
	}
}

// goesOn is the deviation of an agent that returns to an etcd without a list of it.
var goesOn = deviation{
	name:  "goes-on-where-it-was",
	what:  "an agent that goes over to the etcd which it read before CRDs shows what it had of it, until its watch, which goes on where it ended, has told what came meanwhile",
	needs: "an etcd that the agent read before CRDs, and reads again, and which had this when it left or since",
}

// leave has the agent in a state leave its etcd for CRDs.
func (m *agentState) leave() {
	if m.agent.At != 0 {
		m.left, m.had = m.connection+1, m.at
	}
	m.agent.StopWatch()
	m.agent.Leave()
	m.at = 0
}

// goOn adds what the agent becomes when it goes over by the record i to the etcd that it left for
// CRDs, whose watch goes on where it ended.
func (f *agentRun) goOn(next *agentStates, i int32, content uint8) {
	over := f.wentOver(i)
	for _, m := range f.set.all {
		s := f.returns(m, i)
		if s < 0 || over < f.agent.Connections[s].From || m.agent.CRD == 0 {
			continue
		}
		m.agent.StopWatch()
		if m.agent.Connect(0, &mesh.Replica{Phase: mesh.Serving}, true) != "" {
			continue
		}
		at, store := m.had, f.agent.Connections[s].Store
		m.connection, m.left, m.had = s, 0, 0
		f.take(next, m, store, at, f.lasts(store, i), content)
	}
}

// wentOver returns the last record before i with which the agent went over to an etcd.
func (f *agentRun) wentOver(i int32) (at int32) {
	at = -1
	for _, r := range f.agent.Readings {
		if r < i && f.run.Records[r].Op == history.GoesOver {
			at = r
		}
	}
	return at
}

// returns is the agent's connection before a record, if it and all since the state left its etcd are
// with that etcd: with another one it would have listed. Else it is -1.
func (f *agentRun) returns(m agentState, i int32) int {
	if m.left == 0 {
		return -1
	}
	store, last := f.agent.Connections[m.left-1].Store, -1
	for s := m.left; s < len(f.agent.Connections) && f.agent.Connections[s].From < i; s++ {
		if f.agent.Connections[s].Store != store {
			return -1
		}
		last = s
	}
	return last
}
