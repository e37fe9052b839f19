package mechanism

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// orphan is the cause of a version of an entry that a store still has although a
// later incarnation of its writer has listed everything after the entry was gone;
// nil if that is not so.
func (x *Explainer) orphan(s *index.Store, e *index.Entry, v index.Version, at time.Duration) *property.Cause {
	put := &x.in.Records[v.Record]
	incarnations := x.in.Processes(s.Actor, "writer")
	before, ok := index.ProcessAt(incarnations, s.AskedAt(x.in.Records, put))
	now, _ := index.ProcessAt(incarnations, at)
	if !ok || now.From <= before.From || !index.Covers(e.Absent, e.StateAt(at)) {
		return nil
	}
	for _, i := range s.Changes {
		r := &x.in.Records[i]
		if r.At > at || r.At < now.From || r.Verb != history.Put || r.Kind != history.Meta || !schema.IsCanaryOf(r.Key, e.Kind) {
			continue
		}
		listed := e.StateAt(r.At)
		if !index.Covers(e.Absent, listed) {
			continue
		}
		gone, _ := e.LatestBefore(e.Absent, listed+1, at)
		return property.ByMechanism(CauseOrphan, orphaned, property.Facts{Server: s.Actor, Store: s.Name, Kind: put.Kind, Key: put.Key, At: at, Until: before.To,
			Shown: &property.Version{Value: put.Value, Rev: put.Rev, At: put.At}, Truth: &property.Version{Gone: true, At: e.States[gone].At}, Since: r.At}, int(v.Record), int(i))
	}
	return nil
}

var orphaned = &property.Rule{Name: "orphaned", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the writer of %s that put %s at %s ended at %s, the entry was gone at %s, and the next writer, whose canary is of %s, does not know of the key",
		f.Server, f.Object(), text.Seconds(f.Shown.At), text.Seconds(f.Until), text.Seconds(f.Truth.At), text.Seconds(f.Since))
}}

// ofStepBack explains why the store itself went back to an older content.
func (c storeObservation) ofStepBack() *property.Cause {
	versions, i := c.s.Versions[c.key], c.held
	put := &c.x.in.Records[versions[i].Record]
	if cause := c.x.ofPutBack(c.s, c.e, c.key, &versions[i]); cause != nil {
		return cause
	}
	if n := c.x.namespaceTold(c.s.Actor, schema.NamespaceIn(put.Value), put.At, true); n >= 0 {
		facts := c.facts()
		facts.Shown, facts.Truth = &property.Version{Op: "put", At: put.At}, namespaceAt(schema.NamespaceIn(put.Value), c.x.in.Records[n].At)
		return property.ByMechanism(CauseNamespace, putBack, facts, n, int(versions[i].Record))
	}
	del := i - 1
	for del >= 0 && !versions[del].Deleted && c.priorIsLoss() { // what follows the loss is all back in time
		del--
	}
	if del < 0 || !versions[del].Deleted {
		return nil
	}
	if c.requested(versions[del]) {
		if mode.Etcd.Is(c.s.Actor) {
			return c.ofSharedDelete(del)
		}
		return nil
	}
	cause := c.expired(versions[del])
	if !mode.Etcd.Is(c.s.Actor) {
		cause.Proofs[0].Rule, cause.Proofs[0].Shown = leaseExpiredAgain, &property.Version{Op: "put", At: put.At}
	}
	return cause
}

// ofWrongDelete explains why the store's writer deleted the key, with the version i,
// of an entry that existed all the time: it had learnt of its owners in another
// order than that of their writes.
func (c storeObservation) ofWrongDelete(i int) *property.Cause {
	if mode.Etcd.Is(c.s.Actor) {
		return c.ofSharedDelete(i)
	}
	del := c.s.Versions[c.key][i]
	at := c.x.in.Records[del.Record].At
	owner := c.x.ownerAt(c.e, at)
	if owner == nil {
		return nil
	}
	kind, _, _ := strings.Cut(owner.Owner, "/")
	facts := c.facts()
	facts.Shown = &property.Version{Op: "delete", Gone: true, At: at}
	facts.Before = &property.Version{By: owner.Owner, At: owner.At}
	by := func(mechanism string, rule *property.Rule, told int, truth *property.Version) *property.Cause {
		truth.At = c.x.in.Records[told].At
		facts.Truth = truth
		return property.ByMechanism(mechanism, rule, facts, told, int(del.Record))
	}
	namespace := schema.NamespaceIn(owner.Value)
	if n := c.x.namespaceTold(c.s.Actor, namespace, at, false); n >= 0 {
		return by(CauseNamespace, namespaceLate, n, namespaceAt(namespace, 0))
	}
	if gone := c.x.namespaceGone(c.s.Actor, namespace, at); gone >= 0 {
		return by(CauseNamespace, namespaceLost, gone, namespaceAt(namespace, 0))
	}
	if change, _ := c.x.unheard(namespace, int(del.Record), c.s.Actor, at); change >= 0 {
		return by(CauseHidden, namespaceShown, change, namespaceAt(namespace, 0))
	}
	if told := c.x.listed(c.s.Actor, kind, max(owner.At, at-handling), at); told >= 0 {
		return by(CauseRelist, relisted, told, &property.Version{Op: "list", Kind: kind})
	}
	if told, former := c.mergedEvents(owner, at); told >= 0 {
		return by(CauseMerged, merged, told, &property.Version{By: former})
	}
	if ended, former := c.endedNamespace(i, owner); ended >= 0 {
		return by(CauseNamespace, namespaceEnded, ended, namespaceAt(former, 0))
	}
	return nil
}

// endedNamespace is the deletion, or another end, of the namespace of what a writer deleted with the version i, if it
// had just been told of that, and not yet of the entry's owner, which is another one; -1 else.
func (c storeObservation) endedNamespace(i int, owner *history.Record) (ended int, namespace string) {
	versions, records := c.s.Versions[c.key], c.x.in.Records
	if i == 0 {
		return -1, ""
	}
	deleted := &records[versions[i].Record]
	namespace = schema.NamespaceIn(records[versions[i-1].Record].Value)
	ended = c.x.in.Last(0, int(versions[i].Record), func(r *history.Record) bool {
		return r.Verb == history.Write && r.Kind == "Namespace" && r.Key == namespace
	})
	if ended < 0 || !object.Hides(&records[ended]) {
		return -1, ""
	}
	heard := c.x.firstHeard(ended, int(versions[i].Record), c.s.Actor, namespace)
	if heard > deleted.At || heard <= deleted.At-handling || c.x.toldOfObject(c.s.Actor, objectOf(owner), owner.RV, owner.At, deleted.At, false) >= 0 {
		return -1, ""
	}
	return ended, namespace
}

// namespaceAt is what a writer was told of a namespace at an instant.
func namespaceAt(name string, at time.Duration) *property.Version {
	return &property.Version{Kind: "Namespace", Key: name, At: at}
}

// What shows that a writer handled objects in another order than that of their writes.
var (
	putBack = &property.Rule{Name: "put-back", Text: func(f *property.Facts) string {
		return fmt.Sprintf("the writer of %s put %s back at %s, which was gone: it had been told of the namespace %s at %s, and had not heard of the deletion yet",
			f.Server, f.Object(), text.Seconds(f.Shown.At), f.Truth.Key, text.Seconds(f.Truth.At))
	}}
	namespaceLate = wrongDelete("namespace-late", func(f *property.Facts) string {
		return fmt.Sprintf("it was told of the namespace %s at %s", f.Truth.Key, text.Seconds(f.Truth.At))
	})
	namespaceLost = wrongDelete("namespace-lost", func(f *property.Facts) string {
		return fmt.Sprintf("the last that it had heard of the namespace %s was its deletion, at %s", f.Truth.Key, text.Seconds(f.Truth.At))
	})
	namespaceShown = wrongDelete("namespace-shown", func(f *property.Facts) string {
		return fmt.Sprintf("it had not heard of the change of the namespace %s at %s, since when what is in it is for other clusters", f.Truth.Key, text.Seconds(f.Truth.At))
	})
	namespaceEnded = wrongDelete("namespace-ended", func(f *property.Facts) string {
		return fmt.Sprintf("as far as it had been told it was in the namespace %s, and it was told just then that this ended, or was hidden, at %s", f.Truth.Key, text.Seconds(f.Truth.At))
	})
	relisted = wrongDelete("listed-anew", func(f *property.Facts) string {
		return fmt.Sprintf("it had listed every %s anew at %s", f.Truth.Kind, text.Seconds(f.Truth.At))
	})
	merged = wrongDelete("events-merged", func(f *property.Facts) string {
		return fmt.Sprintf("of %s, which had it before, it was told both before and after that, at %s in the end", f.Truth.By, text.Seconds(f.Truth.At))
	})
)

func wrongDelete(name string, why func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		return fmt.Sprintf("the writer of %s deleted %s at %s, which %s had since %s; %s",
			f.Server, f.Object(), text.Seconds(f.Shown.At), f.Before.By, text.Seconds(f.Before.At), why(f))
	}}
}

// ownerAt is the Truth of the owner that an entry had last got by an instant, of
// those that it then had; nil if it had none.
func (x *Explainer) ownerAt(e *index.Entry, at time.Duration) *history.Record {
	state := e.StateAt(at)
	live := e.LiveIn(state)
	for _, i := range slices.Backward(e.Truths) {
		if r := &x.in.Records[i]; r.RV <= e.States[state].RV && r.Op == "put" && slices.Contains(live, r.Value) {
			return r
		}
	}
	return nil
}

// isList reports whether a kube-apiserver's answer is a list, or ends with one's end.
func isList(r *history.Record) bool {
	return r.Verb == history.Request && r.Op == "list" || r.Verb == history.Event && strings.Contains(r.Value, "INITIAL:")
}

// handling bounds the time between when a writer is told of something and when it has
// acted on it: that of the events before, and some of a retry's back-off.
const handling = 2 * time.Second

// listed is the last list of a Kubernetes kind that a client was given from one
// instant to another; -1 for none.
func (x *Explainer) listed(client, kind string, from, to time.Duration) int {
	first, end := x.between(from, to)
	return x.in.Last(first, end, func(r *history.Record) bool {
		return r.Store == "" && r.Peer == client && r.Kind == kind && isList(r)
	})
}

// startsAt reports whether a replica's writer has only just started, so that a list is its
// first.
func (x *Explainer) startsAt(replica string, at time.Duration) bool {
	life, ok := index.ProcessAt(x.in.Processes(replica, "writer"), at)
	return ok && at-life.From < handling
}

// namespaceTold is when a client was told of a namespace that was new to it, close to
// an instant; -1 if it was not.
//
// A list tells of all namespaces: it counts only if relists do, and not as the first one
// of a writer.
func (x *Explainer) namespaceTold(client, namespace string, at time.Duration, relists bool) int {
	first, end := x.between(at-handling, at+handling)
	return x.in.First(first, end, func(r *history.Record) bool {
		return r.Store == "" && r.Peer == client && r.Kind == "Namespace" && r.Verb == history.Event && (!isList(r) || relists && !x.startsAt(client, r.At)) &&
			strings.Contains(" "+r.Value, " ADDED:"+namespace+":")
	})
}

// namespaceGone is the last that a client had been told of a namespace by an instant, if
// that is its deletion; -1 else.
func (x *Explainer) namespaceGone(client, namespace string, at time.Duration) int {
	gone := false
	last := x.in.Last(0, x.in.By(at), func(r *history.Record) (tells bool) {
		if r.Store != "" || r.Peer != client || r.Kind != "Namespace" || r.Verb != history.Event && !isList(r) {
			return false
		}
		for told := range strings.FieldsSeq(r.Value) {
			if ev := index.ParseKubeEvent(told); ev.Key == namespace || strings.HasPrefix(told, namespace+":") {
				tells, gone = true, ev.What == "DELETED"
			}
		}
		return tells
	})
	if !gone {
		return -1
	}
	return last
}

// delayingQueue starts the goroutine of a work queue that delays items.
const delayingQueue = "k8s.io/client-go/util/workqueue.newDelayingQueue[...]"

// ofLeak explains the goroutines of work queues: a process that subscribes to
// resources ended before a kube-apiserver had told it of any.
func (x *Explainer) ofLeak(v *property.Violation) *property.Cause {
	if v.Key != delayingQueue {
		return nil
	}
	up := map[string]int{} // by host: the start of its process
	told := map[string]time.Duration{}
	for i := range x.in.Records {
		switch r := &x.in.Records[i]; {
		case r.Verb == history.Up && (r.Kind == "writer" || r.Kind == "operator"):
			up[r.Actor], told[r.Actor] = i, index.Forever
		case isList(r):
			told[r.Peer] = min(told[r.Peer], r.At)
		case r.Verb == history.Down && (r.Kind == "writer" || r.Kind == "operator"):
			const onItsWay = time.Second // what was sent later may not have arrived
			if began, ok := up[r.Actor]; ok && told[r.Actor] > r.At-onItsWay {
				return property.ByMechanism(CauseQueue, stoppedEarly, property.Facts{
					Server: r.Actor, Kind: r.Kind, At: r.At, Since: x.in.Records[began].At, Until: r.At}, began, i)
			}
		}
	}
	return nil
}

var stoppedEarly = &property.Rule{Name: "stopped-early", Text: func(f *property.Facts) string {
	return fmt.Sprintf("the %s of %s that started at %s was stopped at %s, before a kube-apiserver had told it of anything",
		f.Kind, f.Server, text.Seconds(f.Since), text.Seconds(f.Until))
}}

// What shows that a canary came back before what it vouches for.
var (
	leaseGone = canaryBack("lease-gone", func(f *property.Facts) string {
		return fmt.Sprintf("had put this canary at %s and put it again, with its other keys, when it found its lease gone", text.Seconds(f.Before.At))
	})
	storeLost = canaryBack("store-lost", func(f *property.Facts) string {
		return fmt.Sprintf("had put its keys into the store that was lost when the etcd came back empty at %s", text.Seconds(f.Before.At))
	})
)

func canaryBack(name string, how func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		return fmt.Sprintf("the writer of %s, which had been there since %s, %s", f.Server, text.Seconds(f.Since), how(f))
	}}
}

// ofCanary explains a canary that vouches for what is not there: the same writer had
// put it before, and puts it back because its lease is gone, or it had put what the
// canary vouches for into an earlier store.
func (x *Explainer) ofCanary(v *property.Violation) *property.Cause {
	last := v.Records[len(v.Records)-1]
	r := &x.in.Records[last]
	life, ok := index.ProcessAt(x.in.Processes(r.Actor, "writer"), r.At)
	if !ok || r.Verb != history.Put {
		return nil
	}
	by := func(rule *property.Rule, i int) *property.Cause {
		return property.ByMechanism(causeCanary, rule, property.Facts{Server: r.Actor, Store: r.Store, Key: r.Key, At: r.At, Since: life.From,
			Before: &property.Version{At: x.in.Records[i].At}}, life.Up, i, last)
	}
	if i := x.in.Last(life.Up+1, last, func(first *history.Record) bool {
		return first.Verb == history.Put && first.Actor == r.Actor && first.Key == r.Key
	}); i >= 0 {
		return by(leaseGone, i)
	}
	if i := x.in.Last(life.Up+1, last, func(up *history.Record) bool { return isEtcdUp(up, r.Store) }); i >= 0 && clusterIDOf(r.Store) != r.Store {
		return by(storeLost, i)
	}
	return x.behindNamespaces(v, last)
}

// ofOrigin explains a watch at a revision that its store had not told the client: the
// client had it from an earlier store of the same cluster ID.
func (x *Explainer) ofOrigin(v *property.Violation) *property.Cause {
	last := v.Records[len(v.Records)-1]
	watch := &x.in.Records[last]
	i := x.in.Last(0, last, func(r *history.Record) bool {
		return r.Peer == watch.Peer && r.Store != watch.Store && clusterIDOf(r.Store) == clusterIDOf(watch.Store) &&
			(r.Verb == history.Watch || r.Verb == history.Event || r.Verb == history.Call)
	})
	if i < 0 {
		return nil
	}
	return property.ByMechanism(CauseEmptied, toldByOther, property.Facts{Client: watch.Peer, Server: watch.Actor, Store: watch.Store, At: watch.At,
		Before: &property.Version{Store: x.in.Records[i].Store, At: x.in.Records[i].At}}, i, last)
}

var toldByOther = &property.Rule{Name: "told-by-another-store", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s had been told by the store %s, until %s, which had the same cluster ID as %s",
		f.Client, f.Before.Store, text.Seconds(f.Before.At), f.Store)
}}
