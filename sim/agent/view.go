package agent

import (
	"fmt"
	"sync/atomic"

	"github.com/cilium/statedb"
	"github.com/cilium/statedb/index"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// View is what an agent believes the cluster to be: one statedb table, whatever
// the source that it is fed from. An ingestion adapter per source and kind turns
// what the source says into Set and Delete; consumers read the table.
//
// Every change is recorded in the history in the same transaction.
type View struct {
	db     *statedb.DB
	table  statedb.RWTable[truth.Entry]
	record func(verb history.Verb, kind, key, value string)
	closed atomic.Bool

	comparison atomic.Pointer[truth.Comparison] // nil before the first Equal; changed in a write transaction
}

var entryIndex = statedb.Index[truth.Entry, string]{
	Name:       "id",
	FromObject: func(e truth.Entry) index.KeySet { return index.NewKeySet(index.String(entryID(e.Kind, e.Key))) },
	FromKey:    index.String,
	FromString: index.FromString,
	Unique:     true,
}

func entryID(kind, key string) string { return kind + "/" + key }

func newView(record func(verb history.Verb, kind, key, value string)) (*View, error) {
	db := statedb.New()
	table, err := statedb.NewTableAny(db, "view",
		func() []string { return []string{"Kind", "Key", "Content"} },
		func(e truth.Entry) []string { return []string{e.Kind, e.Key, e.Value} },
		entryIndex)
	if err != nil {
		return nil, fmt.Errorf("view: %w", err)
	}
	return &View{db: db, table: table, record: record}, nil
}

// Set makes e an entry of the view. Content that is there already is no change.
func (v *View) Set(e truth.Entry) {
	txn := v.db.WriteTxn(v.table)
	defer txn.Abort()
	if v.closed.Load() {
		return
	}
	if old, _, ok := v.table.Get(txn, entryIndex.Query(entryID(e.Kind, e.Key))); ok && old == e {
		return
	}
	if _, _, err := v.table.Insert(txn, e); err != nil {
		panic(fmt.Sprintf("view: inserting %v: %v", e, err)) // the table is open and the object valid
	}
	v.record(history.See, e.Kind, e.Key, e.Value)
	if c := v.comparison.Load(); c != nil {
		c.Show(e)
	}
	txn.Commit()
}

// Delete removes an entry from the view. One that is not there is still recorded:
// the code under test asked to delete what the agent never had.
func (v *View) Delete(kind, key string) {
	txn := v.db.WriteTxn(v.table)
	defer txn.Abort()
	if v.closed.Load() {
		return
	}
	if _, _, err := v.table.Delete(txn, truth.Entry{Kind: kind, Key: key}); err != nil {
		panic(fmt.Sprintf("view: deleting %s %s: %v", kind, key, err))
	}
	v.record(history.Drop, kind, key, "")
	if c := v.comparison.Load(); c != nil {
		c.Hide(kind, key)
	}
	txn.Commit()
}

// close ends the view: its agent is gone, and whatever its goroutines still do is
// seen by nobody.
func (v *View) close() {
	txn := v.db.WriteTxn(v.table)
	defer txn.Abort()
	v.closed.Store(true)
	v.endComparison()
}

// Has reports whether the view has an entry.
func (v *View) Has(kind, key string) bool {
	_, _, ok := v.table.Get(v.db.ReadTxn(), entryIndex.Query(entryID(kind, key)))
	return ok
}

// Equal reports whether the view is what the ledger's objects make true. The first
// call compares every entry, and what changes from then on is compared as it does.
// A view that was closed is equal to nothing.
func (v *View) Equal(l *truth.Ledger) bool {
	c := v.comparison.Load()
	if c == nil || !c.With(l) {
		if c = v.compare(l); c == nil {
			return false
		}
	}
	return c.Wrong() == 0
}

// compare begins the comparison with a ledger, in place of any other.
func (v *View) compare(l *truth.Ledger) *truth.Comparison {
	txn := v.db.WriteTxn(v.table) // nobody changes the view meanwhile
	defer txn.Abort()
	v.endComparison()
	if v.closed.Load() {
		return nil
	}
	c := l.Compare()
	for e := range v.table.All(txn) {
		c.Show(e)
	}
	v.comparison.Store(c)
	return c
}

func (v *View) endComparison() {
	if c := v.comparison.Swap(nil); c != nil {
		c.End()
	}
}
