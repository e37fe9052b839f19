package agent

import (
	"sync"
	"sync/atomic"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// View is what an agent believes the cluster to be, whatever the source that it is
// fed from. An ingestion adapter per source and kind turns what the source says
// into Set and Delete. It may be used by several goroutines.
//
// Every change is recorded in the history, in the order in which it is made.
type View struct {
	record recordFunc

	mu         sync.Mutex
	entries    map[entryID]string // contents
	closed     atomic.Bool
	compared   *truth.Ledger     // with which the view is compared
	comparison *truth.Comparison // nil before the first Equal
}

// recordFunc records a change of a view or a datapath.
type recordFunc func(from Learned, verb history.Verb, kind, key, value string)

type entryID struct{ kind, key string }

func newView(record recordFunc) *View {
	return &View{record: record, entries: map[entryID]string{}}
}

// Set makes e an entry of the view. Content that is there already is no change.
func (v *View) Set(from Learned, e truth.Entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	id := entryID{e.Kind, e.Key}
	if old, ok := v.entries[id]; v.closed.Load() || ok && old == e.Value {
		return
	}
	v.entries[id] = e.Value
	v.record(from, history.See, e.Kind, e.Key, e.Value)
	if v.comparison != nil {
		v.comparison.Show(e)
	}
}

// Delete removes an entry from the view. One that is not there is still recorded:
// the code under test asked to delete what the agent never had.
func (v *View) Delete(from Learned, kind, key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed.Load() {
		return
	}
	delete(v.entries, entryID{kind, key})
	v.record(from, history.Drop, kind, key, "")
	if v.comparison != nil {
		v.comparison.Hide(kind, key)
	}
}

// close ends the view: its agent is gone, and whatever its goroutines still do is
// seen by nobody.
func (v *View) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed.Store(true)
	v.entries = nil
	v.endComparison()
}

func (v *View) endComparison() {
	if v.comparison != nil {
		v.comparison.End()
		v.comparison, v.compared = nil, nil
	}
}

// Has reports whether the view has an entry.
func (v *View) Has(kind, key string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.entries[entryID{kind, key}]
	return ok
}

// Equal reports whether the view is what the ledger's objects make true. The first
// call compares every entry, and what changes from then on is compared as it does.
// A view that was closed is equal to nothing.
func (v *View) Equal(l *truth.Ledger) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed.Load() {
		return false
	}
	if v.compared != l {
		v.endComparison()
		v.compared, v.comparison = l, l.Compare()
		for id, content := range v.entries {
			v.comparison.Show(truth.Entry{Kind: id.kind, Key: id.key, Value: content})
		}
	}
	return v.comparison.Wrong() == 0
}
