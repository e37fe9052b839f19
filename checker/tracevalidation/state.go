package tracevalidation

import (
	"iter"
	"slices"

	"github.com/meshcheck/meshcheck/model/mesh"
)

// replicaState is a state of the model in which a replica may be, as far as one key and
// the records up to now tell.
type replicaState struct {
	replica mesh.Replica

	// What the model does not have, and only deviations set.
	other uint8 // the etcd has this content in place of the one that the model has there; 0: it has not
	again bool  // the etcd lost what the writer had put: it may put it again
	held  uint8 // as far as the writer had come when its etcd was emptied
	stale bool  // the writer has put what had been deleted or was hidden, and does not know yet
}

// shown is the content of the key in the replica's etcd.
func (m *replicaState) shown(l *keyLog) uint8 {
	if m.other != 0 {
		return m.other
	}
	return l.after(m.replica.Etcd[0])
}

// deliver delivers the next write of log, if there is one, after which the model has all that
// the etcd has.
func (m *replicaState) deliver(log mesh.Log) bool {
	if m.replica.Deliver(log) != "" {
		return false
	}
	m.other, m.again, m.stale = 0, false, false
	return true
}

// emptied reports whether the etcd was emptied beside a writer, which has listed
// long ago.
func (m *replicaState) emptied() bool { return m.again && m.replica.Phase == mesh.Lost }

// current reports whether the etcd has what the replica's watch delivered last.
func (m *replicaState) current(l *keyLog) bool {
	return m.replica.Phase == mesh.Serving && m.other == 0 && m.shown(l) == l.after(m.replica.RV)
}

// settled reports whether the replica, once its watch has delivered the writes of log
// before anybody looks, shows what it showed, and has nothing left to do.
func (m replicaState) settled(l *keyLog, log mesh.Log) bool {
	shown := m.shown(l)
	for m.deliver(log) {
	}
	due := (m.again || m.stale) && !m.current(l)
	return m.replica.Phase == mesh.Serving && int(m.replica.RV) == len(log) && m.shown(l) == shown && !due
}

// replicaStates is a set of them.
type replicaStates struct {
	l   *keyLog
	all []replicaState
}

// add adds a state. Of two replicas whose etcds have what their watches delivered
// last, which is the same, the one that has come less far can do all that the other
// one can, since it may deliver the writes between the two before anybody looks:
// only that one stays.
func (s *replicaStates) add(m replicaState) {
	same := slices.IndexFunc(s.all, func(o replicaState) bool {
		return o == m || m.current(s.l) && o.current(s.l) && o.again == m.again && o.shown(s.l) == m.shown(s.l)
	})
	switch {
	case same < 0:
		s.all = append(s.all, m)
	case m.replica.RV < s.all[same].replica.RV:
		s.all[same] = m
	}
}

// keep keeps those that will do.
func (s *replicaStates) keep(will func(replicaState) bool) {
	s.all = slices.DeleteFunc(s.all, func(m replicaState) bool { return !will(m) })
}

// deliver adds m, and what it becomes while its watch delivers the writes of log,
// wherever the key has the content; up to the first one to which all later ones add
// nothing.
func (s *replicaStates) deliver(m replicaState, log mesh.Log, content uint8) {
	for {
		if m.shown(s.l) == content {
			s.add(m)
			if m.current(s.l) {
				return
			}
		}
		if !m.deliver(log) {
			return
		}
	}
}

// lists are what a state becomes when its writer lists, after from to all writes
// of log: the writer of a new pod, or one beside an etcd with content. A key that is
// not in the list stays there as it is.
func lists(m replicaState, from uint8, log mesh.Log) iter.Seq[replicaState] {
	return func(yield func(replicaState) bool) {
		for k := int(from); k <= len(log); k++ {
			next := replicaState{replica: m.replica}
			if k == 0 || log[k-1].Delete {
				next.other = m.other
			}
			if next.replica.Start(log[:k]) != "" && next.replica.WriterLists(log[:k], false) != "" || !yield(next) {
				return
			}
		}
	}
}
