package coverage

import (
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// programmedEarlier tells whether an earlier life of the agent has programmed what changes.
func programmedEarlier(w *world, r *history.Record) bool {
	a, e := w.agent(r.Actor), w.entry(r.Kind, r.Key)
	held := w.shown(a, index.Datapath, e)
	return held.Shown && held.Record < a.start
}

// goneForLong tells whether nothing has claimed an entry for more than 10 s that is changed.
func goneForLong(w *world, r *history.Record) bool {
	return w.entry(r.Kind, r.Key).goneFor(long, r.At)
}

var agentMarks = []Mark{
	{
		Name: "agent-start-replica-down", verbs: on(history.Up),
		Sentence: "an agent started again while the replica that it had been connected with was down",
		before: func(w *world, r *history.Record) bool {
			a := w.agent(r.Actor)
			return isUp(r, "agent") && a.latest != "" && !w.replica(a.latest).etcdUp
		},
	},
	{
		Name: "agent-start-none-ready", verbs: on(history.Up),
		Sentence: "an agent started again while no replica was ready",
		before: func(w *world, r *history.Record) bool {
			return isUp(r, "agent") && r.Inc > 1 && w.count(isReady) == 0
		},
	},
	{
		Name: "agents-down-together", verbs: on(history.Down),
		Sentence: "several agents were down at once",
		after: func(w *world, r *history.Record) bool {
			down := 0
			for _, a := range w.agents {
				if !a.up {
					down++
				}
			}
			return r.Kind == "agent" && down > 1
		},
	},
	{
		Name: "agent-down-before-synced", verbs: on(history.Down),
		Sentence: "an agent ended before its datapath was regenerated from what it knew",
		before:   func(w *world, r *history.Record) bool { return isDown(r, "agent") && !w.agent(r.Actor).synced },
	},
	{
		Name: "synced-by-timeout", verbs: on(history.Synced),
		Sentence: "an agent stopped waiting for its complete lists and regenerated its datapath without them",
		before:   func(_ *world, r *history.Record) bool { return r.Value == "timeout" },
	},
	{
		Name: "synced-without-replica", verbs: on(history.Synced),
		Sentence: "an agent regenerated its datapath while it was connected with no replica",
		before:   func(w *world, r *history.Record) bool { return !w.agent(r.Actor).connected() },
	},
	{
		Name: "unprogrammed-after-restart", verbs: on(history.Unprogram),
		Sentence: "an entry left a datapath that an earlier life of the agent had programmed",
		before:   programmedEarlier,
	},
	{
		Name: "reprogrammed-after-restart", verbs: on(history.Program),
		Sentence: "an entry that an earlier life of the agent had programmed changed in the datapath",
		before:   programmedEarlier,
	},
	{
		Name: "saw-outdated-content", verbs: on(history.See),
		Sentence: "an agent saw a content that had not been true for more than 10 s",
		before: func(w *world, r *history.Record) bool {
			ago, outdated := w.entry(r.Kind, r.Key).outdated(r.Value, r.At)
			return outdated && ago > long
		},
	},
	{
		Name: "saw-gone-entry", verbs: on(history.See),
		Sentence: "an entry came into a view more than 10 s after nothing claimed it any more",
		before:   goneForLong,
	},
	{
		Name: "saw-late", verbs: on(history.See),
		Sentence: "an agent that was synced saw a content more than 10 s after it had become true",
		before: func(w *world, r *history.Record) bool {
			c := w.entry(r.Kind, r.Key).values[r.Value]
			return w.agent(r.Actor).synced && c.owners > 0 && r.At-c.since > long
		},
	},
	{
		Name: "dropped-true-entry", verbs: on(history.Drop),
		Sentence: "an entry left a view while it was true",
		before:   func(w *world, r *history.Record) bool { return w.entry(r.Kind, r.Key).live() },
	},
	{
		Name: "dropped-late", verbs: on(history.Drop),
		Sentence: "an entry left a view more than 10 s after nothing claimed it any more",
		before:   goneForLong,
	},
	{
		Name: "dropped-while-disconnected", verbs: on(history.Drop),
		Sentence: "an entry left the view of an agent that was connected with no replica, as when what it knows grows too old",
		before:   func(w *world, r *history.Record) bool { return !w.agent(r.Actor).connected() },
	},
}
