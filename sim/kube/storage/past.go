package storage

import (
	"errors"
	"slices"
	"time"
)

// ErrCompacted says that a version is too old: its state is no longer known.
var ErrCompacted = errors.New("the version has been compacted")

// Compact forgets the past: lists of older versions, and pages of lists begun
// before, expire. Watch caches keep their own history.
func (s *Store) Compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.compacted = nil, s.rv
}

// forget compacts what is older than the history.
func (s *Store) forget(now time.Time) {
	n := 0
	for n < len(s.log) && now.Sub(s.log[n].At) > s.history {
		s.compacted = s.log[n].RV
		n++
	}
	clear(s.log[:n])
	s.log = s.log[n:]
}

// Present returns the objects of a resource in a namespace from a key on, and
// the version.
func (s *Store) Present(r *Resource, namespace, from string) (Table, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables[r.index].In(namespace, from), s.rv
}

// Past returns the objects of a resource as they were at a version; it fails with
// ErrCompacted, or, for a version that is yet to come, as a kube-apiserver does.
func (s *Store) Past(r *Resource, namespace, from string, rv int64) (Table, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(time.Now())
	switch {
	case rv < s.compacted:
		return nil, ErrCompacted
	case rv > s.rv:
		return nil, TooLargeVersion(rv, s.rv)
	}
	return s.rollback(r, rv).In(namespace, from), nil
}

// rollback undoes what happened to a resource after a version that is not compacted.
func (s *Store) rollback(r *Resource, rv int64) Table {
	t := slices.Clone(s.tables[r.index])
	for n := len(s.log) - 1; n >= 0 && s.log[n].RV > rv; n-- {
		c := s.log[n]
		switch {
		case c.Object.Resource != r:
		case c.Prev == nil:
			t.Remove(c.Object.key)
		default:
			t.Put(c.Prev)
		}
	}
	return t
}

// follower is told of commits.
type follower struct{ receive func(*Commit) }

// Follow calls receive for every commit from now on, in order and with the store
// locked, until stop. It returns what a follower begins with: the present state, by
// Resource.Index, and its version.
func (s *Store) Follow(receive func(*Commit)) (rv int64, tables []Table, stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tables = make([]Table, len(s.resources))
	for i, r := range s.resources {
		tables[i] = slices.Clone(s.tables[r.index])
	}
	f := &follower{receive}
	s.followers = append(s.followers, f)
	return s.rv, tables, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.followers = slices.DeleteFunc(s.followers, func(other *follower) bool { return other == f })
	}
}
