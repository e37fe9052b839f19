// Package mechanism says of violations which of the findings they look like by the records,
// and what makes them look so. That is a suspicion: it orders the tries with which
// internal/known measures what is known, groups what is broken for those who read it, and
// names the folders of a corpus. It decides nothing.
package mechanism

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/checker/load"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/rest"
	"github.com/meshcheck/meshcheck/checker/sources"
	"github.com/meshcheck/meshcheck/checker/stores"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Mechanism is a way in which violations are known to come about.
type Mechanism struct {
	Name     string // of the page in testdata/findings, without ".md"; as in a Proof
	Whose    string // as the table of testdata/findings has it
	Sentence string
	Rules    []*property.Rule // the ways in which it shows
}

// The names of the pages in testdata/findings.
const (
	CauseOrphan         = "writer-restart-orphans"
	CauseRelist         = "relist-loses-order"
	CauseStale          = "failover-to-stale-replica"
	CauseNamespace      = "namespace-informer-behind"
	CauseNamespaces     = "namespaces-behind-identities"
	CauseUntold         = "namespace-event-overtakes"
	CauseHidden         = "hidden-namespace-shown"
	CauseMerged         = "queue-merges-events"
	CauseEmptied        = "emptied-etcd-same-cluster-id"
	CauseClusterConfig  = "cluster-config-comes-back-late"
	CauseLease          = "lease-shorter-than-watchdog"
	CauseNoSource       = "restart-while-no-source"
	causeCanary         = "canaries-come-back-first"
	CauseQueue          = "cancelled-subscriber-leaks-queue"
	CauseBackOff        = "put-backs-off"
	CauseRefused        = "refused-puts-come-again"
	CauseCutList        = "cut-list-is-drained"
	CauseSlice          = "slice-update-deletes-first"
	CauseObjects        = "agent-loses-order"
	CauseOldOwner       = "old-owner-taken-last"
	CauseTwoSlices      = "pod-in-two-slices"
	CauseTwoOwners      = "two-owners-two-replicas"
	CauseFormerOwner    = "former-owner-deletes-key"
	CauseOneKey         = "one-key-for-two-owners"
	CauseSharedLease    = "shared-lease-ends"
	CauseLostPut        = "lost-key-put-back-once"
	CausePutBack        = "ended-key-put-back"
	CauseUndeleted      = "ended-key-not-deleted"
	CauseCollected      = "identity-collected-too-soon"
	CauseCollector      = "collector-locks-another-key"
	CauseDeletedAway    = "slices-outlive-their-pods"
	CauseRestarts       = "restarts-keep-identities"
	CauseLists          = "lists-keep-identities"
	CauseWaits          = "identity-deleted-while-its-pod-starts"
	CauseStaleCollector = "stale-collector-deletes-identity"
	CauseNumberTwice    = "new-leader-gives-out-a-number-twice"
	CauseRelabelled     = "relabelled-pod-leaves-its-slice"
	CauseNodeBack       = "node-comes-back-without-its-pods"
	CauseChangedAway    = "slices-keep-what-changed-meanwhile"
	CauseRelease        = "leader-releases-before-it-stops"
	CauseDeaf           = "etcd-peers-stay-deaf"
	CauseRefusesItself  = "new-member-refuses-itself"
	CauseAgain          = "slice-written-again-and-again"
	CauseTakenOnce      = "cluster-config-taken-once"
	CauseOneCache       = "one-cache-loses-identities"
	CauseStoppedReader  = "stopped-reader-leaves-entries"
	CauseLostEtcd       = "lost-etcd-leaves-entries"
	CauseUnread         = "unread-source-fills-gaps"
	CauseLockKept       = "lock-taken-when-nobody-asks"
	CauseShownByCRDs    = "crds-show-what-replicas-hide"
	CauseOlderDeletion  = "older-deletion-drops-a-node"
	CauseNamedPort      = "named-port-waits-for-an-identity"
)

// Whose a mechanism is.
const (
	ofCilium   = "Cilium's"
	ofProposal = "the proposal's"
	ofSetting  = "a setting's"
	ofClientGo = "client-go's"
	ofEtcd     = "etcd's"
	ofOurs     = "ours"
)

// Mechanisms returns the mechanisms that Check can prove, each with a page in
// testdata/findings.
func Mechanisms() []Mechanism {
	return []Mechanism{
		{CauseOrphan, ofCilium, "A writer restarts beside its etcd; what is deleted meanwhile keeps its key, which no later writer knows of.", []*property.Rule{orphaned}},
		{CauseStale, ofProposal, "An agent moves to a replica that is ready but behind the one that it had read before.", []*property.Rule{behindHeld, behindLate, behindDeleted, behindCanary, notToldYet}},
		{CauseEmptied, ofCilium, "An etcd comes back empty with its old cluster ID: watches go on at revisions of the store before.", []*property.Rule{wentOn, toldByOther}},
		{causeCanary, ofCilium, "A writer whose lease is gone puts its keys back in no order: canaries are there before what they vouch for.", []*property.Rule{emptiedCanary, leaseGone, storeLost}},
		{CauseClusterConfig, ofCilium, "After that, an agent that connects finds no cluster configuration for up to five minutes and lists nothing; one that has just started stops waiting, and regenerates its endpoints without entries.", []*property.Rule{withoutConfig, configGone}},
		{CauseTakenOnce, ofCilium, "A writer has another cluster ID for a while; an agent that connects then refuses what is of the cluster, and never asks again for its configuration.", []*property.Rule{tookWrongConfig, drainedWrongConfig}},
		{CauseNoSource, ofProposal, "An agent that starts while no replica answers stops waiting after a minute, and regenerates its endpoints without complete lists.", []*property.Rule{withoutReplica, withoutLists}},
		{CauseBackOff, ofCilium, "An etcd refuses changes for minutes; when it takes them again, the writer waits as long once more, up to 1000 s.", []*property.Rule{backOff}},
		{CauseRefused, ofCilium, "An etcd that refuses changes is asked again for all of its keys, each a dozen times within half a minute.", []*property.Rule{refusals}},
		{CauseRelist, ofCilium, "A writer lists anew and handles the objects in another order than that of their writes: a key is deleted that another object has claimed meanwhile.", []*property.Rule{relisted}},
		{CauseMerged, ofCilium, "A writer is told of several events at once and takes those of one object for the last: a key is deleted that another object has claimed in between.", []*property.Rule{merged}},
		{CauseNamespace, ofCilium, "A writer is told of a new namespace after its endpoints: a key is deleted that an endpoint in it has claimed. Or of the end of a namespace before the next owner of its addresses.", []*property.Rule{putBack, namespaceLate, namespaceLost, namespaceEnded}},
		{CauseNamespaces, ofCilium, "A writer is told of a namespace after its identities or endpoints: it leaves them for later, and puts the canary that vouches for them before.", []*property.Rule{namespaceUntold}},
		{CauseUntold, ofCilium, "A writer puts an identity or endpoint as it is told of the namespace, before it is told of the object itself; that is deleted before its turn comes, and the key stays.", []*property.Rule{neverDeleted}},
		{CauseHidden, ofCilium, "A writer takes up an identity or endpoint before it has taken up that their namespace is hidden from other clusters, or gone: it writes them. Or before it has taken up that the namespace is for others now: it deletes what they have.", []*property.Rule{namespaceHidden, namespaceShown, namespaceShownAgain}},
		{CauseCutList, ofCilium, "An agent that stops, or gives its connection up, in the middle of its list of identities drops those that it has just got.", []*property.Rule{cutList}},
		{CauseQueue, ofCilium, "A process is stopped before its informers have started: its subscribers' work queues are not shut down, and a goroutine of each stays.", []*property.Rule{stoppedEarly}},
		{CauseLease, ofSetting, "The lease of a writer that is away expires, and its keys with it, although what they say is true.", []*property.Rule{leaseExpired, leaseExpiredAgain}},
		{CauseSlice, ofCilium, "An agent that reads slices takes what one update of a slice removes before what it adds: an address that goes from one pod in it to another is dropped.", []*property.Rule{sliceUpdate}},
		{CauseObjects, ofCilium, "An agent that reads the kube-apiserver is told of several objects at once, and takes them in another order than that of their writes.", []*property.Rule{objectsOutOfOrder}},
		{CauseOldOwner, ofCilium, "An agent that lists while an address has two owners takes the older one last; when that one goes, it drops the address for good.", []*property.Rule{oldOwner}},
		{CauseTwoOwners, ofProposal, "Two pods claim one address for good, and each replica keeps the one that it heard of first: agents of different replicas disagree on whose it is.", []*property.Rule{twoOwners}},
		{CauseFormerOwner, ofCilium, "Two endpoints have one address for a while; the agent of the one that ends deletes the key that the other's has put into the etcd that agents share. If it is the agent of both, it does not put the key back when that is deleted.", []*property.Rule{formerOwner, unprotected}},
		{CauseOneKey, ofCilium, "Two endpoints have one address for a while, and one key in the etcd that agents share; the one whose content the key has ends and deletes it, and the other's agent puts its own only when it hears of that, or has not put it yet.", []*property.Rule{ownKey}},
		{CauseSharedLease, ofCilium, "The lease of an agent that lives ends in a shared etcd, whose clock has jumped or which the agent cannot reach: its keys go with it until it puts them back.", []*property.Rule{sharedLeaseExpired}},
		{CauseLostPut, ofCilium, "A lease is gone from a shared etcd before its agent knows: the agent puts a deleted key back with that lease, is refused, and tries a node again only half an hour later. So it does when the put fails otherwise, or the etcd gives it no lease.", []*property.Rule{lostPut, failedOnce}},
		{CausePutBack, ofCilium, "An agent is told that the key of an address was deleted, by another one or long ago, and puts back into the etcd that they share what it had put, while its own endpoint ends or changes.", []*property.Rule{putBackLate}},
		{CauseUndeleted, ofCilium, "An endpoint ends while its agent cannot reach the shared etcd, or has restarted and not put its key yet: the key is not deleted, and nobody tries again.", []*property.Rule{nodeDeleted, unreachable, restartedBefore}},
		{CauseCollected, ofSetting, "An operator collects unused identities more often than agents refresh what they use: one whose users' keys have gone with a lease is deleted from a shared etcd, and put back.", []*property.Rule{collected}},
		{CauseLockKept, ofCilium, "An agent asks a shared etcd for the lock of labels in vain, as it has no leader, and asks again; the first request is carried out a minute later, when the agent has had the lock and given it back: it holds it until it ends, and no pod with these labels gets an identity elsewhere.", []*property.Rule{lockKept}},
		{CauseCollector, ofCilium, "An operator that collects identities takes another lock than agents do: one that an agent begins to use while the operator looks for users is deleted from a shared etcd, and put back.", []*property.Rule{usedMeanwhile}},
		{CauseDeletedAway, ofCilium, "The last pods of a slice are deleted while no operator leads: the next one with slim slices takes what the slice said for pods that live, and keeps the slice, empty.", []*property.Rule{deletedAway, deletedUnlisted}},
		{CauseChangedAway, ofCilium, "An endpoint changes while no operator leads: the next one finds it in a slice, and does not look whether the slice says the same.", []*property.Rule{changedAway}},
		{CauseNodeBack, ofCilium, "A CiliumNode is deleted and comes back while its pods live: an operator with slim slices has forgotten which they are, and leaves them out of their slices.", []*property.Rule{nodeBack}},
		{CauseRestarts, ofCilium, "Each operator that begins to lead takes all identities for used just then: where leaders change more often than the heartbeat's time-out, one that nobody uses stays.", []*property.Rule{beganAnew}},
		{CauseLists, ofCilium, "An operator whose watch of identities has expired lists them, and takes all for used just then: where that happens more often than the heartbeat's time-out, one that nobody uses stays.", []*property.Rule{listedAnew}},
		{CauseWaits, ofCilium, "A pod asks for an identity that no CiliumEndpoint has yet, or has any more: the collector of identities, which knows of no pods, deletes it, and the operator makes it again.", []*property.Rule{noEndpointYet, madeAgain}},
		{CauseStaleCollector, ofCilium, "A kube-apiserver is behind: the collector of identities has not heard of the endpoint that has taken one up again, and deletes it. No agent puts it back where operators manage identities, and its labels get another number: the pod runs on with one that nobody knows.", []*property.Rule{unheardOf}},
		{CauseNumberTwice, ofCilium, "An operator that begins to lead draws a number for new labels before it knows which numbers are taken, and gives the identity that has it these labels: pods that have it run on under others. Where agents make identities, too, so does one that has led for long, of a number that it had not made itself.", []*property.Rule{otherLabels, agentsNumber}},
		{CauseRelabelled, ofCilium, "A pod gets other labels, of which its agent makes an identity in its own time, up to half a minute later: until then the operator, which makes slices of Pods, has the pod in none.", []*property.Rule{relabelled}},
		{CauseOlderDeletion, ofCilium, "A node goes, comes back and goes again within half a minute, and agents that share an etcd put off dropping it: the first deletion drops it in place of the second, too early, and the second drops nothing.", []*property.Rule{deletedBefore}},
		{CauseNamedPort, ofCilium, "A pod has a named port: its agent asks for an identity that has a label for it, and the operator makes one without: the pod never starts.", []*property.Rule{withoutPort}},
		{CauseRelease, ofClientGo, "An operator that cannot renew its lease gives it back before it stops: that takes until another one leads, whose lease it may empty.", []*property.Rule{wentOnLeading}},
		{CauseAgain, ofCilium, "An operator that looks in vain for an endpoint of a slice takes the slice for changed each time, and writes it with its endpoints in another order: being told of that, it looks again.", []*property.Rule{reordered}},
		{CauseDeaf, ofEtcd, "The connections between the members of an etcd carry nothing any more, and nobody tells them: each waits for TCP to notice, two and a half minutes, and is without a leader meanwhile.", []*property.Rule{deafPeers}},
		{CauseRefusesItself, ofEtcd, "A member of an etcd takes a snapshot of more than 5,000 entries and does not note that it has applied them: until somebody writes it refuses every request, its own to publish itself among them, which it repeats without a pause.", []*property.Rule{snapshotNotNoted}},
		{CauseOneCache, ofProposal, "An agent reads CRDs and an etcd into one identity cache; when it ceases to read CRDs, identities go that the etcd has, and nobody tells of them again.", []*property.Rule{drainedWithReader, drainedAtEnd}},
		{CauseStoppedReader, ofProposal, "An agent reads CRDs and an etcd into one ipcache; what it had of CRDs when it ceased to read them stays for good, since the etcd's entries are of lower precedence.", []*property.Rule{leftBehind, confirmed}},
		{CauseShownByCRDs, ofProposal, "A namespace is not for other clusters, and the writer of a replica leaves it out, though its readers are of the own cluster: an agent has its pods while it reads CRDs, and not while it reads a replica.", []*property.Rule{shownByCRDs}},
		{CauseLostEtcd, ofProposal, "An agent reads CRDs and an etcd into one ipcache; of what it had of an etcd that it has lost, nobody withdraws what is gone by the time that it has listed CRDs.", []*property.Rule{keptOfLost}},
		{CauseUnread, ofOurs, "An agent that merges two sources lets an etcd that it has reached again, and not yet read, fill the gaps of CRDs: what it had been told before it lost it comes back.", []*property.Rule{filledUnread}},
		{CauseTwoSlices, ofOurs, "A pod comes back with another address, and its slice with the old one is updated after the slice with the new one: an agent that reads slices has dropped the old one by then.", []*property.Rule{twoSlices}},
	}
}

// Explainer gives the violations of one history their causes. Its rules are those of store.go
// and loss.go, by which an agent shows what its store holds; writer.go, by which the store
// holds what its writer did; source.go, by which an agent waits for its store; rest.go, for what is still wrong when the run ends; and kube.go,
// for agents that read no store.
type Explainer struct {
	in    *property.Input
	stuck *views.Explainer                     // of what is wrong when the run ends, once a cause was asked for
	keys  map[string]map[index.EntryKey]string // by store: the keys of its entries

	stale    []staleDeletion       // once they were asked for
	foreign  []*property.Violation // of revision-origin, once it was asked for
	arrivals map[int]time.Duration // of what kube-apiservers sent, by record, if it was asked for
	reads    func() bool           // whether agents have two sources, of which they change
}

// New returns the explainer of a history.
func New(in *property.Input) *Explainer {
	reads := sync.OnceValue(func() bool {
		return in.First(0, len(in.Records), func(r *history.Record) bool { return r.Verb == history.Reading }) >= 0
	})
	return &Explainer{in: in, keys: map[string]map[index.EntryKey]string{}, arrivals: map[int]time.Duration{}, reads: reads}
}

// Explain gives a violation of the property of that name its cause. A violation without
// one looks like none of them. A cause excuses nothing: what is broken stays broken.
func (x *Explainer) Explain(broken string, v *property.Violation) {
	if x.stuck == nil {
		x.stuck = views.NewExplainer(x.in)
	}
	if schema.OfServices(v.Kind) { // of these no finding is
		return
	}
	if of := operatorRules[broken]; of != nil {
		v.Cause = of(x, v)
	}
	of := x.rules(v)[broken]
	if of != nil || storeRules[broken] != nil { // of two sources, one is an etcd
		v.Cause = x.ofHandover(v)
	}
	if v.Cause == nil && of != nil {
		v.Cause = of(x, v)
	}
	if v.Cause == nil && ofCollected[broken] {
		v.Cause = x.ofStaleCollector(v)
	}
	if v.Cause == nil && broken == views.Convergence.Name {
		v.Cause = x.ofMadeAgain(v)
	}
}

// rules are those of what the history's agents read, or, of a change in a view, of what it came from.
func (x *Explainer) rules(v *property.Violation) rules {
	if x.readsKube() {
		return kubeRules
	}
	if v.Agent == "" {
		return storeRules
	}
	if o, ok := x.observationOf(v); ok && o.r.Source == string(mode.FromAPIServer) {
		return kubeRules
	}
	return storeRules
}

// rules say, by the name of a property, what is asked for the cause of its violations. One
// that they do not name has no known causes.
type rules map[string]func(*Explainer, *property.Violation) *property.Cause

// operatorRules are those of what operators owe, whatever agents read.
var operatorRules = rules{
	mode.Slices:          (*Explainer).ofSlices,
	mode.IdentityGarbage: (*Explainer).ofGarbage,
	mode.IdentitySafety:  (*Explainer).ofUnsafe,
	mode.SingleLeader:    (*Explainer).ofLeader,
	mode.Started:         (*Explainer).ofUnstarted,
	mode.Amplification:   (*Explainer).ofAmplification,
}

// storeRules are those where agents read the etcds of replicas.
var storeRules = rules{
	views.Integrity.Name:          (*Explainer).ofInvented,
	views.Monotonic.Name:          (*Explainer).ofChange,
	views.MonotonicSession.Name:   (*Explainer).ofChange,
	views.NoSpuriousDeletion.Name: (*Explainer).ofChange,
	views.Owner.Name:              (*Explainer).ofOwner,
	views.Convergence.Name:        (*Explainer).ofStuck,
	views.Staleness.Name:          (*Explainer).ofWrong,
	rest.SingleSource.Name:        (*Explainer).ofWrong,
	rest.Agreement.Name:           (*Explainer).ofDisagreement,
	views.Referential.Name:        (*Explainer).ofDangling,
	views.Readiness.Name:          (*Explainer).ofUnusable,
	load.Leaks.Name:               (*Explainer).ofLeak,
	load.Load.Name:                (*Explainer).ofStorm,
	stores.Canaries.Name:          (*Explainer).ofCanary,
	stores.RevisionOrigin.Name:    (*Explainer).ofOrigin,
	sources.Fence.Name:            (*Explainer).ofFence,
	sources.FailOver.Name:         (*Explainer).ofFailOver,
	sources.Steady.Name:           (*Explainer).ofSteady,
	stores.Members.Name:           (*Explainer).ofMember,
}

// ofOwner explains a wrong owner that was shown, or that a view still has when the run ends.
func (x *Explainer) ofOwner(v *property.Violation) *property.Cause {
	if _, ok := x.observationOf(v); ok {
		return x.ofChange(v)
	}
	return x.ofWrong(v)
}

// ofChange explains a change of a view or datapath.
func (x *Explainer) ofChange(v *property.Violation) *property.Cause {
	o, ok := x.observationOf(v)
	if !ok {
		return nil
	}
	if cause := x.ofWrongConfig(o.r.Actor, o.record); cause != nil {
		return cause
	}
	if o.isLoss() {
		if cause := o.ofDrainedConfig(); cause != nil {
			return cause
		}
		return newStoreObservation(o, v).ofLoss()
	}
	return newStoreObservation(o, v).ofObservation()
}

// observation is a change of an entry in an agent's view or its host's datapath.
type observation struct {
	x      *Explainer
	e      *index.Entry
	r      *history.Record
	record int
}

// observationOf is the change that broke a property: of all that prove it the last. It
// returns false if that is none.
func (x *Explainer) observationOf(v *property.Violation) (observation, bool) {
	if len(v.Records) == 0 {
		return observation{}, false
	}
	return x.observe(v.Records[len(v.Records)-1])
}

func (x *Explainer) observe(record int) (observation, bool) {
	r := &x.in.Records[record]
	_, what, ok := index.ChangeOf(r)
	if !ok || what == index.Start || what == index.Stop {
		return observation{}, false
	}
	id, _ := x.in.Views.Number(r.Kind, r.Key)
	return observation{x, &x.in.Views.Entries[id], r, record}, true
}

func (o observation) isLoss() bool { return o.r.Verb == history.Drop || o.r.Verb == history.Unprogram }

// facts are what every proof about an observation says.
func (o observation) facts() property.Facts {
	return property.Facts{Agent: o.r.Actor, Server: o.r.Peer, Kind: o.r.Kind, Key: o.r.Key, At: o.r.At}
}

// all is how many records there are.
func (x *Explainer) all() int { return len(x.in.Records) }

// between returns the bounds of the records from an instant to another, both included.
func (x *Explainer) between(from, to time.Duration) (first, end int) {
	return x.in.By(from - 1), x.in.By(to)
}

// store returns a store, or nil if the history has none of that name.
func (x *Explainer) store(name string) *index.Store {
	if s := x.in.Store(name); s.Actor != "" {
		return s
	}
	return nil
}

// keyOf returns the key of an entry in a store.
func (x *Explainer) keyOf(s *index.Store, e *index.Entry) (string, bool) {
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

// lastMeta is the last record by an instant in which a store changed a key that belongs to no
// view and of which is holds; nil if there is none.
func (x *Explainer) lastMeta(s *index.Store, at time.Duration, is func(key string) bool) (i int, r *history.Record) {
	for _, i := range slices.Backward(s.Changes) {
		if r := &x.in.Records[i]; r.At <= at && r.Kind == history.Meta && is(r.Key) {
			return int(i), r
		}
	}
	return -1, nil
}

// clusterIDOf is the cluster ID in the name of a store: see history.Record.Store.
func clusterIDOf(store string) string {
	id, _, _ := strings.Cut(store, "/")
	return id
}
