package coverage

import (
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// awaySince tells whether a writer has been away from before an instant until now:
// down, frozen, or cut off from every kube-apiserver.
func (w *world) awaySince(at time.Duration) bool {
	return w.count(func(host *replica) bool { return host.etcds > 0 && host.writer.away && host.writer.since <= at }) > 0
}

// remakes tells whether a record makes a namespace again, and when that was deleted.
func (w *world) remakes(r *history.Record) (deleted time.Duration, again bool) {
	if r.Kind != "Namespace" || r.Op != "create" {
		return 0, false
	}
	last := w.written(r)
	if last == nil || last.Op != "delete" {
		return 0, false
	}
	return last.At, true
}

// Unobserved: something happens and is undone while who should see it is away.
var awayMarks = []Mark{
	{
		Name: "namespace-remade-behind-writer", verbs: on(history.Write),
		Sentence: "a namespace was deleted and made again while a writer was away",
		before: func(w *world, r *history.Record) bool {
			deleted, again := w.remakes(r)
			return again && w.awaySince(deleted)
		},
	},
	{
		Name: "namespace-remade", verbs: on(history.Write),
		Sentence: "a namespace was made again after it had been deleted",
		before: func(w *world, r *history.Record) bool {
			_, again := w.remakes(r)
			return again
		},
	},
	{
		Name: "entry-passed-behind-writer", verbs: on(history.Truth),
		Sentence: "an entry came and went while a writer was away",
		before: func(w *world, r *history.Record) bool {
			e, releases := w.releases(r)
			return releases && len(e.owners) == 1 && w.awaySince(e.began)
		},
	},
	{
		Name: "entry-remade-behind-writer", verbs: on(history.Truth),
		Sentence: "an entry went and came back while a writer was away",
		before: func(w *world, r *history.Record) bool {
			e, again := w.reclaims(r, r.Kind)
			return again && w.awaySince(e.ended)
		},
	},
	{
		Name: "deletion-behind-every-writer", verbs: on(history.Truth),
		Sentence: "an entry went while every writer was away",
		before: func(w *world, r *history.Record) bool {
			away := w.count(func(host *replica) bool { return host.writer.away })
			return r.Op == "del" && away > 0 && away == len(w.replicas)
		},
	},
	{
		Name: "entry-passed-behind-agent", verbs: on(history.Truth),
		Sentence: "an entry came and went while an agent was down or connected with no replica",
		before: func(w *world, r *history.Record) bool {
			e, releases := w.releases(r)
			return releases && len(e.owners) == 1 && w.anyAgent(func(a *agent) bool {
				return !a.connected() && a.inc > 0 && a.lost > 0 && a.lost <= e.began
			})
		},
	},
}
