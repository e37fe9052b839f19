package mechanism

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// storeObservation is a change of an agent's view or datapath that broke a property, with the
// store that the agent read.
type storeObservation struct {
	observation
	// prior is what had shown the agent or its host better, or nil.
	prior       *history.Record
	priorRecord int
	s           *index.Store  // nil if the agent was not connected
	key         string        // of the entry in s; empty if s never had it
	held        int           // the version of the entry in s that the agent saw; -1 if there is none
	session     time.Duration // since when the agent was connected with s
	resumed     int64         // the revision from which its watch of the entry went on; zero if unknown
}

func newStoreObservation(o observation, v *property.Violation) storeObservation {
	c := storeObservation{observation: o, s: o.x.store(o.r.Store)}
	if len(v.Records) > 1 {
		c.priorRecord = v.Records[len(v.Records)-2]
		c.prior = &o.x.in.Records[c.priorRecord]
	}
	if c.s == nil {
		return c
	}
	c.key, _ = o.x.keyOf(c.s, o.e)
	connect := o.x.in.Last(0, o.record, func(r *history.Record) bool { return c.isConnect(r) && r.Store == o.r.Store })
	if connect >= 0 {
		c.session = o.x.in.Records[connect].At
	}
	c.resumed = c.resumedFrom(connect)
	return c
}

func (c storeObservation) isConnect(r *history.Record) bool {
	return r.Verb == history.Connect && r.Actor == c.r.Actor
}

// resumedFrom is the revision from which the agent reads the key's changes on a connection:
// that of its watch of the key. It is zero if there is no such watch yet, or the history has
// none.
func (c storeObservation) resumedFrom(connect int) int64 {
	for _, w := range slices.Backward(c.x.in.Watches.Etcd) {
		r := &c.x.in.Records[w.Open]
		if open := int(w.Open) < c.record && (w.End < 0 || int(w.End) >= c.record); open && int(w.Open) > connect &&
			r.Peer == c.r.Actor && r.Store == c.r.Store && r.Key <= c.key && c.key < r.End {
			return index.ParseNumber(r.Ask)
		}
	}
	return 0
}

// ofObservation explains why an agent saw what was no longer true: its store held it. The first
// of the mechanisms that applies explains it or nothing does; none is also an answer.
func (c storeObservation) ofObservation() *property.Cause {
	if c.s == nil || c.prior == nil {
		return nil
	}
	if cause := c.x.regeneratedWithout(c.prior, c.priorRecord); cause != nil {
		return cause
	}
	if cause := c.ofLeaseHeardLate(); cause != nil {
		return cause
	}
	c.held = c.heldAs(c.r.Value, c.r.At)
	switch {
	case c.held < 0:
		return nil
	case c.prior.Store == c.s.Name: // the agent knew better from this store, too
		return cmp.Or(c.ofBacklog(), c.ofStepBack(), c.ofShownAgain(c.s.Versions[c.key][c.held]))
	}
	held := c.s.Versions[c.key][c.held]
	if cause := cmp.Or(c.x.orphan(c.s, c.e, held, c.r.At), c.ofShownAgain(held)); cause != nil || c.hadKnown() {
		return cause
	}
	return c.behind(behindHeld, property.Version{Value: c.r.Value, At: c.x.in.Records[held.Record].At}, int(held.Record))
}

// ofLeaseHeardLate explains that an agent shows what has ended by now: it dropped the entry since it had been told that the key had gone
// from a shared etcd with its lease, which was so late that the key was there again, and it is told now of that.
func (c storeObservation) ofLeaseHeardLate() *property.Cause {
	if !mode.Etcd.Is(c.s.Actor) || !c.priorIsLoss() || c.prior.Store != c.s.Name {
		return nil
	}
	versions := c.s.Versions[c.key]
	for i := len(versions) - 1; i > 0; i-- {
		again := &c.x.in.Records[versions[i].Record]
		lease := versions[i-1].Deleted && !c.s.Requested(c.x.in.Records, c.key, versions[i-1].Rev)
		if lease && !versions[i].Deleted && again.Value == c.r.Value && again.At <= c.prior.At {
			return c.expired(versions[i-1])
		}
	}
	return nil
}

// hadKnown reports whether the store had got, before what it held, what the agent knew better
// from another one. It may have held the same content before that, when it was true for the
// first time.
func (c storeObservation) hadKnown() bool {
	spans := c.e.Absent
	if !c.priorIsLoss() {
		spans = c.e.LiveAs(c.prior.Value)
	}
	since := time.Duration(0)
	if s, ok := c.e.LatestBefore(spans, index.Lasting, c.prior.At); ok {
		since = c.e.States[s].At
	}
	return slices.ContainsFunc(c.s.Versions[c.key][:c.held], func(v index.Version) bool {
		r := &c.x.in.Records[v.Record]
		same := v.Deleted && c.priorIsLoss() || !v.Deleted && !c.priorIsLoss() && r.Value == c.prior.Value
		return same && r.At >= since
	})
}

func (c storeObservation) priorIsLoss() bool {
	return c.prior.Verb == history.Drop || c.prior.Verb == history.Unprogram
}

// ofBacklog explains an observation after another one in the same store, which went forward
// from that to what it held, but to what another store had shown the agent before:
// this one is behind.
func (c storeObservation) ofBacklog() *property.Cause {
	versions, i := c.s.Versions[c.key], c.held
	put := &c.x.in.Records[versions[i].Record]
	if c.priorIsLoss() {
		if listed := i > 0 && !versions[i-1].Deleted; listed || put.At < c.session {
			return nil
		}
	} else if before := c.heldAs(c.prior.Value, c.prior.At); before < 0 || before >= i {
		return nil
	}
	other := c.x.in.Last(0, c.priorRecord, func(r *history.Record) bool {
		return r.Verb == c.r.Verb && r.Actor == c.r.Actor && r.Kind == c.r.Kind && r.Key == c.r.Key
	})
	if other < 0 || c.x.in.Records[other].Store == c.s.Name {
		return nil
	}
	c.prior = &c.x.in.Records[other]
	return c.behind(behindLate, property.Version{Value: c.r.Value, At: put.At}, int(versions[i].Record))
}

// heldAs is the last version of the entry with a content that the store had by an
// instant, such that an agent that connected when this one did can have read it; -1 if
// there is none.
func (c storeObservation) heldAs(value string, by time.Duration) int {
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
func (c storeObservation) replacedBefore(i int) bool {
	versions := c.s.Versions[c.key]
	switch {
	case i+1 == len(versions):
		return false
	case c.resumed > 0:
		return versions[i+1].Rev < c.resumed
	}
	return c.x.in.Records[versions[i+1].Record].At < c.session
}

// facts are those of an observation, with the store.
func (c storeObservation) facts() property.Facts {
	facts := c.observation.facts()
	facts.Server, facts.Store = c.s.Actor, c.s.Name
	return facts
}

// behind is the cause of what an agent sees when it comes from a store that has
// more than the one that it is connected with now, as a version of the entry there shows.
func (c storeObservation) behind(rule *property.Rule, shown property.Version, record int) *property.Cause {
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
func (c storeObservation) expired(v index.Version) *property.Cause {
	facts := c.facts()
	facts.Truth = &property.Version{Gone: true, Rev: v.Rev, At: c.x.in.Records[v.Record].At}
	if mode.Etcd.Is(c.s.Actor) {
		return property.ByMechanism(CauseSharedLease, sharedLeaseExpired, facts, int(v.Record), c.record)
	}
	return property.ByMechanism(CauseLease, leaseExpired, facts, int(v.Record), c.record)
}

// What shows that a lease had expired.
var (
	leaseExpired       = &property.Rule{Name: "expired", Text: hadExpired}
	sharedLeaseExpired = &property.Rule{Name: "expired-in-shared-etcd", Text: hadExpired}
	leaseExpiredAgain  = &property.Rule{Name: "expired-and-put-again", Text: func(f *property.Facts) string {
		return hadExpired(f) + fmt.Sprintf("; its writer put it again at %s", text.Seconds(f.Shown.At))
	}}
)

func hadExpired(f *property.Facts) string {
	return fmt.Sprintf("the etcd of %s deleted %s at %s without a request: its lease had expired", f.Server, f.Object(), text.Seconds(f.Truth.At))
}

// regeneratedWithout explains an entry that left a datapath when endpoints were
// regenerated after the time-out, without the agent's complete initial lists; nil if
// that is not how it left.
func (x *Explainer) regeneratedWithout(r *history.Record, record int) *property.Cause {
	if r.Verb != history.Unprogram || !x.timedOut(r) {
		return nil
	}
	facts := property.Facts{Agent: r.Actor, Kind: r.Kind, Key: r.Key, At: r.At}
	var s *index.Store
	if c := index.ConnectionAt(x.in.Records, r.Actor, record); c >= 0 {
		s = x.store(x.in.Records[c].Store)
	}
	if s == nil {
		return property.ByMechanism(CauseNoSource, withoutReplica, facts, record)
	}
	facts.Server, facts.Store = s.Actor, s.Name
	if _, config := x.lastMeta(s, r.At, isConfig); config == nil || config.Verb != history.Put {
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
func (x *Explainer) timedOut(r *history.Record) bool {
	from, end := x.between(r.At, r.At)
	return x.in.First(from, end, func(s *history.Record) bool {
		return s.Verb == history.Synced && s.Actor == r.Actor && s.Value == "timeout"
	}) >= 0
}
