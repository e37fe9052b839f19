package mechanism

import (
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/schema"
)

// sight is a change of an agent's view or datapath that broke a property, with the
// store that the agent read.
type sight struct {
	x      *causes
	e      *index.Entry
	r      *history.Record
	record int
	// prior is what had shown the agent or its host better, or nil.
	prior       *history.Record
	priorRecord int
	s           *index.Store  // nil if the agent was not connected
	key         string        // of the entry in s; empty if s never had it
	held        int           // the version of the entry in s that the agent saw; -1 if there is none
	session     time.Duration // since when the agent was connected with s
	resumed     int64         // the revision from which its watch of the entry went on; zero if unknown
}

func newSight(x *causes, e *index.Entry, v *property.Violation) sight {
	last := v.Records[len(v.Records)-1]
	c := sight{x: x, e: e, r: &x.in.Records[last], record: last}
	if len(v.Records) > 1 {
		c.priorRecord = v.Records[len(v.Records)-2]
		c.prior = &x.in.Records[c.priorRecord]
	}
	if c.s = x.stores[c.r.Store]; c.s != nil {
		c.key, _ = x.keyOf(c.s, e)
		c.session = x.sessionStart(c.r, last)
		c.resumed = x.resumedFrom(c.r, last, c.key)
	}
	return c
}

// resumedFrom is the revision from which the agent of a record reads a key's changes on
// the connection that the record came over: that of its watch of the key. It is zero if
// there is no such watch yet, or the history has none.
func (x *causes) resumedFrom(r *history.Record, i int, key string) int64 {
	ended := map[int64]bool{}
	for i--; i >= 0; i-- {
		w := &x.in.Records[i]
		switch {
		case w.Verb == history.Connect && w.Actor == r.Actor && w.Store == r.Store:
			return 0
		case w.Peer != r.Actor || w.Store != r.Store:
		case w.Verb == history.Unwatch:
			ended[w.ID] = true
		case w.Verb == history.Watch && w.Key <= key && key < w.End && !ended[w.ID]:
			return index.ParseNumber(w.Ask)
		}
	}
	return 0
}

// sessionStart is when the agent of a record had connected with the store that the
// record names.
func (x *causes) sessionStart(r *history.Record, i int) time.Duration {
	for i--; i >= 0; i-- {
		c := &x.in.Records[i]
		if c.Verb == history.Connect && c.Actor == r.Actor && c.Store == r.Store {
			return c.At
		}
	}
	return 0
}

// ofSight explains why an agent saw what was no longer true: its store held it. The first
// of the mechanisms that applies explains it or nothing does; none is also an answer.
func (c sight) ofSight() *property.Cause {
	if c.s == nil || c.prior == nil {
		return nil
	}
	c.held = c.heldAs(c.r.Value, c.r.At)
	for _, m := range sightMechanisms {
		if m.applies(c) {
			if cause := m.of(c); cause != nil || m.alone {
				return cause
			}
		}
	}
	return nil
}

// sightMechanisms are asked in this order.
var sightMechanisms = []struct {
	applies func(sight) bool
	of      func(sight) *property.Cause // nil: its records do not prove it
	alone   bool                        // where it applies no other does
}{
	{applies: func(c sight) bool { return true }, of: func(c sight) *property.Cause { return c.x.regeneratedWithout(c.prior, c.priorRecord) }},
	{applies: sight.inOneStore, of: sight.ofBacklog},
	{applies: sight.inOneStore, of: sight.ofStepBack, alone: true},
	{applies: sight.wasHeld, of: func(c sight) *property.Cause { return c.x.orphan(c.s, c.e, c.heldVersion(), c.r.At) }},
	{applies: sight.storeBehind, of: sight.ofStoreBehind},
}

// wasHeld reports whether the store held what the agent saw.
func (c sight) wasHeld() bool { return c.held >= 0 }

func (c sight) heldVersion() index.Version { return c.s.Versions[c.key][c.held] }

// inOneStore reports whether the agent knew better from this store, too.
func (c sight) inOneStore() bool { return c.wasHeld() && c.prior.Store == c.s.Name }

// storeBehind reports whether the store had not got, before what it held, what the agent
// knew better from another one.
func (c sight) storeBehind() bool {
	if !c.wasHeld() || c.inOneStore() {
		return false
	}
	since := c.knownSince()
	for _, v := range c.s.Versions[c.key][:c.held] {
		r := &c.x.in.Records[v.Record]
		if same := v.Deleted && c.priorIsLoss() || !v.Deleted && !c.priorIsLoss() && r.Value == c.prior.Value; same && r.At >= since {
			return false
		}
	}
	return true
}

// knownSince is the instant at which what the agent knew better had become true: a store
// may have held the same content before, when it was true for the first time.
func (c sight) knownSince() time.Duration {
	spans := c.e.Absent
	if !c.priorIsLoss() {
		spans = nil
		for i := range c.e.Claims {
			if c.e.Claims[i].Value == c.prior.Value {
				spans = c.e.Claims[i].Live
			}
		}
	}
	since := time.Duration(0)
	for _, s := range spans {
		if at := c.e.States[s.From].At; at <= c.prior.At {
			since = at
		}
	}
	return since
}

func (c sight) ofStoreBehind() *property.Cause {
	held := c.heldVersion()
	return c.behind(behindHeld, property.Version{Value: c.r.Value, At: c.x.in.Records[held.Record].At}, int(held.Record))
}

func (c sight) priorIsLoss() bool {
	return c.prior.Verb == history.Drop || c.prior.Verb == history.Unprogram
}

// ofBacklog explains a sight after another one in the same store, which went forward
// from that to what it held, but to what another store had shown the agent before:
// this one is behind.
func (c sight) ofBacklog() *property.Cause {
	versions, i := c.s.Versions[c.key], c.held
	put := &c.x.in.Records[versions[i].Record]
	if c.priorIsLoss() {
		if listed := i > 0 && !versions[i-1].Deleted; listed || put.At < c.session {
			return nil
		}
	} else if before := c.heldAs(c.prior.Value, c.prior.At); before < 0 || before >= i {
		return nil
	}
	for j := c.priorRecord - 1; j >= 0; j-- {
		r := &c.x.in.Records[j]
		if r.Actor != c.r.Actor || r.Kind != c.r.Kind || r.Key != c.r.Key || r.Verb != c.r.Verb {
			continue
		}
		if r.Store == c.s.Name {
			return nil
		}
		c.prior = r
		return c.behind(behindLate, property.Version{Value: c.r.Value, At: put.At}, int(versions[i].Record))
	}
	return nil
}

// heldAs is the last version of the entry with a content that the store had by an
// instant, such that an agent that connected when this one did can have read it; -1 if
// there is none.
func (c sight) heldAs(value string, by time.Duration) int {
	versions := c.s.Versions[c.key]
	for i := len(versions) - 1; i >= 0; i-- {
		v := versions[i]
		r := &c.x.in.Records[v.Record]
		if r.At <= by && !v.Deleted && r.Value == value && !c.replacedBefore(i) {
			return i
		}
	}
	return -1
}

// replacedBefore reports whether the version i of the entry was replaced before the
// agent could read it: before its watch, or else its connection, began.
func (c sight) replacedBefore(i int) bool {
	versions := c.s.Versions[c.key]
	switch {
	case i+1 == len(versions):
		return false
	case c.resumed > 0:
		return versions[i+1].Rev < c.resumed
	}
	return c.x.in.Records[versions[i+1].Record].At < c.session
}

// facts are what every proof about a sight says.
func (c sight) facts() property.Facts {
	return property.Facts{Agent: c.r.Actor, Server: c.s.Actor, Store: c.s.Name, Kind: c.r.Kind, Key: c.r.Key, At: c.r.At}
}

// behind is the cause of what an agent sees when it comes from a store that has
// more than the one that it is connected with now, as a version of the entry there shows.
func (c sight) behind(rule *property.Rule, shown property.Version, record int) *property.Cause {
	facts := c.facts()
	facts.Since, facts.Shown, facts.Before = c.session, &shown, property.VersionOf(c.prior)
	return property.ByMechanism(CauseStale, rule, facts, record, c.record)
}

// What shows that a store is behind another.
var (
	behindHeld = behindRule("held-older", func(f *property.Facts) string {
		return fmt.Sprintf("held %s as %s since %s", f.Object(), property.Content(f.Shown.Value), text.Seconds(f.Shown.At))
	})
	behindLate = behindRule("got-later", func(f *property.Facts) string {
		return fmt.Sprintf("got %s only at %s", f.Object(), text.Seconds(f.Shown.At))
	})
	behindDeleted = behindRule("deleted", func(f *property.Facts) string {
		return fmt.Sprintf("had deleted %s at %s and not yet put it again", f.Object(), text.Seconds(f.Shown.At))
	})
	behindCanary = behindRule("not-held", func(f *property.Facts) string {
		return fmt.Sprintf("did not hold %s yet, behind a canary of %s", f.Object(), text.Seconds(f.Shown.At))
	})
)

func behindRule(name string, how func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		from := f.Before.From()
		if f.Before.Store == f.Store {
			from = "from the replica before"
		}
		return fmt.Sprintf("the store of %s, with which %s was connected since %s, %s; %s knew better %s",
			f.Server, f.Agent, text.Seconds(f.Since), how(f), f.Agent, from)
	}}
}

// What shows that an etcd that came back empty has canaries before their keys.
var emptiedCanary = &property.Rule{Name: "emptied", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the etcd of %s came back empty under its writer, which put the canary of %s back at %s and not yet %s",
		f.Server, f.Kind, text.Seconds(f.Truth.At), f.Object())
}}

// expired is the cause of the loss of a key whose lease has expired although what
// it says was true.
func (c sight) expired(v index.Version) *property.Cause {
	facts := c.facts()
	facts.Truth = &property.Version{Gone: true, Rev: v.Rev, At: c.x.in.Records[v.Record].At}
	return property.ByMechanism(CauseLease, leaseExpired, facts, int(v.Record), c.record)
}

// What shows that a lease had expired.
var (
	leaseExpired      = &property.Rule{Name: "expired", Text: hadExpired}
	leaseExpiredAgain = &property.Rule{Name: "expired-and-put-again", Text: func(f *property.Facts) string {
		return hadExpired(f) + fmt.Sprintf("; its writer put it again at %s", text.Seconds(f.Shown.At))
	}}
)

func hadExpired(f *property.Facts) string {
	return fmt.Sprintf("the etcd of %s deleted %s at %s without a request: its lease had expired", f.Server, f.Object(), text.Seconds(f.Truth.At))
}

// regeneratedWithout explains an entry that left a datapath when endpoints were
// regenerated after the time-out, without the agent's complete initial lists; nil if
// that is not how it left.
func (x *causes) regeneratedWithout(r *history.Record, record int) *property.Cause {
	if r.Verb != history.Unprogram || !x.timedOut(r, record) {
		return nil
	}
	facts := property.Facts{Agent: r.Actor, Kind: r.Kind, Key: r.Key, At: r.At}
	var s *index.Store
	if c := index.ConnectionAt(x.in.Records, r.Actor, record); c >= 0 {
		s = x.stores[x.in.Records[c].Store]
	}
	if s == nil {
		return property.ByMechanism(CauseNoSource, withoutReplica, facts, record)
	}
	facts.Server, facts.Store = s.Actor, s.Name
	if !x.hasClusterConfig(s, r.At) {
		return property.ByMechanism(CauseClusterConfig, withoutConfig, facts, record)
	}
	return property.ByMechanism(CauseNoSource, withoutLists, facts, record)
}

// What an agent lacked when it regenerated its endpoints.
var (
	withoutReplica = regenerated("no-replica", func(f *property.Facts) string { return "it was connected with no replica" })
	withoutConfig  = regenerated("no-cluster-config", func(f *property.Facts) string {
		return fmt.Sprintf("the store of %s had no cluster configuration", f.Server)
	})
	withoutLists = regenerated("no-lists", func(f *property.Facts) string {
		return fmt.Sprintf("the etcd of %s had not given it all lists", f.Server)
	})
)

func regenerated(name string, why func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s regenerated its endpoints at %s after the time-out, without complete lists: %s", f.Agent, text.Seconds(f.At), why(f))
	}}
}

// timedOut reports whether the agent of a record stopped waiting for its initial
// lists at that instant.
func (x *causes) timedOut(r *history.Record, record int) bool {
	synced := func(s *history.Record) bool {
		return s.Verb == history.Synced && s.Actor == r.Actor && s.Value == "timeout"
	}
	for i := record; i >= 0 && x.in.Records[i].At == r.At; i-- {
		if synced(&x.in.Records[i]) {
			return true
		}
	}
	for i := record; i < len(x.in.Records) && x.in.Records[i].At == r.At; i++ {
		if synced(&x.in.Records[i]) {
			return true
		}
	}
	return false
}

func (x *causes) hasClusterConfig(s *index.Store, at time.Duration) bool {
	for _, i := range slices.Backward(s.Changes) {
		if r := &x.in.Records[i]; r.At <= at && len(r.Key) > len(schema.ClusterConfigPrefix) && r.Key[:len(schema.ClusterConfigPrefix)] == schema.ClusterConfigPrefix {
			return r.Verb == history.Put
		}
	}
	return false
}
