package checker

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// etcd is what one store applied and answered. An etcd that started again with its
// data goes on with its store.
type etcd struct {
	store   string
	actor   string   // the replica whose store it is, by its first record
	changes []int32  // Put and Del records
	calls   []int32  // Call records
	keys    []string // every key that a change, a call or an answer names, sorted
	// versions are the changes of each key in the order in which they were applied.
	versions map[string][]version
	last     time.Duration // instant of the store's last record: changes after it may be missing
}

// version is a change of a key.
type version struct {
	rev     int64
	record  int32
	deleted bool
	created int64  // of a put: revision of the put that created the key
	number  int64  // of a put: how many there were since the key was created, this one included
	hash    string // of the value, if a Call said it
}

// indexEtcds returns the stores in the order in which they first occur.
func indexEtcds(records []history.Record) []*etcd {
	byStore := map[string]*etcd{}
	var etcds []*etcd
	for i := range records {
		r := &records[i]
		isStore := r.Verb == history.Put || r.Verb == history.Del || r.Verb == history.Call ||
			(r.Verb == history.Up || r.Verb == history.Down) && r.Kind == "etcd"
		if !isStore {
			continue
		}
		s := byStore[r.Store]
		if s == nil {
			s = &etcd{store: r.Store, actor: r.Actor, versions: map[string][]version{}}
			byStore[r.Store] = s
			etcds = append(etcds, s)
		}
		s.last = r.At
		switch r.Verb {
		case history.Put, history.Del:
			s.changes = append(s.changes, int32(i))
			s.versions[r.Key] = append(s.versions[r.Key], nextVersion(s.versions[r.Key], int32(i), r))
		case history.Call:
			if r.Op != "other" {
				s.calls = append(s.calls, int32(i))
			}
		}
	}
	for _, s := range etcds {
		s.learn(records)
	}
	return etcds
}

// nextVersion is what a change makes of a key with these versions.
func nextVersion(versions []version, record int32, r *history.Record) version {
	v := version{rev: r.Rev, record: record, deleted: r.Verb == history.Del}
	switch {
	case v.deleted:
	case len(versions) == 0 || versions[len(versions)-1].deleted:
		v.created, v.number = r.Rev, 1
	default:
		before := &versions[len(versions)-1]
		v.created, v.number = before.created, before.number+1
	}
	return v
}

// learn gathers the keys, and the hashes that acknowledged puts give to versions.
func (s *etcd) learn(records []history.Record) {
	known := map[string]bool{}
	for key := range s.versions {
		known[key] = true
	}
	for _, i := range s.calls {
		r := &records[i]
		if r.End == "" {
			known[r.Key] = true
		}
		if r.Op == "put" && r.Err == "" {
			if v := s.versionAt(r.Key, r.Rev); v != nil {
				v.hash = r.Value
			}
		}
		for kv := range answers(r) {
			known[kv.key] = true
		}
	}
	s.keys = make([]string, 0, len(known))
	for key := range known {
		s.keys = append(s.keys, key)
	}
	slices.Sort(s.keys)
}

// versionAt returns the version of a key that was made at the revision, or nil.
func (s *etcd) versionAt(key string, rev int64) *version {
	v := s.versionBy(key, rev)
	if v == nil || v.rev != rev {
		return nil
	}
	return v
}

// versionBy returns the last version of a key at or before the revision, or nil.
func (s *etcd) versionBy(key string, rev int64) *version {
	versions := s.versions[key]
	i := sort.Search(len(versions), func(i int) bool { return versions[i].rev > rev })
	if i == 0 {
		return nil
	}
	return &versions[i-1]
}

// change returns the version of a key that was made at the revision, or nil, and the
// revision of the value that it replaced, zero if there was none.
func (s *etcd) change(key string, rev int64) (v *version, replaced int64) {
	if v = s.versionAt(key, rev); v == nil {
		return nil, 0
	}
	if before := s.versionBy(key, rev-1); before != nil && !before.deleted {
		replaced = before.rev
	}
	return v, replaced
}

// within returns the known keys that a request names: one key, a range, or all
// from the key on, as in etcd.
func (s *etcd) within(r *history.Record) []string {
	from := sort.SearchStrings(s.keys, r.Key)
	switch r.End {
	case "":
		if from < len(s.keys) && s.keys[from] == r.Key {
			return s.keys[from : from+1]
		}
		return nil
	case "\x00":
		return s.keys[from:]
	}
	return s.keys[from:max(from, sort.SearchStrings(s.keys, r.End))]
}

// answered returns the known keys that the answer of a range speaks of, present
// or absent: all that were asked for, but none beyond the last one where a limit
// has cut the answer.
func (s *etcd) answered(r *history.Record) []string {
	keys := s.within(r)
	if !r.More {
		return keys
	}
	last := ""
	for kv := range answers(r) {
		last = max(last, kv.key)
	}
	return keys[:sort.Search(len(keys), func(i int) bool { return keys[i] > last })]
}

// keyValue is one key in the answer of a range.
type keyValue struct {
	key    string
	modRev int64
	hash   string
}

// answers gives the keys in the answer of a range, "key:modrev:hash" separated by
// spaces. Keys may hold colons. What is not of this form is given without a
// revision, so that no state explains it.
func answers(r *history.Record) func(yield func(keyValue) bool) {
	return func(yield func(keyValue) bool) {
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

func parseKeyValue(field string) keyValue {
	rest, hash, _ := cutLast(field)
	key, rev, _ := cutLast(rest)
	modRev, err := strconv.ParseInt(rev, 10, 64)
	if err != nil {
		return keyValue{key: field}
	}
	return keyValue{key, modRev, hash}
}

// cutLast cuts s at its last colon.
func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
