package index

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Store is what one store applied and answered. An etcd that started again with its
// data goes on with its store.
type Store struct {
	Name    string
	Actor   string   // the replica whose store it is, by its first record
	Changes []int32  // Put and Del records
	Calls   []int32  // Call records
	Keys    []string // every key that a change, a call or an answer names, sorted
	// Versions are the changes of each key in the order in which they were applied.
	Versions  map[string][]Version
	Canaries  map[string]int32  // by kind of entries: the record that first put its canary
	Last      time.Duration     // instant of the store's last record: changes after it may be missing
	deletes   map[int64][]int32 // calls that deleted something, by their revision
	puts      map[int64]int32   // calls that put something, likewise
	uncertain []int32           // calls of deletions of which the client does not know the outcome
}

// Version is a change of a key.
type Version struct {
	Rev     int64
	Record  int32
	Deleted bool
	Created int64  // of a put: revision of the put that created the key
	Count   int64  // of a put: how many there were since the key was created, this one included
	Hash    string // of the value, if a Call said it
}

// indexStores returns the stores in the order in which they first occur.
func indexStores(records []history.Record) []*Store {
	byStore := map[string]*Store{}
	var etcds []*Store
	for i := range records {
		r := &records[i]
		isStore := r.Verb == history.Put || r.Verb == history.Del || r.Verb == history.Call ||
			(r.Verb == history.Up || r.Verb == history.Down) && r.Kind == "etcd"
		if !isStore {
			continue
		}
		s := byStore[r.Store]
		if s == nil {
			s = &Store{Name: r.Store, Actor: r.Actor, Versions: map[string][]Version{}, Canaries: map[string]int32{},
				deletes: map[int64][]int32{}, puts: map[int64]int32{}}
			byStore[r.Store] = s
			etcds = append(etcds, s)
		}
		s.Last = r.At
		switch r.Verb {
		case history.Put, history.Del:
			s.Changes = append(s.Changes, int32(i))
			s.Versions[r.Key] = append(s.Versions[r.Key], nextVersion(s.Versions[r.Key], int32(i), r))
			s.canary(int32(i), r)
		case history.Call:
			if r.Op != "other" {
				s.Calls = append(s.Calls, int32(i))
			}
			s.deletion(int32(i), r)
			if r.Op == "put" && r.Err == "" {
				s.puts[r.Rev] = int32(i)
			}
		}
	}
	for _, s := range etcds {
		s.learn(records)
	}
	return etcds
}

// canary notes the first put of a canary.
func (s *Store) canary(i int32, r *history.Record) {
	if r.Kind != history.Meta || r.Verb != history.Put {
		return
	}
	if kind, _ := schema.CanaryOf(r.Key); kind != nil {
		if _, known := s.Canaries[kind.Name]; !known {
			s.Canaries[kind.Name] = i
		}
	}
}

// deletion notes what came of a deletion that a client asked for.
func (s *Store) deletion(i int32, r *history.Record) {
	switch {
	case r.Op != "delete":
	case r.Err != "":
		s.uncertain = append(s.uncertain, i)
	case r.Value != "0":
		s.deletes[r.Rev] = append(s.deletes[r.Rev], i)
	}
}

// Requested reports whether a client asked for the deletion of a key at a revision, and got it.
func (s *Store) Requested(records []history.Record, key string, rev int64) bool {
	return name(records, s.deletes[rev], key)
}

// Requester is the client that asked for the deletion of a key at a revision, and got it; ""
// if there is none.
func (s *Store) Requester(records []history.Record, key string, rev int64) string {
	for _, i := range s.deletes[rev] {
		if r := &records[i]; InRange(key, r.Key, r.End) {
			return r.Peer
		}
	}
	return ""
}

// Putter is the client that put a key at a revision, and was told so; "" if there is none.
func (s *Store) Putter(records []history.Record, key string, rev int64) string {
	if i, known := s.puts[rev]; known && records[i].Key == key {
		return records[i].Peer
	}
	return ""
}

// AskedAt is when the writer asked for a put: an etcd that applies nothing for a while
// applies it later, perhaps when the writer has gone.
func (s *Store) AskedAt(records []history.Record, put *history.Record) time.Duration {
	at, unknown := put.At, false
	for _, i := range s.Calls {
		r := &records[i]
		if r.Op != "put" || r.Key != put.Key || r.From > put.At {
			continue
		}
		if r.Rev == put.Rev {
			return r.From
		}
		if r.Err != "" && !unknown {
			at, unknown = r.From, true // the first whose outcome its client never learned
		}
	}
	return at
}

// Uncertain reports whether a client asked for the deletion of a key and does not know what
// came of it.
func (s *Store) Uncertain(records []history.Record, key string) bool {
	return name(records, s.uncertain, key)
}

// name reports whether one of some calls names a key.
func name(records []history.Record, calls []int32, key string) bool {
	return slices.ContainsFunc(calls, func(i int32) bool { return InRange(key, records[i].Key, records[i].End) })
}

// InRange reports whether a key is the key from, or in the range from it to end, as etcd
// has them.
func InRange(key, from, end string) bool {
	switch end {
	case "":
		return key == from
	case "\x00":
		return key >= from
	}
	return key >= from && key < end
}

// nextVersion is what a change makes of a key with these versions.
func nextVersion(versions []Version, record int32, r *history.Record) Version {
	v := Version{Rev: r.Rev, Record: record, Deleted: r.Verb == history.Del}
	switch {
	case v.Deleted:
	case len(versions) == 0 || versions[len(versions)-1].Deleted:
		v.Created, v.Count = r.Rev, 1
	default:
		before := &versions[len(versions)-1]
		v.Created, v.Count = before.Created, before.Count+1
	}
	return v
}

// learn gathers the keys, and the hashes that acknowledged puts give to versions.
func (s *Store) learn(records []history.Record) {
	known := map[string]bool{}
	for key := range s.Versions {
		known[key] = true
	}
	for _, i := range s.Calls {
		r := &records[i]
		if r.End == "" {
			known[r.Key] = true
		}
		if r.Op == "put" && r.Err == "" {
			if v := s.VersionAt(r.Key, r.Rev); v != nil {
				v.Hash = r.Value
			}
		}
		for kv := range Answers(r) {
			known[kv.Key] = true
		}
	}
	s.Keys = make([]string, 0, len(known))
	for key := range known {
		s.Keys = append(s.Keys, key)
	}
	slices.Sort(s.Keys)
}

// VersionAt returns the version of a key that was made at the revision, or nil.
func (s *Store) VersionAt(key string, rev int64) *Version {
	v := s.VersionBy(key, rev)
	if v == nil || v.Rev != rev {
		return nil
	}
	return v
}

// VersionBy returns the last version of a key at or before the revision, or nil.
func (s *Store) VersionBy(key string, rev int64) *Version {
	return last(s.Versions[key], func(v *Version) bool { return v.Rev <= rev })
}

// last returns the last of some values for which ok holds, in an order in which it holds for
// none after one for which it does not; nil if there is none.
func last[T any](all []T, ok func(*T) bool) *T {
	i := sort.Search(len(all), func(i int) bool { return !ok(&all[i]) })
	if i == 0 {
		return nil
	}
	return &all[i-1]
}

// Before returns the last version of a key that was made before a record, or nil.
func (s *Store) Before(key string, record int32) *Version {
	return last(s.Versions[key], func(v *Version) bool { return v.Record < record })
}

// Change returns the version of a key that was made at the revision, or nil, and the
// revision of the value that it replaced, zero if there was none.
func (s *Store) Change(key string, rev int64) (v *Version, replaced int64) {
	if v = s.VersionAt(key, rev); v == nil {
		return nil, 0
	}
	if before := s.VersionBy(key, rev-1); before != nil && !before.Deleted {
		replaced = before.Rev
	}
	return v, replaced
}

// Within returns the known keys that a request names: one key, a range, or all
// from the key on, as in etcd.
func (s *Store) Within(r *history.Record) []string {
	from := sort.SearchStrings(s.Keys, r.Key)
	switch r.End {
	case "":
		if from < len(s.Keys) && s.Keys[from] == r.Key {
			return s.Keys[from : from+1]
		}
		return nil
	case "\x00":
		return s.Keys[from:]
	}
	return s.Keys[from:max(from, sort.SearchStrings(s.Keys, r.End))]
}

// Answered returns the known keys that the answer of a range speaks of, present
// or absent: all that were asked for, but none beyond the last one where a limit
// has cut the answer.
func (s *Store) Answered(r *history.Record) []string {
	keys := s.Within(r)
	if !r.More {
		return keys
	}
	last := ""
	for kv := range Answers(r) {
		last = max(last, kv.Key)
	}
	return keys[:sort.Search(len(keys), func(i int) bool { return keys[i] > last })]
}

// KeyValue is one key in the answer of a range.
type KeyValue struct {
	Key    string
	ModRev int64
	Hash   string
}

// Answers gives the keys in the answer of a range, "key:modrev:hash" separated by
// spaces. Keys may hold colons. What is not of this form is given without a
// revision, so that no state explains it.
func Answers(r *history.Record) func(yield func(KeyValue) bool) {
	return func(yield func(KeyValue) bool) {
		if r.Op != "range" {
			return
		}
		for field := range strings.FieldsSeq(r.Value) {
			if !yield(parseKeyValue(field)) {
				return
			}
		}
	}
}

func parseKeyValue(field string) KeyValue {
	rest, hash, _ := CutLast(field)
	key, rev, _ := CutLast(rest)
	modRev, err := strconv.ParseInt(rev, 10, 64)
	if err != nil {
		return KeyValue{Key: field}
	}
	return KeyValue{key, modRev, hash}
}

// CutLast cuts s at its last colon.
func CutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// Holds returns the entries of views that the store has at the end, in the order of its
// keys: the record of each one's put.
func (s *Store) Holds(records []history.Record) (puts []int32) {
	for _, key := range s.Keys {
		if n := len(s.Versions[key]); n > 0 {
			last := &s.Versions[key][n-1]
			if !last.Deleted && records[last.Record].Kind != history.Meta {
				puts = append(puts, last.Record)
			}
		}
	}
	return puts
}

// PresentBy reports whether a key was put after a revision and by an instant.
func (s *Store) PresentBy(records []history.Record, key string, rev int64, by time.Duration) bool {
	for _, v := range s.Versions[key] {
		if v.Rev > rev && !v.Deleted && records[v.Record].At <= by {
			return true
		}
	}
	return false
}

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
