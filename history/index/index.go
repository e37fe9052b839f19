// Package index takes a history apart, once for all who ask: what each process lived
// through, what was true of each entry, what each agent saw of it, what the stores and
// the kube-apiservers applied and answered, and the watches of both. It judges nothing.
//
// An index is read by several at once only if none of them asks for a scope of a
// KubeKind or for the projections, which are built when they are first asked for.
package index

import (
	"sort"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// Index is what happened in a run, taken apart once for all who ask.
type Index struct {
	History *history.History // as it was read
	Records []history.Record // until the run's end, each change of a view with its session
	Left    []history.Record // what was counted after it
	Views   *Views
	Stores  []*Store // in the order in which they first occur
	Faults  []*Fault // in order of their beginning
	Watches Watches
	Leases  Leases
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
		History: h, Records: records, Left: h.Records[end:], Views: indexViews(records), Stores: indexStores(records),
		Faults: indexFaults(records), Watches: indexWatches(records), Leases: indexLeases(records), kube: indexKube(records),
	}
}

// Store returns a store by its name: one without an actor if the history has none of it.
func (x *Index) Store(name string) *Store {
	for _, s := range x.Stores { // there are few
		if s.Name == name {
			return s
		}
	}
	return &Store{Name: name, Versions: map[string][]Version{}}
}

// Last returns the last of the records from..before-1 of which is holds, or -1.
func (x *Index) Last(from, before int, is func(*history.Record) bool) int {
	for i := before - 1; i >= from; i-- {
		if is(&x.Records[i]) {
			return i
		}
	}
	return -1
}

// First returns the first of the records from..before-1 of which is holds, or -1.
func (x *Index) First(from, before int, is func(*history.Record) bool) int {
	for i := from; i < before; i++ {
		if is(&x.Records[i]) {
			return i
		}
	}
	return -1
}

// By returns how many records there are by an instant.
func (x *Index) By(at time.Duration) int {
	return sort.Search(len(x.Records), func(i int) bool { return x.Records[i].At > at })
}
