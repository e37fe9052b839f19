package mechanism

import (
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/schema"
)

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
		if r.At <= c.r.At && r.Kind == history.Meta && schema.IsCanaryOf(r.Key, c.e.Kind) {
			return int(i), r.Verb == history.Put
		}
	}
	return 0, false
}

// emptiedUnder reports whether the store began empty while its writer was up.
func (c sight) emptiedUnder() bool {
	for i := range c.x.in.Records {
		if r := &c.x.in.Records[i]; r.Verb == history.Up && r.Kind == "etcd" && r.Store == c.s.Name {
			life, ok := index.ProcessAt(c.x.in.Processes(c.s.Actor, "writer"), r.At)
			return ok && life.From < r.At && r.At < life.To && clusterIDOf(r.Store) != r.Store
		}
	}
	return false
}
