package tracevalidation

import (
	"slices"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/schema"
)

// deviation is something that Cilium is known to do and the model does not have. It
// is tried only where no action of the model explains a record, and only if its
// cause is in the history.
type deviation struct {
	name string
	what string // as a sentence about a replica

	needs string // what the history has to have, for the report of a record that nothing explains
	cause func(f *replicaRun, i int32) bool
	step  func(f *replicaRun, next *replicaStates, m replicaState, log mesh.Log, content uint8)

	// shows reports whether an agent that watches a log may show the content once it has been
	// told of so many writes, one at least.
	shows func(l *keyLog, writes, content uint8) bool
}

// leaseExpires is certain where its cause is: who asked for a deletion is known.
var leaseExpires = deviation{
	name:  "lease-expires",
	what:  "the etcd deletes a key whose lease was not renewed in time",
	needs: "a deletion that no client asked for, and the end of the lease that the key had",
	cause: func(f *replicaRun, i int32) bool {
		r := &f.run.Records[i]
		if r.Verb != history.Del || f.run.Store(r.Store).Requested(f.run.Records, r.Key, r.Rev) {
			return false
		}
		lease := f.run.Leases.Of(r.Store, f.lease)
		return len(f.run.Leases.All) == 0 || lease != nil && lease.End >= 0 // files of version 1 tell of none
	},
	step: func(f *replicaRun, next *replicaStates, m replicaState, _ mesh.Log, _ uint8) {
		m.replica.Etcd[0], m.other, m.again = 0, 0, true
		next.add(m)
	},
}

// stalledRequest is certain where a put has a lease that is older than the present
// writer (replicaRun.outlived).
var stalledRequest = deviation{
	name:  "stalled-request",
	what:  "an etcd that applies nothing, or slowly, applies what the writer before the present one had asked for",
	needs: "a fault that stalls an etcd or makes it slow, or has another writer start at once",
	cause: func(f *replicaRun, i int32) bool {
		return f.run.disturbed(i, disturb.EtcdLate) || f.run.disturbed(i, disturb.ConfigWrong)
	},
	step: func(f *replicaRun, next *replicaStates, m replicaState, log mesh.Log, content uint8) {
		log = log[:min(int(f.before), len(log))]
		late := replicaStates{l: f.run.log}
		switch {
		case m.replica.Phase == mesh.Writerless:
			m.replica.Phase = mesh.Serving
			late.deliver(m, log, content)
		case m.replica.Phase == mesh.Lost && !m.emptied():
			for m := range lists(m, 0, log) { // of whichever writer it was
				late.deliver(m, log, content)
			}
		}
		for _, m := range late.all {
			m.replica.Phase = mesh.Writerless
			next.add(m)
		}
	},
}

// deviations are those of replicas, in the order in which they are tried.
var deviations = []*deviation{
	&leaseExpires,
	&stalledRequest,
	{
		name:  "writes-again",
		what:  "the writer puts again what its etcd has lost, as it was when the writer last heard of it",
		needs: "a lease that expired, or an etcd that was emptied beside a writer that lived on",
		cause: func(f *replicaRun, _ int32) bool {
			return slices.ContainsFunc(f.set.all, func(m replicaState) bool { return m.again })
		},
		step: func(f *replicaRun, next *replicaStates, m replicaState, log mesh.Log, content uint8) {
			switch {
			case !m.again:
			case m.emptied():
				for m := range lists(m, m.held, log) {
					next.deliver(m, log, content)
				}
			case m.replica.Phase == mesh.Serving:
				had := log[:m.replica.RV]
				m.replica.RestartWriter()
				m.replica.WriterLists(had, false)
				m.other, m.again = 0, false
				next.deliver(m, log, content)
			}
		},
	},
	{
		name:  "stale-list",
		what:  "the writer's list is from a watch cache that lags behind what was acknowledged when the writer started",
		needs: "a fault that keeps a watch cache behind",
		cause: func(f *replicaRun, i int32) bool { return f.run.disturbed(i, disturb.CacheBehind) },
		step: func(f *replicaRun, next *replicaStates, m replicaState, log mesh.Log, content uint8) {
			if f.sent && !m.emptied() && m.replica.Phase != mesh.Serving {
				for m := range lists(m, 0, log) {
					next.deliver(m, log, content)
				}
			}
		},
	},
	{
		name:  "deleted-between-owners",
		what:  "the writer learns that one object has let the key go before it learns that another one claims it, and deletes it",
		needs: "an object that let the key go while another one claimed it",
		cause: func(f *replicaRun, i int32) bool {
			return f.run.Records[i].Verb == history.Del && len(f.run.log.lapsed) > 0
		},
		step: func(f *replicaRun, next *replicaStates, m replicaState, log mesh.Log, _ uint8) {
			f.served(m, log, func(m replicaState) {
				for _, p := range f.run.log.lapsed {
					if p.at > m.replica.RV && int(p.at) <= len(log) && slices.Contains(p.contents, m.shown(f.run.log)) {
						m.replica.Etcd[0], m.other = 0, 0
						next.add(m)
						return
					}
				}
			})
		},
	},
	{
		name:  "other-claim-first",
		what:  "of several objects that claim the key, the writer learns first of one that was not the first",
		needs: "a time at which several objects claimed the key",
		cause: func(f *replicaRun, _ int32) bool {
			return slices.ContainsFunc(f.run.log.claimed, func(all []uint8) bool { return all != nil })
		},
		step: func(f *replicaRun, next *replicaStates, m replicaState, log mesh.Log, content uint8) {
			f.served(m, log, func(m replicaState) {
				for more := content != 0; more; more = m.deliver(log) {
					if rv := m.replica.RV; rv > 0 && slices.Contains(f.run.log.claimed[rv-1], content) {
						shows := m
						shows.other, shows.replica.Etcd[0] = content, rv
						next.add(shows)
					}
				}
			})
		},
	},
	{
		name:  "informers-apart",
		what:  "a namespace is made, shown or hidden, and the writer puts what only one of its two informers says: that it is still there, or that its namespace is not hidden; or learns later that it must go",
		needs: "a namespace that was created or shown after the content was deleted, or hidden before it came",
		cause: func(f *replicaRun, i int32) bool { return f.run.key.Kind != history.Node && f.run.madeNamespace(0, i) },
		step: func(f *replicaRun, next *replicaStates, m replicaState, log mesh.Log, content uint8) {
			if m.replica.Phase != mesh.Serving {
				return
			}
			if m.stale {
				now := replicaState{replica: m.replica}
				now.replica.Etcd[0] = 0
				if f.run.log.after(now.replica.RV) != 0 {
					now.replica.Etcd[0] = now.replica.RV
				}
				next.deliver(now, log, content)
			}
			for n := m.replica.RV; n > 0 && content != 0; n-- {
				if int(n) < len(log) && f.run.log.after(n) == content && f.run.madeNamespace(f.run.log.records[n], f.record) {
					m.replica.Etcd[0], m.other, m.stale = n, 0, true
					next.add(m)
					return
				}
			}
			if content != 0 && f.run.hiddenSince(f.record) {
				m.replica.Etcd[0], m.other, m.stale = 0, content, true
				next.add(m)
			}
		},
	},
	&otherClusterID,
}

// otherClusterID is the deviation of a writer with a wrong configuration.
var otherClusterID = deviation{
	name:  "other-cluster-id",
	what:  "a writer that has another cluster's ID puts nodes with that",
	needs: "a fault that starts a writer with another cluster ID",
	cause: func(f *replicaRun, i int32) bool { return f.run.disturbed(i, disturb.ConfigWrong) },
	step: func(f *replicaRun, next *replicaStates, m replicaState, log mesh.Log, content uint8) {
		if content == 0 {
			return
		}
		f.served(m, log, func(m replicaState) {
			for more := true; more; more = m.deliver(log) {
				if rv := m.replica.RV; rv > 0 && f.run.sameButCluster(f.run.log.after(rv), content) {
					m.other, m.replica.Etcd[0] = content, rv
					next.add(m)
					return
				}
			}
		})
	},
}

// sameButCluster reports whether two contents of a node differ by the cluster alone.
func (k *keyRun) sameButCluster(a, b uint8) bool {
	return k.key.Kind == history.Node && a != 0 && schema.WithoutCluster(k.names.text(a)) == schema.WithoutCluster(k.names.text(b))
}

// served calls try with m if it serves, else with what it may be after its list.
func (f *replicaRun) served(m replicaState, log mesh.Log, try func(replicaState)) {
	if m.replica.Phase == mesh.Serving {
		try(m)
		return
	}
	from := f.since
	if m.emptied() {
		from = m.held
	} else if !f.sent {
		return
	}
	for m := range lists(m, from, log) {
		try(m)
	}
}

// canaryFirst is the deviation that the put of a canary needs.
var canaryFirst = deviation{
	name:  "canary-before-keys",
	what:  "the writer, which puts again what its etcd has lost, puts a canary before the key",
	needs: "an etcd that was emptied beside a writer that lived on",
}

// allDeviations are those of replicas, of canaries and of agents.
func allDeviations() []*deviation {
	return slices.Concat(deviations, []*deviation{&canaryFirst}, agentDeviations, watchDeviations)
}
