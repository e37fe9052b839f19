package checker

import (
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// Cause is how a violation came about: one of the mechanisms that are known, with
// the records that prove that it is this one.
type Cause struct {
	Finding string `json:"finding"` // name of the page in testdata/findings, without ".md"
	Proof   string `json:"proof"`   // one sentence
	Records []int  `json:"records,omitempty"`
}

// Mechanism is a way in which violations are known to come about.
type Mechanism struct {
	Name     string // of the page in testdata/findings, without ".md"; what Cause.Finding says
	Sentence string
}

// The names of the pages in testdata/findings.
const (
	causeOrphan        = "writer-restart-orphans"
	causeRelist        = "relist-loses-order"
	causeStale         = "failover-to-stale-replica"
	causeNamespace     = "namespace-informer-behind"
	causeMerged        = "queue-merges-events"
	causeEmptied       = "emptied-etcd-same-cluster-id"
	causeClusterConfig = "cluster-config-comes-back-late"
	causeLease         = "lease-shorter-than-watchdog"
	causeNoSource      = "restart-while-no-source"
	causeCanary        = "canaries-come-back-first"
	causeQueue         = "cancelled-subscriber-leaks-queue"
	causeBackOff       = "put-backs-off"
	causeRefused       = "refused-puts-come-again"
	causeCutList       = "cut-list-is-drained"
)

// Mechanisms returns the mechanisms that Check can prove, each with a page in
// testdata/findings.
func Mechanisms() []Mechanism {
	return []Mechanism{
		{causeOrphan, "A writer restarts beside its etcd; what is deleted meanwhile keeps its key, which no later writer knows of."},
		{causeStale, "An agent moves to a replica that is ready but behind the one that it had read before."},
		{causeEmptied, "An etcd comes back empty with its old cluster ID: watches go on at revisions of the store before."},
		{causeCanary, "A writer whose lease is gone puts its keys back in no order: canaries are there before what they vouch for."},
		{causeClusterConfig, "After that, an agent that starts finds no cluster configuration, stops waiting, and regenerates its endpoints without entries."},
		{causeNoSource, "An agent that starts while no replica answers stops waiting after a minute, and regenerates its endpoints without complete lists."},
		{causeBackOff, "An etcd refuses changes for minutes; when it takes them again, the writer waits as long once more, up to 1000 s."},
		{causeRefused, "An etcd that refuses changes is asked again for all of its keys, each a dozen times within half a minute."},
		{causeRelist, "A writer lists anew and handles the objects in another order than that of their writes: a key is deleted that another object has claimed meanwhile."},
		{causeMerged, "A writer is told of several events at once and takes those of one object for the last: a key is deleted that another object has claimed in between."},
		{causeNamespace, "A writer is told of a new namespace after its endpoints: a key is deleted that an endpoint in it has claimed."},
		{causeCutList, "An agent that stops, or gives its connection up, in the middle of its list of identities drops those that it has just got."},
		{causeQueue, "A process is stopped before its informers have started: its subscribers' work queues are not shut down, and a goroutine of each stays."},
		{causeLease, "The lease of a writer that is away expires, and its keys with it, although what they say is true."},
	}
}

// explain gives violations their causes. A violation without one is news: either a
// mechanism that nobody has followed yet, or a known one that the records do not
// prove. A cause excuses nothing: what is broken stays broken.
func explain(in *input, results []Result) {
	x := newCauses(in)
	for i := range results {
		for j := range results[i].Violations {
			v := &results[i].Violations[j]
			v.Cause = x.of(results[i].Property, v)
		}
	}
}

// causes looks for causes. Its rules are those of cause_store.go, by which an agent
// shows what its store holds; cause_writer.go, by which the store holds what its
// writer did; and cause_rest.go, for what is still wrong when the run ends.
type causes struct {
	in      *input
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

func newCauses(in *input) *causes {
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

// of returns the cause of a violation, or nil.
func (x *causes) of(property string, v *Violation) *Cause {
	switch property {
	case convergence.Name:
		return x.ofStuck(v)
	case staleness.Name, singleSource.Name:
		return x.ofWrong(v)
	case referential.Name:
		return x.ofDangling(v)
	case readiness.Name:
		return x.ofUnusable(v)
	case leaks.Name:
		return x.ofLeak(v)
	case load.Name:
		return x.ofStorm(v)
	case canaries.Name:
		return x.ofCanary(v)
	case revisionOrigin.Name:
		return x.ofOrigin(v)
	}
	if len(v.Records) == 0 || v.Agent == "" {
		return nil
	}
	id, known := x.entries[index.EntryKey{Kind: v.Kind, Key: v.Key}]
	if !known {
		return nil
	}
	s := newSight(x, &x.in.Views.Entries[id], v)
	switch s.r.Verb {
	case history.See, history.Program:
		return s.ofSight()
	case history.Drop, history.Unprogram:
		return s.ofLoss()
	}
	return x.ofWrong(v)
}

// keyOf returns the key of an entry in a store.
func (x *causes) keyOf(s *index.Store, e *index.Entry) (string, bool) {
	keys := x.keys[s.Name]
	if keys == nil {
		keys = map[index.EntryKey]string{}
		for _, i := range s.Changes {
			if r := &x.in.Records[i]; r.Kind != history.Meta {
				keys[index.EntryKey{Kind: r.Kind, Key: index.EntryOf(r.Key)}] = r.Key
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
