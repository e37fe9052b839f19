package stores

import (
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/schema"
)

var Leases = property.Property{
	Name: "leases",
	Promise: "A live writer's keys persist: no key goes without a deletion or the end of its lease, no lease ends while it is renewed or while writer and etcd both could renew it; and where a fault has ended one, every key that is still true is back within " +
		"two minutes, and as long again as the keys take at 20 per second, in which nothing disturbs the replica.",
	Why:   "a lease is there to remove the keys of a writer that is gone; cilium 25966",
	Rules: leaseRules,
	Check: checkLeases,
	Step:  leaseStep,
}

// How long a writer has to put its keys back. It learns of a lease's end by its next
// heartbeat, within a minute (Cilium: pkg/kvstore/etcd.go), or by its next renewal, and
// retries what failed.
const (
	putBackTime    = 2 * time.Minute
	putBackPerKey  = time.Second / 20
	knownTrueSince = 2 * time.Minute // before the lease's end: a writer that lags need not know of younger entries
)

func checkLeases(in *property.Input) property.Result {
	if len(in.Leases.All) == 0 {
		return property.Undecided("the history has no lease")
	}
	c := leaseCheck{in: in, lost: map[*index.Lease][]int32{}, disturbed: in.Disturbances(hindersWriter, "writer", "etcd")}
	for _, s := range in.Stores {
		c.deletions(s)
	}
	renewals, expired := 0, 0
	for _, l := range in.Leases.All {
		renewals += l.Renewals
		if l.End >= 0 && in.Records[l.End].Op == "expire" {
			expired++
		}
		c.judge(l)
	}
	return property.Judged(fmt.Sprintf("%s, renewed %s, %s; %s ended with %s, of which %s had to be put back",
		text.Count(len(in.Leases.All), "lease"), text.Count(renewals, "time"), text.Thousands(expired)+" expired",
		text.Thousands(c.withKeys), text.Count(c.keys, "key"), text.Thousands(c.putBack)), c.violations)
}

type leaseCheck struct {
	in         *property.Input
	lost       map[*index.Lease][]int32 // the deletions that its end made
	disturbed  map[string][]index.Disturbance
	withKeys   int // leases that ended with keys
	keys       int // that they had
	putBack    int // keys that had to be put back
	violations []property.Violation
}

// deletions gives each deletion of a store that no call asked for to the lease that the
// key had. One without a lease is a violation: the store lost it.
func (c *leaseCheck) deletions(s *index.Store) {
	for _, i := range s.Changes {
		r := &c.in.Records[i]
		if r.Verb != history.Del || r.At >= s.Last || s.Requested(c.in.Records, r.Key, r.Rev) || s.Uncertain(c.in.Records, r.Key) {
			continue
		}
		before := s.VersionBy(r.Key, r.Rev-1)
		if before == nil || before.Deleted {
			continue // etcd-linearizable's
		}
		put := &c.in.Records[before.Record]
		l := c.in.Leases.Of(s.Name, put.Owner)
		if l == nil || l.End < 0 {
			v := property.Violation{Rule: deletedUnasked, Records: []int{int(before.Record), int(i)}, Facts: property.Facts{
				Server: s.Actor, Store: s.Name, Kind: r.Kind, Key: r.Key, At: r.At, Lease: put.Owner, Shown: &property.Version{Gone: true, Rev: r.Rev}}}
			c.violations = append(c.violations, v)
			continue
		}
		c.lost[l] = append(c.lost[l], i)
	}
}

// The ways in which a live writer's keys do not persist.
var (
	deletedUnasked = &property.Rule{Name: "deleted-unasked", Text: func(f *property.Facts) string {
		why := "its lease " + f.Lease + " had not ended"
		if f.Lease == "" {
			why = "it had no lease"
		}
		return fmt.Sprintf("%s: %q was deleted at rev %d at %s, which nobody asked for, and %s", f.Etcd(), f.Key, f.Shown.Rev, text.Seconds(f.At), why)
	}}
	expiredEarly = expired("expired-early", func(f *property.Facts) string {
		return fmt.Sprintf("%s after it was renewed for %v", text.Seconds(f.At-f.Since), f.Allowed)
	})
	expiredUndisturbed = expired("expired-undisturbed", func(f *property.Facts) string {
		return fmt.Sprintf("although the writer and its etcd were up and undisturbed since its last renewal at %s", text.Seconds(f.Since))
	})
	notPutBack = &property.Rule{Name: "not-put-back", Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s: %q%s, lost at %s with the lease %s of %s, was not back at %s, although it was true and nothing had disturbed the replica for %v",
			f.Etcd(), f.Key, text.AndMore(f.Others), text.Seconds(f.Since), f.Lease, f.Client, text.Seconds(f.At), f.Allowed)
	}}
	leaseRules = []*property.Rule{deletedUnasked, expiredEarly, expiredUndisturbed, notPutBack}
)

// leaseStep is the etcd's where it took what it had to keep, and else that of the holder.
func leaseStep(v *property.Violation) property.Step {
	switch v.Rule.Name {
	case deletedUnasked.Name, expiredEarly.Name:
		return property.Step{Host: v.Server, Part: "etcd", What: "it took a key that nobody had asked it to delete, before the lease could end"}
	case notPutBack.Name:
		return property.Step{Host: v.Client, Part: "writer", What: "it did not put back what it had lost with its lease"}
	}
	return property.Step{Host: v.Client, Part: "writer", What: "it did not renew its lease, although nothing kept it from that"}
}

func expired(name string, why func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		return fmt.Sprintf("%s: the lease %s of %s with %s expired at %s, %s; it lost %s %q%s", f.Etcd(), f.Lease, f.Client,
			text.Count(f.Others+1, "key"), text.Seconds(f.At), why(f), f.Kind, f.Key, text.AndMore(f.Others))
	}}
}

// judge judges the expiry of a lease with keys whose holder is the writer beside its
// etcd.
func (c *leaseCheck) judge(l *index.Lease) {
	if l.End < 0 || len(c.lost[l]) == 0 {
		return
	}
	c.withKeys++
	c.keys += len(c.lost[l])
	end := &c.in.Records[l.End]
	if end.Op != "expire" || l.Granted < 0 || c.in.Records[l.Granted].Peer != end.Actor {
		return
	}
	renewed := &c.in.Records[l.Renewed]
	switch {
	case c.clockJumped(end.Actor, renewed.From, end.At):
	case end.At < renewed.From+l.TTL:
		c.report(expiredEarly, l, end, renewed.From)
	case c.undisturbed(end.Actor, renewed.At, end.At):
		c.report(expiredUndisturbed, l, end, renewed.At)
	}
	c.back(l, end)
}

func (c *leaseCheck) report(rule *property.Rule, l *index.Lease, end *history.Record, since time.Duration) {
	first := &c.in.Records[c.lost[l][0]]
	c.violations = append(c.violations, property.Violation{Rule: rule, Records: []int{int(l.Granted), int(l.Renewed), int(l.End), int(c.lost[l][0])}, Facts: property.Facts{
		Client: c.in.Records[l.Granted].Peer, Server: end.Actor, Store: l.Store, Kind: first.Kind, Key: first.Key, At: end.At,
		Lease: l.ID, Since: since, Allowed: l.TTL, Others: len(c.lost[l]) - 1}})
}

// back demands that the keys of a lease that expired are put back, once the writer, the
// same process, has had the time undisturbed.
func (c *leaseCheck) back(l *index.Lease, end *history.Record) {
	restarted := func(r *history.Record) bool {
		return r.Verb == history.Up && r.Kind == "writer" && r.Actor == end.Actor
	}
	if c.in.First(int(l.Granted), c.in.By(end.At), restarted) >= 0 {
		return // it was the lease of a writer that is gone
	}
	needed := putBackTime + time.Duration(len(c.lost[l]))*putBackPerKey
	deadline, ok := c.quietFor(end.Actor, end.At, needed)
	s := c.in.Store(l.Store)
	if !ok || deadline > s.Last {
		return
	}
	missing := 0
	var v property.Violation
	for _, i := range c.lost[l] {
		r := &c.in.Records[i]
		id, known := c.in.Views.Number(r.Kind, schema.NameIn(r.Key))
		if !known || !c.in.Views.Entries[id].TrueThroughout(max(0, end.At-knownTrueSince), deadline) {
			continue
		}
		c.putBack++
		if s.PresentBy(c.in.Records, r.Key, r.Rev, deadline) {
			continue
		}
		if missing++; missing == 1 {
			v = property.Violation{Rule: notPutBack, Records: []int{int(l.Granted), int(l.End), int(i)}, Facts: property.Facts{
				Client: c.in.Records[l.Granted].Peer, Server: end.Actor, Store: l.Store, Kind: r.Kind, Key: r.Key, At: deadline,
				Lease: l.ID, Since: end.At, Allowed: needed}}
		}
	}
	if missing > 0 {
		v.Others = missing - 1
		c.violations = append(c.violations, v)
	}
}

// hindersWriter reports whether a fault leaves a replica's processes up and keeps them
// from renewing leases or from putting keys back. A clock that jumps does so in an
// instant: it makes leases end early that are not renewed after it.
func hindersWriter(f *index.Fault) bool {
	return f.Is(disturb.WriterFrozen, disturb.EtcdLate, disturb.EtcdFull, disturb.LeasesAged)
}

// undisturbed reports whether nothing disturbed a replica from an instant to another.
func (c *leaseCheck) undisturbed(host string, from, to time.Duration) bool {
	return !slices.ContainsFunc(c.disturbed[host], func(d index.Disturbance) bool { return d.From <= to && d.To >= from })
}

// clockJumped reports whether the lease clock of a replica's etcd jumped in a time.
func (c *leaseCheck) clockJumped(host string, from, to time.Duration) bool {
	return slices.ContainsFunc(c.disturbed[host], func(d index.Disturbance) bool {
		return d.Fault != nil && d.Fault.Is(disturb.LeasesAged) && d.From <= to && d.To >= from
	})
}

// quietFor returns the instant when nothing has disturbed a replica for so long, not
// before from. It returns false if its writer or its etcd starts anew before.
func (c *leaseCheck) quietFor(host string, from, long time.Duration) (time.Duration, bool) {
	for _, d := range c.disturbed[host] {
		if d.To < from || d.From > from+long {
			continue
		}
		if d.Fault == nil {
			return 0, false
		}
		from = d.To
	}
	return from + long, true
}
