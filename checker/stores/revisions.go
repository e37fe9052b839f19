// Package stores has the properties of the etcds that agents read, and of their writers.
package stores

import (
	"fmt"
	"strconv"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

var Revisions = property.Property{
	Name:    "etcd-revisions",
	Promise: "The revisions of a store never decrease and belong to it alone, its acknowledged writes are among its changes, and what it answers at a pinned revision is the state that its changes had made by then.",
	Why:     "the ground that the other properties stand on; mission C3, cilium 30964, 32005 for revisions that cross stores",
	Check:   checkRevisions,
}

func checkRevisions(in *property.Input) property.Result {
	c := revisionCheck{in: in}
	c.owners()
	changes := 0
	for _, s := range in.Stores {
		changes += len(s.Changes)
		c.order(s)
		for _, i := range s.Calls {
			c.call(s, i)
		}
	}
	if changes == 0 {
		return property.Undecided("no store applied a change")
	}
	property.SortByTime(c.violations)
	return property.Judged(fmt.Sprintf("%s of %s, %s and %s at pinned revisions",
		property.Count(changes, "change", "changes"), property.Count(len(in.Stores), "store", "stores"),
		property.Count(c.writes, "acknowledged write", "acknowledged writes"), property.Count(c.pinned, "answer", "answers")), c.violations)
}

type revisionCheck struct {
	in             *property.Input
	writes, pinned int
	violations     []property.Violation
}

func (c *revisionCheck) report(s *index.Store, i int32, records []int, format string, args ...any) {
	r := &c.in.Records[i]
	c.violations = append(c.violations, property.Violation{
		Store: s.Name, Kind: r.Kind, Key: r.Key, At: r.At, Records: append(records, int(i)),
		Sentence: fmt.Sprintf("etcd of %s (store %s): %s at %s", r.Actor, s.Name, fmt.Sprintf(format, args...), property.Seconds(r.At)),
	})
}

// owners demands that each replica applies changes to the store that it started
// last.
func (c *revisionCheck) owners() {
	byStore := map[string]*index.Store{}
	for _, s := range c.in.Stores {
		byStore[s.Name] = s
	}
	started := map[string]int{} // the last Up of an etcd on each replica
	for i := range c.in.Records {
		r := &c.in.Records[i]
		switch r.Verb {
		case history.Up:
			if r.Kind == "etcd" {
				started[r.Actor] = i
			}
		case history.Put, history.Del:
			s := byStore[r.Store]
			if up, ok := started[r.Actor]; ok && c.in.Records[up].Store != r.Store {
				c.report(s, int32(i), []int{up}, "%s of %q, although %s had started store %s before that", r.Verb, r.Key, r.Actor, c.in.Records[up].Store)
			} else if r.Actor != s.Actor {
				c.report(s, int32(i), nil, "%s of %q, although the store is that of %s", r.Verb, r.Key, s.Actor)
			}
		}
	}
}

// order demands that revisions do not decrease, and increase where a key changes
// again.
func (c *revisionCheck) order(s *index.Store) {
	last := int32(-1)
	byKey := map[string]int32{}
	for _, i := range s.Changes {
		r := &c.in.Records[i]
		if last >= 0 && r.Rev < c.in.Records[last].Rev {
			c.report(s, i, []int{int(last)}, "%s of %q at rev %d came after rev %d", r.Verb, r.Key, r.Rev, c.in.Records[last].Rev)
		} else if before, ok := byKey[r.Key]; ok && r.Rev == c.in.Records[before].Rev {
			c.report(s, i, []int{int(before)}, "%q changed twice at rev %d", r.Key, r.Rev)
		}
		last, byKey[r.Key] = i, i
	}
}

func (c *revisionCheck) call(s *index.Store, i int32) {
	r := &c.in.Records[i]
	switch {
	case r.Err != "":
	case r.Op == "range" && r.RV != 0:
		c.pinned++
		c.pinnedRange(s, i, r)
	case r.Op != "range" && r.At < s.Last: // the changes of the store's last instant may be missing
		c.writes++
		c.acknowledged(s, i, r)
	}
}

// acknowledged demands that a write's answer is what the store applied.
func (c *revisionCheck) acknowledged(s *index.Store, i int32, r *history.Record) {
	if r.Op == "put" {
		if v := s.VersionAt(r.Key, r.Rev); v == nil || v.Deleted {
			c.report(s, i, nil, "a put of %q was acknowledged with rev %d, but never applied,", r.Key, r.Rev)
		}
		return
	}
	applied := 0
	for _, key := range s.Within(r) {
		if v := s.VersionAt(key, r.Rev); v != nil && v.Deleted {
			applied++
		}
	}
	if deleted, err := strconv.Atoi(r.Value); err != nil || deleted != 0 && deleted != applied {
		c.report(s, i, nil, "a delete of %q was acknowledged with rev %d and %q deleted, but %d were applied,", r.Key, r.Rev, r.Value, applied)
	}
}

// pinnedRange demands that an answer at a revision is the state at that revision.
func (c *revisionCheck) pinnedRange(s *index.Store, i int32, r *history.Record) {
	answer := map[string]index.KeyValue{}
	for kv := range index.Answers(r) {
		answer[kv.Key] = kv
	}
	for _, key := range s.Answered(r) {
		kv, found := answer[key]
		v := s.VersionBy(key, r.RV)
		switch {
		case v == nil || v.Deleted:
			if found {
				c.report(s, i, nil, "an answer at rev %d holds %q of rev %d, which did not exist then,", r.RV, key, kv.ModRev)
			}
		case !found:
			c.report(s, i, []int{int(v.Record)}, "an answer at rev %d lacks %q, which was put at rev %d,", r.RV, key, v.Rev)
		case kv.ModRev != v.Rev || v.Hash != "" && kv.Hash != v.Hash:
			c.report(s, i, []int{int(v.Record)}, "an answer at rev %d holds %q as %s of rev %d, which was then %s of rev %d,", r.RV, key, kv.Hash, kv.ModRev, orUnknown(v.Hash), v.Rev)
		}
	}
}

func orUnknown(hash string) string {
	if hash == "" {
		return "a value"
	}
	return hash
}
