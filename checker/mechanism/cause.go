// Package mechanism proves of violations by which of the known mechanisms they came about.
package mechanism

import (
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/load"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/stores"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Mechanism is a way in which violations are known to come about.
type Mechanism struct {
	Name     string // of the page in testdata/findings, without ".md"; as in a Proof
	Sentence string
	Rules    []*property.Rule // the ways in which it shows
}

// The names of the pages in testdata/findings.
const (
	CauseOrphan        = "writer-restart-orphans"
	CauseRelist        = "relist-loses-order"
	CauseStale         = "failover-to-stale-replica"
	CauseNamespace     = "namespace-informer-behind"
	CauseMerged        = "queue-merges-events"
	CauseEmptied       = "emptied-etcd-same-cluster-id"
	CauseClusterConfig = "cluster-config-comes-back-late"
	CauseLease         = "lease-shorter-than-watchdog"
	CauseNoSource      = "restart-while-no-source"
	causeCanary        = "canaries-come-back-first"
	CauseQueue         = "cancelled-subscriber-leaks-queue"
	CauseBackOff       = "put-backs-off"
	CauseRefused       = "refused-puts-come-again"
	CauseCutList       = "cut-list-is-drained"
	CauseSlice         = "slice-update-deletes-first"
	CauseObjects       = "agent-loses-order"
	CauseOldOwner      = "old-owner-taken-last"
	CauseTwoSlices     = "pod-in-two-slices"
)

// Mechanisms returns the mechanisms that Check can prove, each with a page in
// testdata/findings.
func Mechanisms() []Mechanism {
	return []Mechanism{
		{CauseOrphan, "A writer restarts beside its etcd; what is deleted meanwhile keeps its key, which no later writer knows of.", []*property.Rule{orphaned}},
		{CauseStale, "An agent moves to a replica that is ready but behind the one that it had read before.", []*property.Rule{behindHeld, behindLate, behindDeleted, behindCanary}},
		{CauseEmptied, "An etcd comes back empty with its old cluster ID: watches go on at revisions of the store before.", []*property.Rule{wentOn, toldByOther}},
		{causeCanary, "A writer whose lease is gone puts its keys back in no order: canaries are there before what they vouch for.", []*property.Rule{emptiedCanary, leaseGone, storeLost}},
		{CauseClusterConfig, "After that, an agent that starts finds no cluster configuration, stops waiting, and regenerates its endpoints without entries.", []*property.Rule{withoutConfig}},
		{CauseNoSource, "An agent that starts while no replica answers stops waiting after a minute, and regenerates its endpoints without complete lists.", []*property.Rule{withoutReplica, withoutLists}},
		{CauseBackOff, "An etcd refuses changes for minutes; when it takes them again, the writer waits as long once more, up to 1000 s.", []*property.Rule{backOff}},
		{CauseRefused, "An etcd that refuses changes is asked again for all of its keys, each a dozen times within half a minute.", []*property.Rule{refusals}},
		{CauseRelist, "A writer lists anew and handles the objects in another order than that of their writes: a key is deleted that another object has claimed meanwhile.", []*property.Rule{relisted}},
		{CauseMerged, "A writer is told of several events at once and takes those of one object for the last: a key is deleted that another object has claimed in between.", []*property.Rule{merged}},
		{CauseNamespace, "A writer is told of a new namespace after its endpoints: a key is deleted that an endpoint in it has claimed.", []*property.Rule{putBack, namespaceLate, namespaceLost}},
		{CauseCutList, "An agent that stops, or gives its connection up, in the middle of its list of identities drops those that it has just got.", []*property.Rule{cutList}},
		{CauseQueue, "A process is stopped before its informers have started: its subscribers' work queues are not shut down, and a goroutine of each stays.", []*property.Rule{stoppedEarly}},
		{CauseLease, "The lease of a writer that is away expires, and its keys with it, although what they say is true.", []*property.Rule{leaseExpired, leaseExpiredAgain}},
		{CauseSlice, "An agent that reads slices takes what one update of a slice removes before what it adds: an address that goes from one pod in it to another is dropped.", []*property.Rule{sliceUpdate}},
		{CauseObjects, "An agent that reads the kube-apiserver is told of several objects at once, and takes them in another order than that of their writes.", []*property.Rule{objectsOutOfOrder}},
		{CauseOldOwner, "An agent that lists while an address has two owners takes the older one last; when that one goes, it drops the address for good.", []*property.Rule{oldOwner}},
		{CauseTwoSlices, "A pod comes back with another address, and its slice with the old one is updated after the slice with the new one: an agent that reads slices has dropped the old one by then.", []*property.Rule{twoSlices}},
	}
}

// Explainer gives the violations of one history their causes.
type Explainer struct {
	in *property.Input
	x  *causes // once one has been asked for
}

// New returns the explainer of a history.
func New(in *property.Input) *Explainer { return &Explainer{in: in} }

// Explain gives a violation of the property of that name its cause. A violation without
// one is news: either a mechanism that nobody has followed yet, or a known one that the
// records do not prove. A cause excuses nothing: what is broken stays broken.
func (e *Explainer) Explain(broken string, v *property.Violation) {
	if e.x == nil {
		e.x = newCauses(e.in)
	}
	v.Cause = e.x.of(broken, v)
}

// causes looks for causes. Its rules are those of cause_store.go, by which an agent
// shows what its store holds; cause_writer.go, by which the store holds what its
// writer did; and cause_rest.go, for what is still wrong when the run ends.
type causes struct {
	in      *property.Input
	stores  map[string]*index.Store
	keys    map[string]map[index.EntryKey]string // by store: the keys of its entries
	asked   map[string]map[keyRevision]bool
	entries map[index.EntryKey]int32
	wrongs  map[int32]*wrong // by agent
}

type keyRevision struct {
	key string
	rev int64
}

func newCauses(in *property.Input) *causes {
	x := &causes{
		in: in, stores: map[string]*index.Store{}, keys: map[string]map[index.EntryKey]string{},
		asked: map[string]map[keyRevision]bool{}, entries: map[index.EntryKey]int32{},
		wrongs: map[int32]*wrong{},
	}
	for _, s := range in.Stores {
		x.stores[s.Name] = s
	}
	for id := range in.Views.Entries {
		e := &in.Views.Entries[id]
		x.entries[index.EntryKey{Kind: e.Kind, Key: e.Key}] = int32(id)
	}
	return x
}

// rules says, for each property, what is asked for the cause of its violations. One that
// no rule names has no known causes.
var rules = []struct {
	properties []property.Property
	of         func(*causes, *property.Violation) *property.Cause
}{
	{[]property.Property{views.Integrity, views.Monotonic, views.MonotonicSession, views.NoSpuriousDeletion}, (*causes).ofChange},
	{[]property.Property{views.Owner}, (*causes).ofOwner},
	{[]property.Property{views.Convergence}, (*causes).ofStuck},
	{[]property.Property{views.Staleness, views.SingleSource}, (*causes).ofWrong},
	{[]property.Property{views.Referential}, (*causes).ofDangling},
	{[]property.Property{views.Readiness}, (*causes).ofUnusable},
	{[]property.Property{load.Leaks}, (*causes).ofLeak},
	{[]property.Property{load.Load}, (*causes).ofStorm},
	{[]property.Property{stores.Canaries}, (*causes).ofCanary},
	{[]property.Property{stores.RevisionOrigin}, (*causes).ofOrigin},
}

// of returns the cause of a violation, or nil.
func (x *causes) of(broken string, v *property.Violation) *property.Cause {
	rules := rules
	if x.readsKube() {
		rules = kubeRules
	}
	for _, rule := range rules {
		if slices.ContainsFunc(rule.properties, func(p property.Property) bool { return p.Name == broken }) {
			return rule.of(x, v)
		}
	}
	return nil
}

// ofOwner explains a wrong owner that was shown, or that a view still has when the run ends.
func (x *causes) ofOwner(v *property.Violation) *property.Cause {
	switch x.in.Records[v.Records[len(v.Records)-1]].Verb {
	case history.See, history.Program, history.Drop, history.Unprogram:
		return x.ofChange(v)
	}
	return x.ofWrong(v)
}

// ofChange explains a change of a view or datapath.
func (x *causes) ofChange(v *property.Violation) *property.Cause {
	id, known := x.entries[index.EntryKey{Kind: v.Kind, Key: v.Key}]
	if len(v.Records) == 0 || !known {
		return nil
	}
	s := newSight(x, &x.in.Views.Entries[id], v)
	switch s.r.Verb {
	case history.See, history.Program:
		return s.ofSight()
	case history.Drop, history.Unprogram:
		return s.ofLoss()
	}
	return nil
}

// keyOf returns the key of an entry in a store.
func (x *causes) keyOf(s *index.Store, e *index.Entry) (string, bool) {
	keys := x.keys[s.Name]
	if keys == nil {
		keys = map[index.EntryKey]string{}
		for _, i := range s.Changes {
			if r := &x.in.Records[i]; r.Kind != history.Meta {
				keys[index.EntryKey{Kind: r.Kind, Key: schema.NameIn(r.Key)}] = r.Key
			}
		}
		x.keys[s.Name] = keys
	}
	key, ok := keys[index.EntryKey{Kind: e.Kind, Key: e.Key}]
	return key, ok
}

// VersionAt is the last version of a key in a store by an instant, or nil.
func (x *causes) versionAt(s *index.Store, key string, at time.Duration) *index.Version {
	versions := s.Versions[key]
	for i := len(versions) - 1; i >= 0; i-- {
		if x.in.Records[versions[i].Record].At <= at {
			return &versions[i]
		}
	}
	return nil
}

// askedFor reports whether a client asked for a deletion; if none did, a lease has
// expired.
func (x *causes) askedFor(s *index.Store, key string, rev int64) bool {
	asked := x.asked[s.Name]
	if asked == nil {
		asked = map[keyRevision]bool{}
		for _, i := range s.Calls {
			r := &x.in.Records[i]
			if r.Op != "delete" || r.Value == "0" {
				continue
			}
			for _, k := range s.Within(r) {
				asked[keyRevision{k, r.Rev}] = true
			}
		}
		x.asked[s.Name] = asked
	}
	return asked[keyRevision{key, rev}]
}

// clusterIDOf is the cluster ID in the name of a store: see history.Record.Store.
func clusterIDOf(store string) string {
	id, _, _ := strings.Cut(store, "/")
	return id
}
