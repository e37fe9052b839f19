package coverage

import (
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// claims tells whether an owner makes a claim that it did not make just before.
func (w *world) claims(r *history.Record) (*entry, bool) {
	e := w.entry(r.Kind, r.Key)
	_, had := e.owners[r.Owner]
	return e, r.Op == "put" && !had
}

// releases tells whether an owner ends its claim of an entry.
func (w *world) releases(r *history.Record) (*entry, bool) {
	e := w.entry(r.Kind, r.Key)
	_, had := e.owners[r.Owner]
	return e, r.Op == "del" && had
}

// reclaims tells whether an entry comes back that nothing claimed for a while.
func (w *world) reclaims(r *history.Record, kind string) (*entry, bool) {
	e, claims := w.claims(r)
	return e, claims && r.Kind == kind && e.claimed > 0 && !e.live()
}

func comesBack(kind string) predicate {
	return func(w *world, r *history.Record) bool {
		_, again := w.reclaims(r, kind)
		return again
	}
}

// newOwner tells whether an IP gets a new owner after another one, which may still have it.
func (w *world) newOwner(r *history.Record) (*entry, bool) {
	e, claims := w.claims(r)
	return e, claims && r.Kind == history.Endpoint && e.last != "" && e.last != r.Owner
}

var truthMarks = []Mark{
	{
		Name: "two-owners", verbs: on(history.Truth),
		Sentence: "two owners claimed one key at once",
		before: func(w *world, r *history.Record) bool {
			e, claims := w.claims(r)
			return claims && e.live()
		},
	},
	{
		Name: "two-owners-first-goes-first", verbs: on(history.Truth),
		Sentence: "of two owners of one key, the one that claimed it first ended its claim first",
		before: func(w *world, r *history.Record) bool {
			e, releases := w.releases(r)
			return releases && len(e.owners) > 1 && e.last != r.Owner
		},
	},
	{
		Name: "ip-reused-in-view", verbs: on(history.Truth),
		Sentence: "an IP got a new owner while an agent had the old one in view",
		before: func(w *world, r *history.Record) bool {
			e, another := w.newOwner(r)
			return another && w.held(e)
		},
	},
	{
		Name: "ip-reused-at-once", verbs: on(history.Truth),
		Sentence: "an IP got a new owner within a second after the old one was gone",
		before: func(w *world, r *history.Record) bool {
			e, again := w.reclaims(r, history.Endpoint)
			return again && e.last != r.Owner && r.At-e.ended <= time.Second
		},
	},
	{
		Name: "ip-reused-behind-agent", verbs: on(history.Truth),
		Sentence: "an IP got a new owner while an agent that was connected with no replica had the old one in view",
		before: func(w *world, r *history.Record) bool {
			_, another := w.newOwner(r)
			return another && w.unconnectedHolder(r)
		},
	},
	{
		Name: "same-pod-again", verbs: on(history.Truth),
		Sentence: "an IP came back to the owner that had it before",
		before: func(w *world, r *history.Record) bool {
			e, again := w.reclaims(r, history.Endpoint)
			return again && e.last == r.Owner
		},
	},
	{
		Name: "endpoint-changed-behind-agent", verbs: on(history.Truth),
		Sentence: "an endpoint changed while an agent that was connected with no replica had it in view",
		before: func(w *world, r *history.Record) bool {
			_, claims := w.claims(r)
			return !claims && r.Op == "put" && r.Kind == history.Endpoint && w.unconnectedHolder(r)
		},
	},
	{
		Name: "identity-again", verbs: on(history.Truth),
		Sentence: "an identity's number came back after nothing had claimed it",
		before:   comesBack(history.Identity),
	},
	{
		Name: "identity-reused", verbs: on(history.Truth),
		Sentence: "an identity's number came back with other labels",
		before: func(w *world, r *history.Record) bool {
			e, again := w.reclaims(r, history.Identity)
			return again && e.content != r.Value
		},
	},
	{
		Name: "node-again", verbs: on(history.Truth),
		Sentence: "a node was made again after it had been deleted",
		before:   comesBack(history.Node),
	},
	{
		Name: "entry-too-short", verbs: on(history.Truth),
		Sentence: "an entry came and went before any agent saw it",
		before: func(w *world, r *history.Record) bool {
			e, releases := w.releases(r)
			return releases && len(e.owners) == 1 && !w.held(e) && len(w.agents) > 0
		},
	},
}

// unconnectedHolder tells whether an agent without a replica has the entry in view.
func (w *world) unconnectedHolder(r *history.Record) bool {
	e := w.entry(r.Kind, r.Key)
	return w.anyAgent(func(a *agent) bool { return a.up && !a.connected() && w.has(a, e) })
}
