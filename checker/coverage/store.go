package coverage

import (
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// leaseEnds tells whether a key of a view goes without a client that deletes it.
func (w *world) leaseEnds(r *history.Record) bool {
	if _, viewed := kindNumber(r.Kind); !viewed {
		return false
	}
	s := w.history.Store(r.Store) // deletions are answered before or after the change
	return !s.Requested(w.history.Records, r.Key, r.Rev) && !s.Uncertain(w.history.Records, r.Key)
}

var storeMarks = []Mark{
	{
		Name: "lease-ended", verbs: on(history.Del),
		Sentence: "a key left a store without a client that deleted it: its lease had ended",
		before:   func(w *world, r *history.Record) bool { return w.leaseEnds(r) },
	},
	{
		Name: "lease-ended-under-writer", verbs: on(history.Del),
		Sentence: "a lease ended whose writer lived",
		before:   func(w *world, r *history.Record) bool { return w.leaseEnds(r) && w.replica(r.Actor).writer.up },
	},
	{
		Name: "late-write", verbs: on(history.Put),
		Sentence: "a store got a content more than 10 s after it had become true, from a writer that was through its first sync",
		before: func(w *world, r *history.Record) bool {
			e := w.entry(r.Kind, schema.NameIn(r.Key))
			c := e.values[r.Value]
			return w.replica(r.Actor).writer.synced == allKinds && c.owners > 0 && r.At-c.since > long
		},
	},
	{
		Name: "outdated-write", verbs: on(history.Put),
		Sentence: "a store got a content that had not been true for more than a second",
		before: func(w *world, r *history.Record) bool {
			ago, outdated := w.entry(r.Kind, schema.NameIn(r.Key)).outdated(r.Value, r.At)
			return outdated && ago > time.Second
		},
	},
	{
		Name: "late-deletion", verbs: on(history.Del),
		Sentence: "a key left a store more than 10 s after nothing claimed its entry any more",
		before: func(w *world, r *history.Record) bool {
			return w.entry(r.Kind, schema.NameIn(r.Key)).goneFor(long, r.At)
		},
	},
	{
		Name: "live-key-deleted", verbs: on(history.Del),
		Sentence: "a key left a store while its entry was true",
		before: func(w *world, r *history.Record) bool {
			return w.entry(r.Kind, schema.NameIn(r.Key)).live()
		},
	},
	{
		Name: "put-back-at-once", verbs: on(history.Put),
		Sentence: "a key came back to a store within a second of its deletion",
		before: func(w *world, r *history.Record) bool {
			was := w.was(r)
			return was != nil && was.Deleted && r.At-w.history.Records[was.Record].At <= time.Second
		},
	},
	{
		Name: "unchanged-put", verbs: on(history.Put),
		Sentence: "a key of a view was put with the content that it had",
		before: func(w *world, r *history.Record) bool {
			was := w.was(r)
			return was != nil && !was.Deleted && w.history.Records[was.Record].Value == r.Value
		},
	},
	{
		Name: "request-outcome-unknown", verbs: on(history.Call),
		Sentence: "a put or delete failed at a client that cannot know whether it happened",
		before:   func(_ *world, r *history.Record) bool { return r.Err != "" && r.Op != "other" },
	},
	{
		Name: "list-from-filling-store", verbs: on(history.Call),
		Sentence: "an agent got a complete list of identities, endpoints or nodes from a store whose first sync was not complete",
		before: func(w *world, r *history.Record) bool {
			return lists(r) && w.store(r.Store).filling()
		},
	},
	{
		Name: "list-from-store-without-writer", verbs: on(history.Call),
		Sentence: "an agent got a complete list of identities, endpoints or nodes from a store whose writer was down",
		before:   func(w *world, r *history.Record) bool { return lists(r) && !w.replica(r.Actor).writer.up },
	},
	{
		Name: "list-again", verbs: on(history.Call),
		Sentence: "an agent listed the same kind twice from the same store in one life",
		before: func(w *world, r *history.Record) bool {
			return lists(r) && w.agent(r.Peer).lists[listKey{r.Store, r.Key}].times > 0
		},
	},
	{
		Name: "list-again-after-compaction", verbs: on(history.Call),
		Sentence: "an agent listed the same kind again from the same store after the store had been compacted, as when its watch is refused",
		before: func(w *world, r *history.Record) bool {
			last := w.agent(r.Peer).lists[listKey{r.Store, r.Key}]
			return lists(r) && last.times > 0 && w.replica(r.Actor).compacted >= last.last
		},
	},
	{
		Name: "list-in-pages", verbs: on(history.Call),
		Sentence: "an agent's list was answered in more than one page",
		before: func(_ *world, r *history.Record) bool {
			return r.Op == "range" && r.More && mode.Agent.Is(r.Peer)
		},
	},
	{
		Name: "lists-of-one-agent-apart", verbs: on(history.Call),
		Sentence: "an agent's first lists of two kinds from one store were more than a second apart",
		before: func(w *world, r *history.Record) bool {
			a := w.agent(r.Peer)
			return lists(r) && a.listed != 0 && a.listed != allKinds && r.At-a.lastList > time.Second
		},
	},
}

// lists tells whether a record is the end of an agent's list of a view kind.
func lists(r *history.Record) bool {
	_, viewed := kindOf(r.Key)
	return viewed && r.Op == "range" && r.End != "" && !r.More && mode.Agent.Is(r.Peer)
}
