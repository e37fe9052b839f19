package checker

import (
	"fmt"
	"strconv"

	"github.com/meshcheck/meshcheck/history"
)

var etcdRevisions = Property{
	Name:    "etcd-revisions",
	Promise: "The revisions of a store never decrease and belong to it alone, its acknowledged writes are among its changes, and what it answers at a pinned revision is the state that its changes had made by then.",
	Why:     "the ground that the other properties stand on; mission C3, cilium 30964, 32005 for revisions that cross stores",
	check:   checkRevisions,
}

func checkRevisions(in *input) Result {
	c := revisionCheck{in: in}
	c.owners()
	changes := 0
	for _, s := range in.etcds {
		changes += len(s.changes)
		c.order(s)
		for _, i := range s.calls {
			c.call(s, i)
		}
	}
	if changes == 0 {
		return unknown("no store applied a change")
	}
	sortByTime(c.violations)
	return judged(fmt.Sprintf("%s of %s, %s and %s at pinned revisions",
		count(changes, "change", "changes"), count(len(in.etcds), "store", "stores"),
		count(c.writes, "acknowledged write", "acknowledged writes"), count(c.pinned, "answer", "answers")), c.violations)
}

type revisionCheck struct {
	in             *input
	writes, pinned int
	violations     []Violation
}

func (c *revisionCheck) report(s *etcd, i int32, records []int, format string, args ...any) {
	r := &c.in.records[i]
	c.violations = append(c.violations, Violation{
		Store: s.store, Kind: r.Kind, Key: r.Key, At: r.At, Records: append(records, int(i)),
		Sentence: fmt.Sprintf("etcd of %s (store %s): %s at %s", r.Actor, s.store, fmt.Sprintf(format, args...), seconds(r.At)),
	})
}

// owners demands that each replica applies changes to the store that it started
// last.
func (c *revisionCheck) owners() {
	byStore := map[string]*etcd{}
	for _, s := range c.in.etcds {
		byStore[s.store] = s
	}
	started := map[string]int{} // the last Up of an etcd on each replica
	for i := range c.in.records {
		r := &c.in.records[i]
		switch r.Verb {
		case history.Up:
			if r.Kind == "etcd" {
				started[r.Actor] = i
			}
		case history.Put, history.Del:
			s := byStore[r.Store]
			if up, ok := started[r.Actor]; ok && c.in.records[up].Store != r.Store {
				c.report(s, int32(i), []int{up}, "%s of %q, although %s had started store %s before that", r.Verb, r.Key, r.Actor, c.in.records[up].Store)
			} else if r.Actor != s.actor {
				c.report(s, int32(i), nil, "%s of %q, although the store is that of %s", r.Verb, r.Key, s.actor)
			}
		}
	}
}

// order demands that revisions do not decrease, and increase where a key changes
// again.
func (c *revisionCheck) order(s *etcd) {
	last := int32(-1)
	byKey := map[string]int32{}
	for _, i := range s.changes {
		r := &c.in.records[i]
		if last >= 0 && r.Rev < c.in.records[last].Rev {
			c.report(s, i, []int{int(last)}, "%s of %q at rev %d came after rev %d", r.Verb, r.Key, r.Rev, c.in.records[last].Rev)
		} else if before, ok := byKey[r.Key]; ok && r.Rev == c.in.records[before].Rev {
			c.report(s, i, []int{int(before)}, "%q changed twice at rev %d", r.Key, r.Rev)
		}
		last, byKey[r.Key] = i, i
	}
}

func (c *revisionCheck) call(s *etcd, i int32) {
	r := &c.in.records[i]
	switch {
	case r.Err != "":
	case r.Op == "range" && r.RV != 0:
		c.pinned++
		c.pinnedRange(s, i, r)
	case r.Op != "range" && r.At < s.last: // the changes of the store's last instant may be missing
		c.writes++
		c.acknowledged(s, i, r)
	}
}

// acknowledged demands that a write's answer is what the store applied.
func (c *revisionCheck) acknowledged(s *etcd, i int32, r *history.Record) {
	if r.Op == "put" {
		if v := s.versionAt(r.Key, r.Rev); v == nil || v.deleted {
			c.report(s, i, nil, "a put of %q was acknowledged with rev %d, but never applied,", r.Key, r.Rev)
		}
		return
	}
	applied := 0
	for _, key := range s.within(r) {
		if v := s.versionAt(key, r.Rev); v != nil && v.deleted {
			applied++
		}
	}
	if deleted, err := strconv.Atoi(r.Value); err != nil || deleted != 0 && deleted != applied {
		c.report(s, i, nil, "a delete of %q was acknowledged with rev %d and %q deleted, but %d were applied,", r.Key, r.Rev, r.Value, applied)
	}
}

// pinnedRange demands that an answer at a revision is the state at that revision.
func (c *revisionCheck) pinnedRange(s *etcd, i int32, r *history.Record) {
	answer := map[string]keyValue{}
	for kv := range answers(r) {
		answer[kv.key] = kv
	}
	for _, key := range s.answered(r) {
		kv, found := answer[key]
		v := s.versionBy(key, r.RV)
		switch {
		case v == nil || v.deleted:
			if found {
				c.report(s, i, nil, "an answer at rev %d holds %q of rev %d, which did not exist then,", r.RV, key, kv.modRev)
			}
		case !found:
			c.report(s, i, []int{int(v.record)}, "an answer at rev %d lacks %q, which was put at rev %d,", r.RV, key, v.rev)
		case kv.modRev != v.rev || v.hash != "" && kv.hash != v.hash:
			c.report(s, i, []int{int(v.record)}, "an answer at rev %d holds %q as %s of rev %d, which was then %s of rev %d,", r.RV, key, kv.hash, kv.modRev, orUnknown(v.hash), v.rev)
		}
	}
}

func orUnknown(hash string) string {
	if hash == "" {
		return "a value"
	}
	return hash
}
