package coverage

import (
	"time"

	"github.com/meshcheck/meshcheck/history"
)

type entryKey struct{ kind, key string }

// truth is what is true of the entries of views.
type truth struct {
	entries map[entryKey]*entry
	live    [views]int // entries that somebody claims, by view kind
	ended   int        // how many claims have ended so far
}

// entry is what is true of one entry, and who has it in view.
type entry struct {
	owners  map[string]string // content by owner
	values  map[string]claim  // by content
	last    string            // the owner that claimed it last
	content string            // and its content
	began   time.Duration     // when the entry last came into being
	ended   time.Duration     // when nothing claimed it any more
	claimed int               // how often it came into being
	holders int               // agents that have it in view
}

// claim is a content of an entry.
type claim struct {
	owners int
	since  time.Duration // that it is true, or not true any more
}

func newTruth() truth { return truth{entries: map[entryKey]*entry{}} }

// entry returns an empty one for a key that no record has.
func (t *truth) entry(key entryKey) *entry {
	if e := t.entries[key]; e != nil {
		return e
	}
	return &nothing
}

var nothing entry

func (t *truth) makeEntry(key entryKey) *entry {
	e := t.entries[key]
	if e == nil {
		e = &entry{owners: map[string]string{}, values: map[string]claim{}}
		t.entries[key] = e
	}
	return e
}

func (t *truth) apply(r *history.Record) {
	e := t.makeEntry(entryKey{r.Kind, r.Key})
	before := len(e.owners)
	if old, claimed := e.owners[r.Owner]; claimed {
		e.release(old, r.At)
		delete(e.owners, r.Owner)
	}
	if r.Op == "put" {
		e.owners[r.Owner] = r.Value
		e.hold(r.Value, r.At)
		e.last, e.content = r.Owner, r.Value
	} else {
		t.ended++
	}
	n, viewed := kindNumber(r.Kind)
	if !viewed {
		return
	}
	switch {
	case before == 0 && len(e.owners) > 0:
		e.began = r.At
		e.claimed++
		t.live[n]++
	case before > 0 && len(e.owners) == 0:
		e.ended = r.At
		t.live[n]--
	}
}

func (e *entry) hold(value string, at time.Duration) {
	c := e.values[value]
	if c.owners++; c.owners == 1 {
		c.since = at
	}
	e.values[value] = c
}

func (e *entry) release(value string, at time.Duration) {
	c := e.values[value]
	if c.owners--; c.owners == 0 {
		c.since = at
	}
	e.values[value] = c
}

func (e *entry) live() bool { return len(e.owners) > 0 }

// outdated returns for how long a content has not been true any more. It is false
// for one that is true, or never was.
func (e *entry) outdated(value string, now time.Duration) (time.Duration, bool) {
	c, known := e.values[value]
	if !known || c.owners > 0 {
		return 0, false
	}
	return now - c.since, true
}
