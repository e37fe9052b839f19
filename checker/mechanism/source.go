package mechanism

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/stores"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// ofFailOver explains an agent that has not come to read another replica by an instant.
func (x *Explainer) ofFailOver(v *property.Violation) *property.Cause {
	return x.ofSource(v.Agent, x.in.By(v.At), v.At)
}

// ofFence explains endpoints that were regenerated without what the source had.
func (x *Explainer) ofFence(v *property.Violation) *property.Cause {
	return x.ofWrongConfig(v.Agent, v.Records[len(v.Records)-1])
}

// ofSteady explains what a client did without a cause: that it had waited for something.
func (x *Explainer) ofSteady(v *property.Violation) *property.Cause {
	if c := x.deaf(v); c != nil {
		return c
	}
	return x.ofSource(v.Client, v.Records[len(v.Records)-1], v.At)
}

// deaf explains what a client does anew when a member of its etcd has a leader again: the
// watches of the client ended because it had none, since the members' connections died.
func (x *Explainer) deaf(v *property.Violation) *property.Cause {
	if !mode.Etcd.Is(v.Server) {
		return nil
	}
	for _, f := range slices.Backward(x.in.Faults) {
		if f.From >= v.At || !f.Is(disturb.ConnectionsDead) || !slices.ContainsFunc(f.Hosts, mode.Etcd.Is) || !slices.ContainsFunc(f.Peers, mode.Etcd.Is) {
			continue
		}
		first, end := x.between(f.From, v.At)
		ended := x.in.First(first, end, func(r *history.Record) bool {
			return r.Verb == history.Unwatch && r.Peer == v.Client && strings.Contains(r.Value, noLeader)
		})
		if ended < 0 {
			return nil
		}
		r := &x.in.Records[ended]
		return property.ByMechanism(CauseDeaf, deafPeers, property.Facts{Client: v.Client, Server: r.Actor, At: r.At, Since: f.From}, int(f.Begin), ended)
	}
	return nil
}

// noLeader is what a member says that has no leader (etcd: rpctypes.ErrNoLeader).
const noLeader = "etcdserver: no leader"

var deafPeers = &property.Rule{Name: "no-leader", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the connections of the etcd's members died at %s; %s had no leader any more, and ended a watch of %s at %s", text.Seconds(f.Since), f.Server, f.Client, text.Seconds(f.At))
}}

// ofMember explains a member of an etcd that lets nobody in: its first attempt to publish itself has failed by the time
// that it has a snapshot of more entries than etcd lets be applied late, and nobody has written since.
func (x *Explainer) ofMember(v *property.Violation) *property.Cause {
	s := x.store(v.Store)
	if s == nil {
		return nil
	}
	last := -1 // change before the violation
	for _, i := range s.Changes {
		if x.in.Records[i].At <= v.At {
			last = int(i)
		}
	}
	if last < 0 || x.in.Records[last].Rev <= lateEntries || x.in.Records[last].At > v.Since+publishTime {
		return nil
	}
	return property.ByMechanism(CauseRefusesItself, snapshotNotNoted, property.Facts{Server: v.Server, At: v.At, Since: v.Since, Before: &property.Version{Rev: x.in.Records[last].Rev}}, last)
}

// What etcd asks of an entry that is proposed, and for how long a member waits for the answer when it publishes itself
// (server/etcdserver: maxGapBetweenApplyAndCommitIndex, and ReqTimeout of an election timeout of a second).
const (
	lateEntries = 5000
	publishTime = 7 * time.Second
)

var snapshotNotNoted = &property.Rule{Name: "snapshot-not-noted", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the store was at rev %d, so that %s, which started at %s, had to take a snapshot of more than 5,000 entries; nobody wrote until %s", f.Before.Rev, f.Server, text.Seconds(f.Since), text.Seconds(f.At))
}}

// ofSource explains what an agent did at an instant, or had not done by then, by what the
// store does not tell it with which it is connected, or was until just before: the records
// from at on are not before the instant.
func (x *Explainer) ofSource(agent string, at int, when time.Duration) *property.Cause {
	connect := x.in.Last(0, at, func(r *history.Record) bool {
		return r.Actor == agent && (r.Verb == history.Connect || r.Verb == history.Up && r.Kind == "agent")
	})
	if connect < 0 || x.in.Records[connect].Verb != history.Connect {
		return nil
	}
	end := x.in.First(connect, at, func(r *history.Record) bool { return r.Verb == history.Disconnect && r.Actor == agent })
	switch {
	case end < 0:
		end = at
	case when > x.in.Records[end].At+handling:
		return nil // it has been without a store for longer
	}
	s := x.store(x.in.Records[connect].Store)
	if s == nil {
		return nil
	}
	return cmp.Or(x.unconfigured(s, agent, connect, end, when), x.silent(s, agent, end))
}

// silent explains an agent that waits for heartbeats or canaries, or gave its connection up
// for want of them: it watches them from a revision that another store had told it of.
func (x *Explainer) silent(s *index.Store, agent string, end int) *property.Cause {
	for _, v := range x.foreignWatches() {
		w := x.in.Records[v.Records[len(v.Records)-1]]
		if w.Peer != agent || w.Store != s.Name || w.Key != schema.Heartbeat && !strings.HasPrefix(w.Key, schema.CanaryPrefix) {
			continue
		}
		if open := x.etcdWatch(w.ID); open != nil && int(open.Open) < end && (open.End < 0 || int(open.End) >= end) &&
			(len(open.Events) == 0 || int(open.Events[0]) >= end) {
			return x.ofOrigin(v)
		}
	}
	return nil
}

// foreignWatches are the violations of revision-origin.
func (x *Explainer) foreignWatches() []*property.Violation {
	if x.foreign == nil {
		x.foreign = []*property.Violation{}
		all := stores.RevisionOrigin.Check(x.in).Violations
		for i := range all {
			x.foreign = append(x.foreign, &all[i])
		}
	}
	return x.foreign
}

// etcdWatch returns the watch of an etcd of a number.
func (x *Explainer) etcdWatch(id int64) *index.Watching {
	for _, w := range x.in.Watches.Etcd {
		if x.in.Records[w.Open].ID == id {
			return w
		}
	}
	return nil
}
