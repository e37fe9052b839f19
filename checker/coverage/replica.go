package coverage

import (
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

func isUp(r *history.Record, kind string) bool   { return r.Verb == history.Up && r.Kind == kind }
func isDown(r *history.Record, kind string) bool { return r.Verb == history.Down && r.Kind == kind }

// readies tells whether a replica becomes ready.
func readies(r *history.Record) bool { return r.Verb == history.Ready && mode.Replica.Is(r.Actor) }

// canary tells whether a canary of a view kind is put.
func canary(r *history.Record) bool {
	_, is := canaryOf(r.Key)
	return is && r.Verb == history.Put
}

// ofReplica is a predicate on the replica of a record.
func ofReplica(is func(host *replica, r *history.Record) bool) predicate {
	return func(w *world, r *history.Record) bool { return is(w.replica(r.Actor), r) }
}

var replicaMarks = []Mark{
	{
		Name: "ready-cut-off", verbs: on(history.Ready, history.Fault, history.Down),
		Sentence: "a replica was ready while it was cut off from every kube-apiserver",
		after: func(w *world, r *history.Record) bool {
			if r.Verb == history.Ready {
				return mode.Replica.Is(r.Actor) && w.replica(r.Actor).cutOff
			}
			return (r.Verb == history.Fault || r.Kind == "kube") && w.count(func(host *replica) bool { return host.ready && host.cutOff }) > 0
		},
	},
	{
		Name: "ready-before-synced", verbs: on(history.Ready),
		Sentence: "a replica became ready before its first sync was complete",
		before:   func(w *world, r *history.Record) bool { return readies(r) && w.replica(r.Actor).store.filling() },
	},
	{
		Name: "no-replica-ready", verbs: on(history.Unready),
		Sentence: "the last replica that was ready was so no more",
		after:    func(w *world, r *history.Record) bool { return mode.Replica.Is(r.Actor) && w.count(isReady) == 0 },
	},
	{
		Name: "all-etcds-down", verbs: on(history.Down),
		Sentence: "the etcds of all replicas were down at once",
		after:    func(w *world, r *history.Record) bool { return r.Kind == "etcd" && w.count(isEtcdUp) == 0 },
	},
	{
		Name: "replica-added", verbs: on(history.Up),
		Sentence: "a replica was started during the churn on a host that had had none",
		before: func(w *world, r *history.Record) bool {
			return isUp(r, "etcd") && w.churning() && w.replica(r.Actor).etcds == 0
		},
	},
	{
		Name: "rebuilt-empty", verbs: on(history.Up),
		Sentence: "a replica started again with an empty etcd",
		before: ofReplica(func(host *replica, r *history.Record) bool {
			return isUp(r, "etcd") && host.store != nil && host.store.name != r.Store
		}),
	},
	{
		Name: "etcd-emptied-under-writer", verbs: on(history.Up),
		Sentence: "an etcd came back empty while the writer beside it had gone on",
		before: ofReplica(func(host *replica, r *history.Record) bool {
			return isUp(r, "etcd") && host.writer.up && host.store != nil && host.store.name != r.Store
		}),
	},
	{
		Name: "etcd-back-with-data", verbs: on(history.Up),
		Sentence: "an etcd came back with its data",
		before: ofReplica(func(host *replica, r *history.Record) bool {
			return isUp(r, "etcd") && host.store != nil && host.store.name == r.Store
		}),
	},
	{
		Name: "writer-onto-full-store", verbs: on(history.Up),
		Sentence: "a writer started on a store that an earlier one had filled",
		before: func(w *world, r *history.Record) bool {
			return isUp(r, "writer") && !w.replica(r.Actor).store.filling()
		},
	},
	{
		Name: "writer-onto-part-of-store", verbs: on(history.Up),
		Sentence: "a writer started on a store that an earlier one had filled in part",
		before: func(w *world, r *history.Record) bool {
			s := w.replica(r.Actor).store
			return isUp(r, "writer") && s.filling() && s != nil && w.begun(s)
		},
	},
	{
		Name: "writer-missed-deletion", verbs: on(history.Up),
		Sentence: "a writer started again on its store after something was deleted while it was down",
		before: func(w *world, r *history.Record) bool {
			host := w.replica(r.Actor)
			return isUp(r, "writer") && !host.store.filling() && w.claimEnded(host.writer.lost)
		},
	},
	{
		Name: "first-sync-interrupted-by-writer", verbs: on(history.Down),
		Sentence: "a writer ended in the middle of its first sync",
		before: func(w *world, r *history.Record) bool {
			writer := w.replica(r.Actor).writer
			return isDown(r, "writer") && writer.puts > 0 && writer.synced != allKinds
		},
	},
	{
		Name: "first-sync-interrupted-by-etcd", verbs: on(history.Down),
		Sentence: "an etcd ended in the middle of its first sync",
		before: func(w *world, r *history.Record) bool {
			s := w.replica(r.Actor).store
			return isDown(r, "etcd") && s.filling() && s != nil && w.begun(s)
		},
	},
	{
		Name: "canary-under-fault", verbs: on(history.Put),
		Sentence: "a canary was put while a fault that did something was in force",
		before:   func(w *world, r *history.Record) bool { return canary(r) && len(w.faults.felt()) > 0 },
	},
	{
		Name: "canary-cut-off", verbs: on(history.Put),
		Sentence: "a canary was put by a replica that was cut off from every kube-apiserver",
		before:   func(w *world, r *history.Record) bool { return canary(r) && w.replica(r.Actor).cutOff },
	},
	{
		Name: "canary-before-entries", verbs: on(history.Put),
		Sentence: "a canary was put when the store had fewer entries of its kind than were true",
		before: func(w *world, r *history.Record) bool {
			kind, _ := schema.CanaryOf(r.Key)
			return canary(r) && w.stored(r.Store, kind.Name) < w.live(kind.Name)
		},
	},
	{
		Name: "canary-with-extra-entries", verbs: on(history.Put),
		Sentence: "a canary was put when the store had more entries of its kind than were true",
		before: func(w *world, r *history.Record) bool {
			kind, _ := schema.CanaryOf(r.Key)
			return canary(r) && w.stored(r.Store, kind.Name) > w.live(kind.Name)
		},
	},
	{
		Name: "two-replicas-filling", verbs: on(history.Up),
		Sentence: "two replicas had an etcd up and their first sync incomplete at once, during the churn",
		after: func(w *world, r *history.Record) bool {
			return r.Kind == "etcd" && w.churning() && w.count(func(host *replica) bool { return host.etcdUp && host.store.filling() }) > 1
		},
	},
}
