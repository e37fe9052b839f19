package coverage

import (
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// How long something lasts that no run without faults shows.
const long = 10 * time.Second

// A fail-over is a connection with another replica than the one before, in one
// life of the agent.
func failsOver(w *world, r *history.Record) bool {
	a := w.agent(r.Actor)
	return len(a.visited) > 0 && a.latest != r.Peer
}

// failoverTo is a fail-over to a replica that is as asked.
func failoverTo(is func(w *world, host *replica) bool) predicate {
	return func(w *world, r *history.Record) bool {
		return failsOver(w, r) && is(w, w.replica(r.Peer))
	}
}

// ofAgent is a predicate on the agent of a record.
func ofAgent(is func(a *agent, r *history.Record) bool) predicate {
	return func(w *world, r *history.Record) bool { return is(w.agent(r.Actor), r) }
}

var failoverMarks = []Mark{
	{
		Name: "failover", verbs: on(history.Connect), before: failsOver,
		Sentence: "an agent failed over to another replica",
	},
	{
		Name: "failover-to-filling-store", verbs: on(history.Connect),
		Sentence: "an agent failed over to a replica whose first sync was not complete",
		before:   failoverTo(func(_ *world, host *replica) bool { return host.store.filling() }),
	},
	{
		Name: "failover-to-restarted-writer", verbs: on(history.Connect),
		Sentence: "an agent failed over to a replica whose store was complete, but whose writer had started anew and was not through",
		before: failoverTo(func(_ *world, host *replica) bool {
			return !host.store.filling() && host.writer.up && host.writer.synced != allKinds
		}),
	},
	{
		Name: "failover-without-writer", verbs: on(history.Connect),
		Sentence: "an agent failed over to a replica whose writer was down",
		before:   failoverTo(func(_ *world, host *replica) bool { return !host.writer.up }),
	},
	{
		Name: "failover-to-cut-off-replica", verbs: on(history.Connect),
		Sentence: "an agent failed over to a replica that was cut off from every kube-apiserver",
		before:   failoverTo(func(_ *world, host *replica) bool { return host.writer.up && host.cutOff }),
	},
	{
		Name: "failover-to-frozen-writer", verbs: on(history.Connect),
		Sentence: "an agent failed over to a replica whose writer was frozen",
		before:   failoverTo(func(w *world, host *replica) bool { return host.writer.up && w.faults.frozen(host.name) }),
	},
	{
		Name: "failover-to-smaller-store", verbs: on(history.Connect),
		Sentence: "an agent failed over to a replica that held fewer endpoints than the agent had in view",
		before: func(w *world, r *history.Record) bool {
			host := w.replica(r.Peer)
			return failsOver(w, r) && host.store != nil && w.stored(host.store.name, history.Endpoint) < w.viewed(w.agent(r.Actor), history.Endpoint)
		},
	},
	{
		Name: "failover-back", verbs: on(history.Connect),
		Sentence: "an agent came back to a store that it had left for another one",
		before:   ofAgent(func(a *agent, r *history.Record) bool { return a.visited[r.Store] && a.store != r.Store }),
	},
	{
		Name: "failover-to-new-replica", verbs: on(history.Connect),
		Sentence: "an agent failed over to a replica that was started during the churn",
		before: failoverTo(func(w *world, host *replica) bool {
			return w.churning() && host.born > int32(w.churn)
		}),
	},
	{
		Name: "reconnect-rebuilt", verbs: on(history.Connect),
		Sentence: "an agent connected again to its replica and found another store there",
		before: ofAgent(func(a *agent, r *history.Record) bool {
			return len(a.visited) > 0 && a.latest == r.Peer && a.store != r.Store
		}),
	},
	{
		Name: "reconnect-same-store", verbs: on(history.Connect),
		Sentence: "an agent connected again with the store that it had lost the connection to",
		before: ofAgent(func(a *agent, r *history.Record) bool {
			return !a.connected() && a.visited[r.Store] && a.store == r.Store
		}),
	},
	{
		Name: "reconnect-late", verbs: on(history.Connect),
		Sentence: "an agent connected again after more than a minute without a replica",
		before: ofAgent(func(a *agent, r *history.Record) bool {
			return len(a.visited) > 0 && !a.connected() && r.At-a.lost > time.Minute
		}),
	},
	{
		Name: "two-replicas-at-once", verbs: on(history.Connect),
		Sentence: "an agent opened a connection with a replica while it had one with another",
		before:   ofAgent(func(a *agent, r *history.Record) bool { return a.connected() && a.open[r.Peer] == 0 }),
	},
	{
		Name: "all-agents-on-one-replica", verbs: on(history.Connect),
		Sentence: "the last agent to connect made one replica serve every agent while others were ready too",
		after: func(w *world, r *history.Record) bool {
			return w.count(isReady) > 1 && len(w.agents) > 1 && w.agent(r.Actor).open[r.Peer] == 1 &&
				!w.anyAgent(func(a *agent) bool { return a.open[r.Peer] == 0 })
		},
	},
	{
		Name: "dead-replica-noticed-late", verbs: on(history.Disconnect),
		Sentence: "an agent gave up a connection more than 10 s after the etcd behind it had ended",
		before: func(w *world, r *history.Record) bool {
			s := w.stores[r.Store]
			if s == nil || s.replica.etcdUp && s.replica.store == s {
				return false
			}
			return r.At-s.left > long
		},
	},
	{
		Name: "connection-timed-out", verbs: on(history.Disconnect),
		Sentence: "an agent gave up a connection by timeout",
		before:   func(_ *world, r *history.Record) bool { return r.Value == "timeout" },
	},
	{
		Name: "connection-lost-before-lists", verbs: on(history.Disconnect),
		Sentence: "an agent lost its connection before it had listed all kinds from the store",
		before:   ofAgent(func(a *agent, r *history.Record) bool { return a.latest == r.Peer && a.listed != allKinds }),
	},
}
