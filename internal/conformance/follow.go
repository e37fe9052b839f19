package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Follow looks for the steps of a counterexample in the history of a run of its plan: each in
// a record that comes after those of the steps that it follows from, and nothing that
// a replica must not hear of before the counterexample lets it. It returns the record of
// each. The error is the first that is not there, as a sentence.
func Follow(c *mesh.Counterexample, records []history.Record) ([]int, error) {
	whole := c
	c = asOne(c)
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
		if want, at := source(r), f.reads(a); at != want {
			return nil, fmt.Errorf("%s reads %s at the first step, and not %s", agent(a), at, want)
		}
	}
	for _, h := range delays {
		if f.heard(h) {
			return nil, fmt.Errorf("%s hears of rv %d too soon", h.host, c.Steps[h.from].RV)
		}
	}
	if f.ce.CRDsFirst && slices.ContainsFunc(records[f.found[0]:slices.Max(f.found)], func(r history.Record) bool { return r.Verb == history.Reading && r.Op == history.GoesOver }) {
		return nil, Obstacle("an agent ceases to read CRDs before the last step")
	}
	return f.ofEach(whole), nil
}

// ofEach returns the record of each step of a counterexample of which f follows what asOne makes of it.
func (f *follower) ofEach(whole *mesh.Counterexample) (found []int) {
	next := 0
	for i, step := range whole.Steps {
		if f.ce != whole && step.Name == mesh.AgentConnects && stops(whole, i) {
			found = append(found, -1)
			continue
		}
		found = append(found, f.found[next])
		next++
		if step.Name != mesh.AgentStopsCRDs {
			continue
		}
		// The connection is the last one before the agent has gone over.
		connects := slices.IndexFunc(whole.Steps, func(s mesh.Step) bool { return s.Name == mesh.AgentConnects && s.Agent == step.Agent })
		for n := found[i]; n >= 0 && found[connects] < 0; n-- {
			if r := &f.records[n]; r.Verb == history.Connect && r.Actor == agent(step.Agent) {
				found[connects] = n
			}
		}
	}
	return found
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
	delivers := step.Name == mesh.Delivers || step.Name == mesh.AgentWatches
	return sameReplica || sameAgent || earlier.Name == mesh.Writes && (!delivers || step.RV == earlier.RV) ||
		step.Name == mesh.Writes && earlier.Name != mesh.Delivers
}

// find returns the first record of the step i after a record, or -1.
func (f *follower) find(i, after int) int {
	n := slices.IndexFunc(f.records[after+1:], func(r history.Record) bool { return f.is(&r, i) })
	switch {
	case n < 0:
		return -1
	case goesOver(f.ce, i):
		return f.over(i, after+1+n)
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
	case mesh.AgentWatches:
		return f.tells(r, host, i)
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

// tells reports whether with a record the agent of the step i, which watches CRDs, is told of the write. Where
// an etcd fills gaps that need not change the view, and the record is that of what is sent to it.
func (f *follower) tells(r *history.Record, host string, i int) bool {
	step := f.ce.Steps[i]
	if !f.ce.CRDsFirst {
		return changes(r, host, step.Write, history.See, history.Drop)
	}
	w := slices.IndexFunc(f.ce.Steps[:i], func(s mesh.Step) bool { return s.Name == mesh.Writes && s.RV == step.RV })
	if w < 0 || r.Verb != history.Event || r.Kind != object.SliceKind || r.Peer != host {
		return false
	}
	return slices.ContainsFunc(strings.Fields(r.Value), func(event string) bool {
		return strings.HasSuffix(event, fmt.Sprintf(":%d", f.records[f.found[w]].RV))
	})
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

// over returns the record with which the agent of the step i goes over to the etcd with which it connects
// with a record, or -1 if it connects with another one before. One that does not cease to read CRDs only lets it
// fill their gaps.
func (f *follower) over(i, connects int) int {
	step, op := f.ce.Steps[i], history.GoesOver
	if f.ce.CRDsFirst {
		op = history.Reaches
	}
	for n := connects; n < len(f.records); n++ {
		switch r := &f.records[n]; {
		case r.Actor != agent(step.Agent):
		case r.Verb == history.Connect && r.Peer != replica(step.Replica):
			return -1
		case r.Verb == history.Reading && r.Op == op:
			return n
		}
	}
	return -1
}

// reads is what an agent read before the first step: the replica that it connected with last, or CRDs, as
// long as an agent of a handover has not gone over.
func (f *follower) reads(a int) string {
	var connected string
	crds := false
	for i := range f.records[:f.found[0]] {
		switch r := &f.records[i]; {
		case r.Actor != agent(a):
		case r.Verb == history.Connect:
			connected = r.Peer
		case r.Verb == history.Reading:
			crds = r.Op != history.GoesOver
		}
	}
	if crds {
		return source(-1)
	}
	return connected
}

// source names what is read: a replica by its number, or CRDs by -1.
func source(r int) string {
	if r < 0 {
		return "CRDs"
	}
	return replica(r)
}

// heard reports whether a host applied what it must not hear of in a delay.
func (f *follower) heard(h delay) bool {
	until := max(f.found[h.from], f.found[min(h.to, len(f.found)-1)])
	return slices.ContainsFunc(f.records[f.found[h.from]:until], func(r history.Record) bool {
		w := f.ce.Steps[h.from].Write
		if f.ce.CRDsFirst && mode.Agent.Is(h.host) && r.Source != string(mode.FromAPIServer) {
			return false // its etcd says so
		}
		return changes(&r, h.host, w, history.Put, history.Del) || changes(&r, h.host, w, history.See, history.Drop)
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
