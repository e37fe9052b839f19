package truth

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/meshcheck/meshcheck/history"
)

// Ledger knows which object claims which entries at present. It may be used by
// several goroutines.
type Ledger struct {
	mu          sync.Mutex
	claims      map[string]map[claimKey]string // by owner
	byKey       map[claimKey]*claimed          // of keys that are claimed, or shown by a comparison
	keys        int                            // that are claimed
	comparisons []*Comparison                  // by place; nil where there is none
}

type claimKey struct{ kind, key string }

// NewLedger returns a ledger in which nothing is claimed.
func NewLedger() *Ledger {
	return &Ledger{claims: map[string]map[claimKey]string{}, byKey: map[claimKey]*claimed{}}
}

// Set replaces what the owner ("Kind/namespace/name") claims, by nothing if
// entries is empty, and returns the difference as Truth records without At,
// Actor and RV: first what is claimed anew or differently, in the order of
// entries, then what is no longer claimed, by kind and key.
func (l *Ledger) Set(owner string, entries []Entry) []history.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.claims[owner]
	now := make(map[claimKey]string, len(entries))
	for _, e := range entries {
		now[claimKey{e.Kind, e.Key}] = e.Value
	}
	said := map[claimKey]bool{}
	var changes []history.Record
	for _, e := range entries {
		k := claimKey{e.Kind, e.Key}
		if was, ok := old[k]; now[k] != e.Value || said[k] || ok && was == e.Value {
			continue
		}
		said[k] = true
		changes = append(changes, history.Record{Verb: history.Truth, Op: "put", Kind: e.Kind, Key: e.Key, Value: e.Value, Owner: owner})
	}
	gone := slices.SortedFunc(maps.Keys(old), func(a, b claimKey) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key))
	})
	for _, k := range gone {
		if _, ok := now[k]; !ok {
			changes = append(changes, history.Record{Verb: history.Truth, Op: "del", Kind: k.kind, Key: k.key, Value: old[k], Owner: owner})
		}
	}
	l.index(owner, changes)
	if len(now) == 0 {
		delete(l.claims, owner)
	} else {
		l.claims[owner] = now
	}
	return changes
}

func (l *Ledger) index(owner string, changes []history.Record) {
	for _, c := range changes {
		k := claimKey{c.Kind, c.Key}
		at := l.at(k)
		l.count(at, -1)
		at.contents = slices.DeleteFunc(at.contents, func(o owned) bool { return o.owner == owner })
		if c.Op == "put" {
			at.contents = append(at.contents, owned{owner, c.Value})
		}
		l.count(at, +1)
		l.forget(k, at)
	}
}

// at returns what is known of a key, which from then on is something.
func (l *Ledger) at(k claimKey) *claimed {
	at := l.byKey[k]
	if at == nil {
		at = new(claimed)
		l.byKey[k] = at
	}
	return at
}

func (l *Ledger) forget(k claimKey, at *claimed) {
	if len(at.contents) == 0 && at.shows == 0 {
		delete(l.byKey, k)
	}
}

// Keys returns how many entries are claimed, by one owner or more.
func (l *Ledger) Keys() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keys
}

// Claimed reports whether an owner claims the entry with this content.
func (l *Ledger) Claimed(e Entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.byKey[claimKey{e.Kind, e.Key}]
	return at != nil && at.has(e.Value)
}
