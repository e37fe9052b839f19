package index

import (
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// LeaseKey names a lease: its store, and its number there.
type LeaseKey struct{ Store, ID string }

// Lease is a lease of an etcd, from its grant to its end.
type Lease struct {
	LeaseKey
	Granted  int32         // the record; -1 if the history does not tell of it
	Renewed  int32         // the last record that gave it time; -1 likewise
	TTL      time.Duration // that it gave
	Renewals int
	End      int32 // the record of its expiry or revocation, or -1
}

// Leases are those of a run, in the order in which the history first tells of them.
type Leases struct {
	All   []*Lease
	byKey map[LeaseKey]*Lease
}

// Of returns a lease of a store, or nil.
func (l *Leases) Of(store, id string) *Lease { return l.byKey[LeaseKey{store, id}] }

func indexLeases(records []history.Record) Leases {
	all := Leases{byKey: map[LeaseKey]*Lease{}}
	for i := range records {
		r := &records[i]
		if r.Verb != history.Lease || r.Err != "" && r.Op != "revoke" { // a revocation may have happened all the same
			continue
		}
		k := LeaseKey{r.Store, r.Key}
		l := all.byKey[k]
		if l == nil {
			l = &Lease{LeaseKey: k, Granted: -1, Renewed: -1, End: -1}
			all.byKey[k], all.All = l, append(all.All, l)
		}
		switch ttl := ParseNumber(r.Value); {
		case r.Op == "expire", r.Op == "revoke":
			l.End = int32(i)
		case ttl > 0:
			if r.Op == "grant" {
				l.Granted = int32(i)
			} else {
				l.Renewals++
			}
			l.Renewed, l.TTL = int32(i), time.Duration(ttl)*time.Second
		}
	}
	return all
}
