// Package stores has the properties of the etcds that agents read, and of their writers.
package stores

import (
	"fmt"
	"strconv"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

var Revisions = property.Property{
	Name:    "etcd-revisions",
	Promise: "The revisions of a store never decrease and belong to it alone, its acknowledged writes are among its changes, and what it answers at a pinned revision is the state that its changes had made by then.",
	Why:     "the ground that the other properties stand on; the proposal gives each replica an etcd of its own; cilium 30964, 32005 for revisions that cross stores",
	Ground:  true,
	Rules:   revisionRules,
	Check:   checkRevisions,
	Step:    property.ByServer("etcd", "how it counted, or what it answered; who asked is not to blame"),
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
	return property.Judged(fmt.Sprintf("%s of %s, %s and %s at pinned revisions",
		text.Count(changes, "change"), text.Count(len(in.Stores), "store"),
		text.Count(c.writes, "acknowledged write"), text.Count(c.pinned, "answer")), c.violations)
}

type revisionCheck struct {
	in             *property.Input
	writes, pinned int
	violations     []property.Violation
}

// The ways in which an etcd breaks the order of its revisions.
var (
	otherStore = revision("other-store", func(f *property.Facts) string {
		return fmt.Sprintf("%s of %q, although %s had started store %s before that", f.Shown.Op, f.Key, f.Server, f.Truth.Store)
	})
	otherServer = revision("other-server", func(f *property.Facts) string {
		return fmt.Sprintf("%s of %q, although the store is that of %s", f.Shown.Op, f.Key, f.Truth.Server)
	})
	decreased = revision("decreased", func(f *property.Facts) string {
		return fmt.Sprintf("%s of %q at rev %d came after rev %d", f.Shown.Op, f.Key, f.Shown.Rev, f.Before.Rev)
	})
	twice   = revision("twice", func(f *property.Facts) string { return fmt.Sprintf("%q changed twice at rev %d", f.Key, f.Shown.Rev) })
	putLost = revision("put-lost", func(f *property.Facts) string {
		return fmt.Sprintf("a put of %q was acknowledged with rev %d, but never applied,", f.Key, f.Shown.Rev)
	})
	deleteLost = revision("delete-lost", func(f *property.Facts) string {
		return fmt.Sprintf("a delete of %q was acknowledged with rev %d and %q deleted, but %d were applied,", f.Key, f.Shown.Rev, f.Shown.Value, f.Truth.Count)
	})
	pinnedExtra = revision("pinned-extra", func(f *property.Facts) string {
		return fmt.Sprintf("an answer at rev %s holds %q of rev %d, which did not exist then,", f.Asked, f.Shown.Key, f.Shown.Rev)
	})
	pinnedMissing = revision("pinned-missing", func(f *property.Facts) string {
		return fmt.Sprintf("an answer at rev %s lacks %q, which was put at rev %d,", f.Asked, f.Truth.Key, f.Truth.Rev)
	})
	pinnedDifferent = revision("pinned-different", func(f *property.Facts) string {
		return fmt.Sprintf("an answer at rev %s holds %q as %s of rev %d, which was then %s of rev %d,",
			f.Asked, f.Shown.Key, f.Shown.Hash, f.Shown.Rev, orUnknown(f.Truth.Hash), f.Truth.Rev)
	})
	revisionRules = []*property.Rule{otherStore, otherServer, decreased, twice, putLost, deleteLost, pinnedExtra, pinnedMissing, pinnedDifferent}
)

func revision(name string, what func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s: %s at %s", f.Etcd(), what(f), text.Seconds(f.At))
	}}
}

// report notes that a record breaks a rule, because of others before it.
func (c *revisionCheck) report(rule *property.Rule, s *index.Store, i int32, facts property.Facts, because ...int32) {
	r := &c.in.Records[i]
	facts.Server, facts.Store, facts.Kind, facts.Key, facts.At = r.Actor, s.Name, r.Kind, r.Key, r.At
	c.violations = append(c.violations, property.NewViolation(rule, facts, append(because, i)...))
}

// owners demands that each replica applies changes to the store that it started
// last.
func (c *revisionCheck) owners() {
	started := map[string]int{} // the last Up of an etcd on each replica
	for i := range c.in.Records {
		r := &c.in.Records[i]
		switch r.Verb {
		case history.Up:
			if r.Kind == "etcd" {
				started[r.Actor] = i
			}
		case history.Put, history.Del:
			s := c.in.Store(r.Store)
			up, ok := started[r.Actor]
			switch member := ok && mode.Etcd.Is(r.Actor); { // where agents share one, it may have several
			case ok && c.in.Records[up].Store != r.Store:
				c.report(otherStore, s, int32(i), property.Facts{Shown: act(r), Truth: &property.Version{Store: c.in.Records[up].Store}}, int32(up))
			case r.Actor != s.Actor && !member:
				c.report(otherServer, s, int32(i), property.Facts{Shown: act(r), Truth: &property.Version{Server: s.Actor}})
			}
		}
	}
}

// act is what a store did in a record.
func act(r *history.Record) *property.Version {
	return &property.Version{Op: string(r.Verb), Rev: r.Rev, At: r.At}
}

// order demands that revisions do not decrease, and increase where a key changes
// again.
func (c *revisionCheck) order(s *index.Store) {
	last := int32(-1)
	byKey := map[string]int32{}
	for _, i := range s.Changes {
		r := &c.in.Records[i]
		if last >= 0 && r.Rev < c.in.Records[last].Rev {
			c.report(decreased, s, i, property.Facts{Shown: act(r), Before: act(&c.in.Records[last])}, last)
		} else if before, ok := byKey[r.Key]; ok && r.Rev == c.in.Records[before].Rev {
			c.report(twice, s, i, property.Facts{Shown: act(r)}, before)
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
			c.report(putLost, s, i, property.Facts{Shown: &property.Version{Op: r.Op, Rev: r.Rev}})
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
		c.report(deleteLost, s, i, property.Facts{Shown: &property.Version{Op: r.Op, Rev: r.Rev, Value: r.Value}, Truth: &property.Version{Count: int64(applied)}})
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
		asked, shown := strconv.FormatInt(r.RV, 10), property.Version{Key: key, Hash: kv.Hash, Rev: kv.ModRev}
		switch {
		case v == nil || v.Deleted:
			if found {
				c.report(pinnedExtra, s, i, property.Facts{Asked: asked, Shown: &shown})
			}
		case !found:
			c.report(pinnedMissing, s, i, property.Facts{Asked: asked, Truth: &property.Version{Key: key, Hash: v.Hash, Rev: v.Rev}}, v.Record)
		case kv.ModRev != v.Rev || v.Hash != "" && kv.Hash != v.Hash:
			c.report(pinnedDifferent, s, i, property.Facts{Asked: asked, Shown: &shown, Truth: &property.Version{Hash: v.Hash, Rev: v.Rev}}, v.Record)
		}
	}
}

func orUnknown(hash string) string {
	if hash == "" {
		return "a value"
	}
	return hash
}
