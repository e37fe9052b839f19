package coverage

import (
	"slices"
	"sort"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// entry is what was true of an entry of views before the record that is looked at, as far as
// its owners are concerned.
type entry struct {
	number  int32
	truths  []int32           // the records that lie ahead
	owners  map[string]string // content by owner
	values  map[string]claim  // by content
	last    string            // the owner that claimed it last
	content string            // and its content
	began   time.Duration     // when the entry last came into being
	ended   time.Duration     // when nothing claimed it any more
	claimed int               // how often it came into being
}

// claim is a content of an entry.
type claim struct {
	owners int
	since  time.Duration // that it is true, or not true any more
}

var nothing = entry{number: -1}

// entry returns an empty one of which nothing is known.
func (w *world) entry(kind, key string) *entry {
	id, known := w.history.Views.Number(kind, key)
	if !known {
		return &nothing
	}
	e := w.entries[id]
	if e == nil {
		e = &entry{number: id, truths: w.history.Views.Entries[id].Truths, owners: map[string]string{}, values: map[string]claim{}}
		w.entries[id] = e
	}
	for ; len(e.truths) > 0 && e.truths[0] < w.record; e.truths = e.truths[1:] {
		e.apply(&w.history.Records[e.truths[0]])
	}
	return e
}

func (e *entry) apply(r *history.Record) {
	before := len(e.owners)
	if old, claimed := e.owners[r.Owner]; claimed {
		e.count(old, -1, r.At)
		delete(e.owners, r.Owner)
	}
	if r.Op == "put" {
		e.owners[r.Owner] = r.Value
		e.count(r.Value, 1, r.At)
		e.last, e.content = r.Owner, r.Value
	}
	switch {
	case before == 0 && e.live():
		e.began = r.At
		e.claimed++
	case before > 0 && !e.live():
		e.ended = r.At
	}
}

// count counts an owner of a content.
func (e *entry) count(value string, more int, at time.Duration) {
	c := e.values[value]
	before := c.owners > 0
	c.owners += more
	if before != (c.owners > 0) {
		c.since = at
	}
	e.values[value] = c
}

func (e *entry) live() bool { return len(e.owners) > 0 }

// goneFor tells whether nothing has claimed the entry for longer than a time, though
// something had.
func (e *entry) goneFor(long, now time.Duration) bool {
	return e.claimed > 0 && !e.live() && now-e.ended > long
}

// outdated returns for how long a content has not been true any more. It is false
// for one that is true, or never was.
func (e *entry) outdated(value string, now time.Duration) (time.Duration, bool) {
	c, known := e.values[value]
	if !known || c.owners > 0 {
		return 0, false
	}
	return now - c.since, true
}

// live returns how many entries of a kind somebody claims before the record.
func (w *world) live(kind string) (n int) {
	for i := range w.history.Views.Entries {
		e := &w.history.Views.Entries[i]
		state := sort.Search(len(e.States), func(s int) bool { return e.States[s].Record >= w.record }) - 1
		if e.Kind == kind && !index.Covers(e.Absent, int32(state)) {
			n++
		}
	}
	return n
}

// shown returns what an agent's view or its host's datapath has of an entry.
func (w *world) shown(a *agent, l index.Layer, e *entry) index.Held {
	if e.number < 0 || a.number < 0 {
		return index.Held{}
	}
	return w.views.Of(w.history.Views, a.number, l, e.number)
}

// has tells whether an agent has an entry in view.
func (w *world) has(a *agent, e *entry) bool { return w.shown(a, index.View, e).Shown }

// held tells whether an agent has an entry in view.
func (w *world) held(e *entry) bool { return w.anyAgent(func(a *agent) bool { return w.has(a, e) }) }

// viewed returns how many entries of a kind an agent has in view.
func (w *world) viewed(a *agent, kind string) (n int) {
	for id := range w.history.Views.Entries {
		if w.history.Views.Entries[id].Kind == kind && w.has(a, &entry{number: int32(id)}) {
			n++
		}
	}
	return n
}

// stored returns how many keys of a view kind a store has.
func (w *world) stored(name, kind string) (n int) {
	s := w.history.Store(name)
	for key, versions := range s.Versions {
		if w.history.Records[versions[0].Record].Kind != kind {
			continue
		}
		if v := s.Before(key, w.record); v != nil && !v.Deleted {
			n++
		}
	}
	return n
}

// begun tells whether a key of a view has changed in a store.
func (w *world) begun(s *store) bool {
	return slices.ContainsFunc(w.history.Store(s.name).Changes, func(i int32) bool {
		_, viewed := kindNumber(w.history.Records[i].Kind)
		return viewed && i < w.record
	})
}

// claimEnded tells whether a claim has ended since a record.
func (w *world) claimEnded(since int32) bool {
	return w.history.First(int(since), int(w.record), func(r *history.Record) bool { return r.Verb == history.Truth && r.Op == "del" }) >= 0
}
