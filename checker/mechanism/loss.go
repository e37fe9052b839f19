package mechanism

import (
	"cmp"
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// ofLoss explains why an agent dropped what existed: its store did not hold it.
func (c storeObservation) ofLoss() *property.Cause {
	return cmp.Or(c.x.regeneratedWithout(c.r, c.record), c.ofCutList(), c.ofAbsence(), c.ofOlderDeletion())
}

// nodeDeleteDelay is how long an agent puts off dropping a node whose key is gone from a shared etcd (Cilium:
// pkg/defaults, NodeDeleteDelay).
const nodeDeleteDelay = 30 * time.Second

// ofOlderDeletion explains that an agent drops a node which it has dropped already: a former deletion of its key, which has
// been put off, has come between.
func (c storeObservation) ofOlderDeletion() *property.Cause {
	before := c.before()
	if c.s == nil || !mode.Etcd.Is(c.s.Actor) || c.r.Kind != history.Node || before < 0 || c.x.in.Records[before].Verb != history.Drop {
		return nil
	}
	var older, last *history.Record // deletions
	lastRecord := 0
	for _, v := range c.s.Versions[c.key] {
		if r := &c.x.in.Records[v.Record]; v.Deleted && r.At < c.r.At {
			older, last, lastRecord = last, r, int(v.Record)
		}
	}
	if older == nil || c.r.At < last.At+nodeDeleteDelay || c.r.At > last.At+nodeDeleteDelay+handling {
		return nil
	}
	// The agent may have heard of the older one late, after an outage: its delay ends before that of the last one does.
	if at := c.x.in.Records[before].At; at < older.At+nodeDeleteDelay || at >= last.At+nodeDeleteDelay {
		return nil
	}
	facts := c.facts()
	facts.Since, facts.Until = older.At, last.At
	facts.At = c.x.in.Records[before].At
	return property.ByMechanism(CauseOlderDeletion, deletedBefore, facts, before, lastRecord)
}

var deletedBefore = &property.Rule{Name: "deleted-before", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the key of %s went from %s at %s and again at %s; %s dropped it at %s, as the delay of the first deletion was over, and once more as that of the second was",
		f.Object(), f.Server, text.Seconds(f.Since), text.Seconds(f.Until), f.Agent, text.Seconds(f.At))
}}

// ofAbsence explains a loss by the store that it came from.
func (c storeObservation) ofAbsence() *property.Cause {
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
	if i > 0 && c.stoodFor(versions[i-1], del.At) && !c.deletesFormer(i) {
		return c.ofDeletion(i)
	}
	if c.prior.Store == c.s.Name {
		return nil
	}
	return c.behind(behindDeleted, property.Version{Gone: true, At: del.At}, int(versions[i].Record))
}

// deletesFormer reports whether the version i of the entry is a deletion that a client asked for, of a former life of what has
// come back with the same content since, and which the agent knows from elsewhere.
func (c storeObservation) deletesFormer(i int) bool {
	put := &c.x.in.Records[c.s.Versions[c.key][i-1].Record]
	return c.prior.Store != c.s.Name && c.requested(c.s.Versions[c.key][i]) && !c.stood(put.Value, put.At, c.x.in.Records[c.s.Versions[c.key][i].Record].At)
}

// ofDeletionHeard explains a loss by the last deletion of what the agent had seen: what came
// after that may be on its way yet.
func (c storeObservation) ofDeletionHeard() *property.Cause {
	if c.prior.Store != c.s.Name {
		return nil
	}
	versions := c.s.Versions[c.key]
	for i := len(versions) - 1; i > 0; i-- {
		del := &c.x.in.Records[versions[i].Record]
		before := versions[i-1]
		if !versions[i].Deleted || del.At > c.r.At || c.x.in.Records[before.Record].Value != c.prior.Value || !c.stoodFor(before, del.At) {
			continue
		}
		return c.ofDeletion(i)
	}
	return nil
}

// ofDeletion explains a loss by the deletion of what was true: its lease had expired, or the
// writer deleted it.
func (c storeObservation) ofDeletion(i int) *property.Cause {
	if del := c.s.Versions[c.key][i]; !c.requested(del) {
		return c.expired(del)
	}
	return c.ofWrongDelete(i)
}

// requested reports whether a client asked for a deletion of the entry; if none did, a lease
// has expired.
func (c storeObservation) requested(v index.Version) bool {
	return c.s.Requested(c.x.in.Records, c.key, v.Rev)
}

// stoodFor reports whether the entry has existed without a break from when what a version of
// it says was true until the instant.
func (c storeObservation) stoodFor(v index.Version, until time.Duration) bool {
	return c.stood(c.x.in.Records[v.Record].Value, until, until)
}

// stood reports whether the entry has existed without a break until an instant, from when a content was last true that was so by
// another instant.
func (c storeObservation) stood(value string, by, until time.Duration) bool {
	from, was := c.e.LatestBefore(c.e.LiveAs(value), index.Lasting, by)
	_, gone := c.e.Earliest(c.e.Absent, from, until)
	return was && !gone
}

// neverHeld explains a loss by a store that had not got the entry yet.
func (c storeObservation) neverHeld() *property.Cause {
	canary, put := c.x.lastMeta(c.s, c.r.At, func(key string) bool { return schema.IsCanaryOf(key, c.e.Kind) })
	if put == nil || put.Verb != history.Put || c.prior.Store == c.s.Name {
		return nil
	}
	if c.emptiedUnder() {
		facts := c.facts()
		facts.Truth = &property.Version{Op: "put", At: put.At}
		return property.ByMechanism(causeCanary, emptiedCanary, facts, canary, c.record)
	}
	since := c.existsSince()
	if c.x.vouches(canary, c.e, since) {
		return c.x.untoldNamespace(canary, c.e, c.e.LiveIn(since)[0])
	}
	return c.behind(behindCanary, property.Version{Gone: true, At: put.At}, canary)
}

// existsSince is the state from which on the entry, which a view or datapath lost, exists
// without a break.
func (c storeObservation) existsSince() int32 {
	state := c.e.StateAt(c.r.At)
	since := int32(1)
	for _, gone := range c.e.Absent {
		if gone.To <= state {
			since = gone.To
		}
	}
	return since
}

// emptiedUnder reports whether the store began empty while its writer was up.
func (c storeObservation) emptiedUnder() bool {
	began := c.x.in.First(0, c.x.all(), func(r *history.Record) bool { return isEtcdUp(r, c.s.Name) })
	if began < 0 {
		return false
	}
	at := c.x.in.Records[began].At
	life, ok := index.ProcessAt(c.x.in.Processes(c.s.Actor, "writer"), at)
	return ok && life.From < at && at < life.To && clusterIDOf(c.s.Name) != c.s.Name
}

// isEtcdUp reports whether a record is the start of a store's etcd.
func isEtcdUp(r *history.Record, store string) bool {
	return r.Verb == history.Up && r.Kind == "etcd" && r.Store == store
}
