package tracevalidation

import (
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/schema"
)

// replicaRun follows one replica, as far as one key tells: it keeps all states in
// which the model may be after the records up to now.
type replicaRun struct {
	run  *keyRun
	name string

	record int32 // that is being explained
	set    replicaStates
	shown  uint8  // the content of the key in the etcd, as recorded
	lease  string // that it has there
	store  string // of the etcd; "" before the first
	writer bool   // there is one
	sent   bool   // there is or was one since the etcd started, whose requests may still arrive
	since  uint8  // the writes at the start of the writer that is or was there
	until  uint8  // the writes at its end
	before uint8  // the writes at the end of the writer before it
	start  int32  // the record of the start of the writer that is or was there
}

// follow goes through the records of the replica that concern the key. It returns
// the first one that nothing explains, or nil.
func (f *replicaRun) follow(life, changes []int32) *Unexplained {
	f.set = replicaStates{l: f.run.log, all: []replicaState{{}}}
	for len(life)+len(changes) > 0 {
		var u *Unexplained
		if len(changes) == 0 || len(life) > 0 && life[0] < changes[0] {
			u = f.lives(life[0])
			life = life[1:]
		} else {
			u = f.changes(changes[0])
			changes = changes[1:]
		}
		if u != nil {
			return u
		}
	}
	return f.ends()
}

// lives takes the start or end of a process, or a canary, into account.
func (f *replicaRun) lives(i int32) *Unexplained {
	r := &f.run.Records[i]
	switch {
	case r.Verb == history.Put:
		return f.canary(i, r)
	case r.Kind == "writer" && r.Verb == history.Down:
		f.writer, f.until = false, f.run.log.by(i)
	case r.Kind == "writer":
		// What the writer before this one sent may have reached the etcd until now.
		f.each(func(m *replicaState) {
			m.replica.RestartWriter()
			m.again, m.held = false, 0
		})
		f.writer, f.sent, f.since, f.before, f.start = true, true, f.run.log.by(i), f.until, i
	case r.Verb == history.Up && f.store != r.Store:
		f.each(f.emptied)
		f.shown, f.store, f.sent = 0, r.Store, f.writer
	}
	return nil
}

// emptied is the loss of the etcd. If the writer lives on, as beside an etcd that
// restarts empty, it knows still what it had put.
func (f *replicaRun) emptied(m *replicaState) {
	held := m.replica.RV
	if m.replica.Phase != mesh.Serving {
		held = f.since
	}
	m.replica.Crash()
	*m = replicaState{replica: m.replica}
	if f.writer {
		m.again, m.held = true, held
	}
}

func (f *replicaRun) each(change func(*replicaState)) {
	before := f.set.all
	f.set.all = nil
	for _, m := range before {
		change(&m)
		f.set.add(m)
	}
}

// changes explains a change of the key in the etcd.
func (f *replicaRun) changes(i int32) *Unexplained {
	r := &f.run.Records[i]
	content := uint8(0)
	if r.Verb == history.Put {
		content = f.run.number(r.Value)
	}
	next, by := f.next(i, content, func(replicaState) bool { return true })
	if len(next.all) == 0 {
		return f.refuse(i, content)
	}
	f.run.explained(by)
	f.set, f.shown, f.lease = next, content, r.Owner
	return nil
}

// next are the states after a record in which the key has the content, and which
// will do; and the deviation that led there, if none of the model's own actions do.
func (f *replicaRun) next(i int32, content uint8, will func(replicaState) bool) (replicaStates, *deviation) {
	f.record = i
	log := f.known(i)
	next, tried := replicaStates{l: f.run.log}, deviations
	switch {
	case leaseExpires.cause(f, i): // it was no writer
	case f.outlived(i):
		tried = []*deviation{&stalledRequest}
	default:
		for _, m := range f.set.all {
			f.step(&next, m, log, content)
		}
	}
	if next.keep(will); len(next.all) > 0 {
		return next, nil
	}
	for _, d := range tried {
		if !d.cause(f, i) {
			continue
		}
		for _, m := range f.set.all {
			d.step(f, &next, m, log, content)
		}
		if next.keep(will); len(next.all) > 0 {
			return next, d
		}
	}
	return next, nil
}

// outlived reports whether a record is a put that a writer before the present one had
// asked for: its lease is older than the present writer, which has leases of its own.
func (f *replicaRun) outlived(i int32) bool {
	r := &f.run.Records[i]
	lease := f.run.Leases.Of(r.Store, r.Owner)
	return r.Verb == history.Put && lease != nil && lease.Granted >= 0 && lease.Granted < f.start
}

// known is what the writer may have heard of by a record: what has been
// acknowledged, or had been when the writer ended.
func (f *replicaRun) known(i int32) mesh.Log {
	writes := f.run.log.by(i)
	if !f.writer {
		writes = min(writes, f.until)
	}
	return f.run.log.log[:writes]
}

// step adds what the model's actions make of a state: a list, if there is a
// writer that has not listed yet, and then deliveries; or deliveries alone.
func (f *replicaRun) step(next *replicaStates, m replicaState, log mesh.Log, content uint8) {
	if m.replica.Phase == mesh.Serving {
		next.deliver(m, log, content)
	} else if f.sent && !m.emptied() {
		for m := range lists(m, f.since, log) {
			next.deliver(m, log, content)
		}
	}
}

// canary explains the put of a canary of the key's kind: the writer has listed, and
// the etcd has what was in the list or was delivered after it; or an earlier writer
// had. Beside an etcd that was emptied it may not have come to this key yet.
func (f *replicaRun) canary(i int32, r *history.Record) *Unexplained {
	if !schema.IsCanaryOf(r.Key, f.run.key.Kind) {
		return nil
	}
	served, by := f.next(i, f.shown, func(m replicaState) bool { return m.replica.Phase == mesh.Serving || f.outlived(i) })
	if len(served.all) == 0 {
		by = &canaryFirst
	}
	for _, m := range f.set.all {
		if m.emptied() {
			served.add(m)
		}
	}
	if len(served.all) == 0 {
		return f.refuse(i, f.shown)
	}
	f.run.explained(by)
	f.set = served
	return nil
}

// ends explains the end of the run: nothing that must happen sooner or later is
// left to be done, as far as the replica lives.
func (f *replicaRun) ends() *Unexplained {
	end := f.run.End
	if end < 0 || !f.writer || f.store == "" {
		return nil
	}
	log := f.known(end)
	settled, by := f.next(end, f.shown, func(m replicaState) bool { return m.settled(f.run.log, log) })
	if len(settled.all) == 0 {
		return f.refuse(end, f.shown)
	}
	f.run.explained(by)
	return nil
}
