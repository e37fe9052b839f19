package mechanism

import (
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
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
// the connection that the record came over: that of its watch of the key. It is zero if there is no such
// watch yet, or the history has none.
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

// ofSight explains why an agent saw what was no longer true: its store held it.
func (c sight) ofSight() *property.Cause {
	if c.s == nil || c.prior == nil {
		return nil
	}
	if cause := c.x.regeneratedWithout(c.prior, c.priorRecord); cause != nil {
		return cause
	}
	i := c.heldAs(c.r.Value, c.r.At)
	if i < 0 {
		return nil
	}
	if c.prior.Store == c.s.Name {
		if cause := c.ofBacklog(i); cause != nil {
			return cause
		}
		return c.ofStepBack(i)
	}
	held := c.s.Versions[c.key][i]
	if cause := c.x.orphan(c.s, c.e, held, c.r.At); cause != nil {
		return cause
	}
	return c.behind(behindHeld, property.Version{Value: c.r.Value, At: c.x.in.Records[held.Record].At}, int(held.Record))
}

func (c sight) priorIsLoss() bool {
	return c.prior.Verb == history.Drop || c.prior.Verb == history.Unprogram
}

// ofBacklog explains a sight after another one in the same store, which went forward
// from that to its version i, but to what another store had shown the agent before:
// this one is behind.
func (c sight) ofBacklog(i int) *property.Cause {
	versions := c.s.Versions[c.key]
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

// ofLoss explains why an agent dropped what existed: its store did not hold it.
func (c sight) ofLoss() *property.Cause {
	for _, rule := range lossRules {
		if cause := rule(c); cause != nil {
			return cause
		}
	}
	return nil
}

// lossRules explain a loss, the first that can.
var lossRules = []func(sight) *property.Cause{
	func(c sight) *property.Cause { return c.x.regeneratedWithout(c.r, c.record) },
	sight.ofCutList,
	sight.ofAbsence,
}

// ofAbsence explains a loss by the store that it came from.
func (c sight) ofAbsence() *property.Cause {
	if c.s == nil || c.prior == nil {
		return nil
	}
	if cause := c.ofDeletionHeard(); cause != nil {
		return cause
	}
	versions := c.s.Versions[c.key]
	i := len(versions) - 1
	for i >= 0 && c.x.in.Records[versions[i].Record].At > c.r.At {
		i--
	}
	since := c.session
	if c.prior.Store == c.s.Name {
		since = min(since, c.prior.At) // a watch that is opened again goes on where it was
	}
	if i >= 0 && !versions[i].Deleted && c.x.in.Records[versions[i].Record].At >= since {
		i-- // put after the agent had looked
	}
	switch {
	case i < 0:
		return c.neverHeld()
	case !versions[i].Deleted || c.prior.Store == c.s.Name && c.heldAs(c.prior.Value, c.prior.At) > i:
		return nil
	}
	del := &c.x.in.Records[versions[i].Record]
	if i > 0 && c.stoodFor(versions[i-1], del.At) {
		if !c.x.askedFor(c.s, c.key, versions[i].Rev) {
			return c.expired(versions[i])
		}
		return c.ofWrongDelete(i)
	}
	if c.prior.Store == c.s.Name {
		return nil
	}
	return c.behind(behindDeleted, property.Version{Gone: true, At: del.At}, int(versions[i].Record))
}

// ofDeletionHeard explains a loss by the last deletion, of what the agent had seen, that
// its watch has told it of: what came after that may be on its way yet.
func (c sight) ofDeletionHeard() *property.Cause {
	if c.prior.Store != c.s.Name || c.resumed == 0 {
		return nil
	}
	versions := c.s.Versions[c.key]
	for i := len(versions) - 1; i > 0 && versions[i].Rev >= c.resumed; i-- {
		del := &c.x.in.Records[versions[i].Record]
		before := versions[i-1]
		if !versions[i].Deleted || del.At > c.r.At || c.x.in.Records[before.Record].Value != c.prior.Value || !c.stoodFor(before, del.At) {
			continue
		}
		if !c.x.askedFor(c.s, c.key, versions[i].Rev) {
			return c.expired(versions[i])
		}
		return c.ofWrongDelete(i)
	}
	return nil
}

// stoodFor reports whether what a version of the entry says was true without a
// break until the instant.
func (c sight) stoodFor(v index.Version, until time.Duration) bool {
	return c.x.stood(c.e, c.x.in.Records[v.Record].Value, until)
}

// stood reports whether an entry has existed without a break from when its content
// was the given one until the instant.
func (x *causes) stood(e *index.Entry, value string, until time.Duration) bool {
	for i := range e.Claims {
		if e.Claims[i].Value != value {
			continue
		}
		for _, live := range slices.Backward(e.Claims[i].Live) {
			if e.States[live.From].At > until {
				continue
			}
			_, gone := e.Earliest(e.Absent, live.From, until)
			return !gone
		}
	}
	return false
}

// neverHeld explains a loss by a store that had not got the entry yet.
func (c sight) neverHeld() *property.Cause {
	canary, ok := c.canary()
	if !ok || c.prior.Store == c.s.Name {
		return nil
	}
	if c.emptiedUnder() {
		facts := c.facts()
		facts.Truth = &property.Version{Op: "put", At: c.x.in.Records[canary].At}
		return property.ByMechanism(causeCanary, emptiedCanary, facts, canary, c.record)
	}
	return c.behind(behindCanary, property.Version{Gone: true, At: c.x.in.Records[canary].At}, canary)
}

// canary returns the record of the last canary of the entry's kind in the store
// before the sight.
func (c sight) canary() (record int, ok bool) {
	for _, i := range slices.Backward(c.s.Changes) {
		r := &c.x.in.Records[i]
		if r.At <= c.r.At && r.Kind == history.Meta && index.IsCanaryOf(r.Key, c.e.Kind) {
			return int(i), r.Verb == history.Put
		}
	}
	return 0, false
}

// emptiedUnder reports whether the store began empty while its writer was up.
func (c sight) emptiedUnder() bool {
	for i := range c.x.in.Records {
		if r := &c.x.in.Records[i]; r.Verb == history.Up && r.Kind == "etcd" && r.Store == c.s.Name {
			life, ok := index.LifeAt(c.x.in.ProcessLives(c.s.Actor, "writer"), r.At)
			return ok && life.From < r.At && r.At < life.To && clusterIDOf(r.Store) != r.Store
		}
	}
	return false
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
		return fmt.Sprintf("held %s as %s since %s", f.Object(), property.Content(f.Shown.Value), property.Seconds(f.Shown.At))
	})
	behindLate = behindRule("got-later", func(f *property.Facts) string {
		return fmt.Sprintf("got %s only at %s", f.Object(), property.Seconds(f.Shown.At))
	})
	behindDeleted = behindRule("deleted", func(f *property.Facts) string {
		return fmt.Sprintf("had deleted %s at %s and not yet put it again", f.Object(), property.Seconds(f.Shown.At))
	})
	behindCanary = behindRule("not-held", func(f *property.Facts) string {
		return fmt.Sprintf("did not hold %s yet, behind a canary of %s", f.Object(), property.Seconds(f.Shown.At))
	})
)

func behindRule(name string, how func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		from := f.Before.From()
		if f.Before.Store == f.Store {
			from = "from the replica before"
		}
		return fmt.Sprintf("the store of %s, with which %s was connected since %s, %s; %s knew better %s",
			f.Server, f.Agent, property.Seconds(f.Since), how(f), f.Agent, from)
	}}
}

// What shows that an etcd that came back empty has canaries before their keys.
var emptiedCanary = &property.Rule{Name: "emptied", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the etcd of %s came back empty under its writer, which put the canary of %s back at %s and not yet %s",
		f.Server, f.Kind, property.Seconds(f.Truth.At), f.Object())
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
		return hadExpired(f) + fmt.Sprintf("; its writer put it again at %s", property.Seconds(f.Shown.At))
	}}
)

func hadExpired(f *property.Facts) string {
	return fmt.Sprintf("the etcd of %s deleted %s at %s without a request: its lease had expired", f.Server, f.Object(), property.Seconds(f.Truth.At))
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
		return fmt.Sprintf("%s regenerated its endpoints at %s after the time-out, without complete lists: %s", f.Agent, property.Seconds(f.At), why(f))
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

const clusterConfigPrefix = "cilium/cluster-config/"

func (x *causes) hasClusterConfig(s *index.Store, at time.Duration) bool {
	for _, i := range slices.Backward(s.Changes) {
		if r := &x.in.Records[i]; r.At <= at && len(r.Key) > len(clusterConfigPrefix) && r.Key[:len(clusterConfigPrefix)] == clusterConfigPrefix {
			return r.Verb == history.Put
		}
	}
	return false
}
