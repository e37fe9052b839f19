package conformance

import (
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Follow looks for the steps of a counterexample in the history of a run of its plan: each in
// a record that comes after those of the steps that it follows from, and nothing that
// a replica must not hear of before the counterexample lets it. It returns the record of
// each. The error is the first that is not there, as a sentence.
func Follow(c *mesh.Counterexample, records []history.Record) ([]int, error) {
	delays, err := delays(c)
	if err != nil {
		return nil, err
	}
	f := follower{ce: c, records: records, found: make([]int, len(c.Steps))}
	churn := slices.IndexFunc(records, func(r history.Record) bool { return r.Verb == history.Phase && r.Key == "churn" })
	for i, step := range c.Steps {
		after := churn
		for j := range i {
			if follows(step, c.Steps[j]) {
				after = max(after, f.found[j])
			}
		}
		if f.found[i] = f.find(i, after); f.found[i] < 0 {
			return nil, fmt.Errorf("step %d of %d, %s, is not in the history where it should be", i+1, len(c.Steps), describe(step))
		}
	}
	for a, r := range c.Reads {
		if at := f.connected(a); at != replica(r) {
			return nil, fmt.Errorf("%s reads %s at the first step, and not %s", agent(a), at, replica(r))
		}
	}
	for _, h := range delays {
		if f.heard(h) {
			return nil, fmt.Errorf("%s hears of rv %d too soon", replica(h.replica), c.Steps[h.from].RV)
		}
	}
	return f.found, nil
}

type follower struct {
	ce      *mesh.Counterexample
	records []history.Record
	found   []int // by step: its record
}

// follows reports whether a step must come after an earlier one. What a replica
// delivers it may deliver before others do what they do.
func follows(step, earlier mesh.Step) bool {
	sameReplica := step.Replica >= 0 && step.Replica == earlier.Replica
	sameAgent := step.Agent >= 0 && step.Agent == earlier.Agent
	return sameReplica || sameAgent || earlier.Name == mesh.Writes && (step.Name != mesh.Delivers || step.RV == earlier.RV) ||
		step.Name == mesh.Writes && earlier.Name != mesh.Delivers
}

// find returns the first record of the step i after a record, or -1.
func (f *follower) find(i, after int) int {
	n := slices.IndexFunc(f.records[after+1:], func(r history.Record) bool { return f.is(&r, i) })
	if n < 0 {
		return -1
	}
	return after + 1 + n
}

// is reports whether a record is one of the step i.
func (f *follower) is(r *history.Record, i int) bool {
	step := f.ce.Steps[i]
	host := replica(step.Replica)
	if step.Agent >= 0 {
		host = agent(step.Agent)
	}
	switch step.Name {
	case mesh.Writes:
		op := "put"
		if step.Write.Delete {
			op = "del"
		}
		return r.Verb == history.Truth && r.Kind == history.Endpoint && r.Op == op && r.Key == address(step.Write)
	case mesh.Delivers:
		return changes(r, host, step.Write, history.Put, history.Del)
	case mesh.AgentSees:
		return changes(r, host, f.lastDelivered(i), history.See, history.Drop)
	case mesh.AgentConnects:
		return r.Verb == history.Connect && r.Actor == host && r.Peer == replica(step.Replica)
	case mesh.ReplicaStarts, mesh.WriterListsNow:
		return r.Verb == history.Up && r.Actor == host && r.Kind == "writer"
	case mesh.WriterRestarts:
		return r.Verb == history.Down && r.Actor == host && r.Kind == "writer"
	case mesh.ReplicaCrashes, mesh.EtcdEmptied:
		return r.Verb == history.Down && r.Actor == host && r.Kind == "etcd"
	case mesh.AgentRestarts:
		return r.Verb == history.Down && r.Actor == host && r.Kind == "agent"
	}
	return false
}

// changes reports whether a record is of a host, and puts or removes what a write
// does. The key may be that of an etcd or of a view.
func changes(r *history.Record, host string, w mesh.Write, put, del history.Verb) bool {
	verb := put
	if w.Delete {
		verb = del
	}
	return r.Actor == host && r.Verb == verb && r.Kind == history.Endpoint && schema.NameIn(r.Key) == address(w)
}

// lastDelivered is the write that the replica of the step i has delivered last.
func (f *follower) lastDelivered(i int) (w mesh.Write) {
	for _, step := range f.ce.Steps[:i] {
		if step.Name == mesh.Delivers && step.Replica == f.ce.Steps[i].Replica {
			w = step.Write
		}
	}
	return w
}

// connected is the replica that an agent connected with last before the first step.
func (f *follower) connected(a int) (with string) {
	for i := range f.records[:f.found[0]] {
		if r := &f.records[i]; r.Verb == history.Connect && r.Actor == agent(a) {
			with = r.Peer
		}
	}
	return with
}

// heard reports whether a replica applied what it must not hear of in a delay.
func (f *follower) heard(h delay) bool {
	until := max(f.found[h.from], f.found[min(h.to, len(f.found)-1)])
	return slices.ContainsFunc(f.records[f.found[h.from]:until], func(r history.Record) bool {
		return changes(&r, replica(h.replica), f.ce.Steps[h.from].Write, history.Put, history.Del)
	})
}

func address(w mesh.Write) string { return fmt.Sprintf("10.0.0.%d", w.Address+1) }

// describe is a step for a sentence.
func describe(a mesh.Step) string {
	text := string(a.Name)
	if a.Agent >= 0 {
		text += " of " + agent(a.Agent)
	}
	if a.Replica >= 0 {
		text += " at " + replica(a.Replica)
	}
	if a.RV > 0 {
		text += fmt.Sprintf(" of rv %d", a.RV)
	}
	return text
}
