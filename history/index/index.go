// Package index takes a history apart, once for all who ask: what each process lived
// through, what was true of each entry, what each agent saw of it, what the stores and
// the kube-apiservers applied and answered, and the watches of both. It judges nothing.
//
// An index is read by several at once only if none of them asks for a scope of a
// KubeKind or for the projections, which are built when they are first asked for.
package index

import "github.com/meshcheck/meshcheck/history"

// Index is what happened in a run, taken apart once for all who ask.
type Index struct {
	History *history.History // as it was read
	Records []history.Record // until the run's end, each change of a view with its session
	Left    []history.Record // what was counted after it
	Views   *Views
	Stores  []*Store // in the order in which they first occur
	Watches Watches
	kube    map[string]*KubeKind // by name of the kind

	projections *Projections // once they were asked for
}

// New takes a history apart.
func New(h *history.History) *Index {
	end := len(h.Records)
	for end > 0 && h.Records[end-1].Verb == history.Left {
		end--
	}
	records := withSessions(h.Records[:end])
	return &Index{
		History: h, Records: records, Left: h.Records[end:], Views: IndexViews(records), Stores: indexStores(records),
		Watches: indexWatches(records), kube: indexKube(records),
	}
}

// Store returns a store by its name: one without changes if the history has none of it.
func (x *Index) Store(name string) *Store {
	for _, s := range x.Stores { // there are few
		if s.Name == name {
			return s
		}
	}
	return &Store{Name: name, Versions: map[string][]Version{}}
}
