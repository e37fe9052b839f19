package kube

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

var Watch = property.Property{
	Name:    "kube-watch",
	Promise: "Each watch of a kube-apiserver gets the changes after its start in order, once and without a gap, with the type that they have for it; bookmarks and initial events keep what they say; a list or a watch is never of an older version than it asked for, and what it holds is the state of its version.",
	Why:     "the ground that Cilium's informers stand on (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes)",
	Ground:  true,
	Rules:   slices.Concat(watchRules, readRules),
	Check:   checkKubeWatch,
	Step:    property.ByServer("kube-apiserver", "what it told this client"),
}

func checkKubeWatch(in *property.Input) property.Result {
	c := kubeWatchCheck{in: in}
	for i := range in.Records {
		if r := &in.Records[i]; r.Verb == history.Request && r.Err == "" && (r.Op == "list" || r.Op == "get") {
			c.read(i, r)
		}
	}
	for _, w := range in.Watches.Kube {
		c.watch(w)
	}
	if len(in.Watches.Kube) == 0 && c.reads == 0 {
		if nobodyWatches(in.Records) {
			return property.Inapplicable("agents read a shared etcd and no kube-apiserver, and there is no operator: only the workload's clients are left, which neither watch nor list")
		}
		return property.Undecided("the history has no watch of a kube-apiserver")
	}
	return property.Judged(fmt.Sprintf("%s in %s, of them %s complete and %s initial states, and %s",
		text.Count(c.sent, "event"), text.Count(len(in.Watches.Kube), "watch"), text.Thousands(c.whole), text.Thousands(c.initial),
		text.Count(c.reads, "read")), c.violations)
}

// nobodyWatches reports whether a run has nobody who would watch a kube-apiserver: where
// agents share an etcd these are the operators.
func nobodyWatches(records []history.Record) bool {
	shared := false
	for i := range records {
		if r := &records[i]; r.Verb == history.Up {
			if mode.Operator.Is(r.Actor) {
				return false
			}
			shared = shared || mode.Etcd.Is(r.Actor)
		}
	}
	return shared
}

type kubeWatchCheck struct {
	in                          *property.Input
	reads, sent, whole, initial int
	violations                  []property.Violation
}

// kubeWatcher is how far a watch has come.
type kubeWatcher struct {
	c      *kubeWatchCheck
	w      *index.Watching
	opened *history.Record
	kind   *index.KubeKind
	scope  *index.KubeScope
	broken map[string]bool // the families of rules that it has broken already

	phase   kubePhase
	due     []index.KubeChange // what it has still to get, if whole
	whole   bool               // it has no selectors: every change of its scope is its due
	present map[string]int64   // the resourceVersions of the objects that it has been sent
	rv      int64              // of the last event or bookmark
	marked  int64              // the resourceVersion of the last bookmark
	mark    int32              // its record
	last    int32              // the record before
}

// kubePhase is what a watch sends.
type kubePhase int

const (
	kubeInitial   kubePhase = iota // the state before the first change
	kubeFollowing                  // changes
	kubeFailed                     // nothing any more: it has sent an error
)

func (c *kubeWatchCheck) watch(w *index.Watching) {
	r := &c.in.Records[w.Open]
	k := c.in.KindOf(r.Kind)
	x := &kubeWatcher{c: c, w: w, opened: r, kind: k, scope: k.Scope(c.in.Records, r.Key), broken: map[string]bool{},
		whole: r.End == "", present: map[string]int64{}, last: w.Open}
	marksInitial := strings.HasPrefix(r.Ask, "initial:")
	if from := index.ParseNumber(property.OrDefault(r.Ask, "0")); !marksInitial && from > 0 {
		x.phase, x.rv, x.due = kubeFollowing, from, x.scope.After(from)
	} else if !marksInitial {
		// The state comes first, but nothing says where it ends: what is in the first
		// piece is taken for it, and a gap cannot be told.
		x.whole = false
	}
	if x.whole {
		c.whole++
	}
	for n, i := range w.Events {
		for field := range strings.FieldsSeq(c.in.Records[i].Value) {
			c.sent++
			x.event(i, index.ParseKubeEvent(field))
		}
		if n == 0 && x.phase == kubeInitial && !marksInitial {
			x.phase = kubeFollowing
		}
		x.last = i
	}
}

// report notes that an event breaks a rule, the first time for each family of rules.
func (x *kubeWatcher) report(rule *property.Rule, i int32, facts property.Facts, because ...int32) {
	if x.broken[rule.Family] {
		return
	}
	x.broken[rule.Family] = true
	r := &x.c.in.Records[i]
	facts.Client, facts.Server, facts.Kind, facts.Key, facts.Range, facts.Asked, facts.At = x.opened.Peer, r.Actor, x.opened.Kind, x.opened.Key, x.opened.End, x.opened.Ask, r.At
	records := append(append([]int32{x.w.Open}, because...), i)
	x.c.violations = append(x.c.violations, property.NewViolation(rule, facts, records...))
}

// got is an event as a watch got it.
func got(ev index.KubeEvent) *property.Version {
	return &property.Version{Op: ev.What, Key: ev.Key, RV: ev.RV}
}

func (x *kubeWatcher) event(i int32, ev index.KubeEvent) {
	if x.phase == kubeFailed {
		x.report(afterEnd, i, property.Facts{Shown: got(ev)}, x.last)
		return
	}
	switch ev.What {
	case "ERROR":
		x.phase = kubeFailed
	case "INITIAL":
		x.began(i, ev)
	case "BOOKMARK":
		x.bookmark(i, ev)
	default:
		x.object(i, ev)
	}
}

// object takes an event of an object: it is a version that the object had, and comes
// in its turn and with the type that fits what was sent before.
func (x *kubeWatcher) object(i int32, ev index.KubeEvent) {
	change := x.kind.Write(ev.Key, ev.RV)
	if change == nil || !index.InNamespace(ev.Key, x.opened.Key) {
		x.report(sentNeverWritten, i, property.Facts{Shown: got(ev)})
		return
	}
	x.typed(i, ev, change)
	if ev.What == "DELETED" {
		delete(x.present, ev.Key)
	} else {
		x.present[ev.Key] = ev.RV
	}
	if x.phase == kubeInitial {
		return
	}
	if ev.RV <= x.rv {
		if ev.RV <= x.marked {
			x.report(passedBookmark, i, property.Facts{Shown: got(ev), Before: &property.Version{RV: x.marked}}, x.mark)
		} else {
			x.report(wrongOrder, i, property.Facts{Shown: got(ev), Before: &property.Version{RV: x.rv}}, x.last)
		}
		return
	}
	x.pass(i, ev.RV-1)
	x.rv = ev.RV
	if len(x.due) > 0 && x.due[0].RV == ev.RV {
		x.due = x.due[1:]
	}
}

// typed: an object is added if the watch did not have it, else modified or deleted. A
// watch that began without the initial state may have anything.
func (x *kubeWatcher) typed(i int32, ev index.KubeEvent, change *index.KubeChange) {
	_, has := x.present[ev.Key]
	right := false
	switch ev.What {
	case "ADDED":
		right = !has && !change.Deleted && (!x.whole || x.phase == kubeInitial || change.Created)
	case "MODIFIED":
		right = (has || x.mayHave(change)) && !change.Deleted && !change.Created && x.phase == kubeFollowing
	case "DELETED":
		right = (has || x.mayHave(change)) && !change.Created && (change.Deleted || !x.whole) && x.phase == kubeFollowing
	}
	if !right {
		x.report(wrongType, i, property.Facts{Shown: got(ev), Truth: &property.Version{Op: x.c.in.Records[change.Record].Op}}, change.Record)
	}
}

// mayHave reports whether the client can have an object that the watch has not sent: one
// from before its start.
func (x *kubeWatcher) mayHave(change *index.KubeChange) bool {
	return !strings.HasPrefix(x.opened.Ask, "initial:") && !change.Created
}

// began: the initial events are the state at the version of the bookmark that ends them,
// which is not older than what was asked for.
func (x *kubeWatcher) began(i int32, ev index.KubeEvent) {
	if x.phase != kubeInitial {
		x.report(initialAgain, i, property.Facts{Shown: got(ev)}, x.last)
		return
	}
	x.c.initial++
	x.phase, x.rv, x.due = kubeFollowing, ev.RV, x.scope.After(ev.RV)
	if asked := index.ParseNumber(property.OrDefault(strings.TrimPrefix(x.opened.Ask, "initial:"), "0")); ev.RV < asked {
		x.report(beganOld, i, property.Facts{Shown: got(ev)})
	}
	for key, rv := range x.present {
		if x.kind.Version(key, ev.RV) != rv {
			x.initialDiffers(i, ev.RV)
			return
		}
	}
	if x.whole && len(x.present) != x.scope.Count(ev.RV) {
		x.initialDiffers(i, ev.RV)
	}
}

// initialDiffers reports the first object in which the initial events are not the state
// at a version.
func (x *kubeWatcher) initialDiffers(i int32, rv int64) {
	for _, key := range x.kind.Keys {
		has, sent := x.present[key]
		was := x.kind.Version(key, rv)
		if has == was || !sent && (!x.whole || !index.InNamespace(key, x.opened.Key)) {
			continue
		}
		x.report(initialDiffers, i, property.Facts{Shown: &property.Version{Key: key, RV: has}, Truth: &property.Version{RV: was}, Before: &property.Version{RV: rv}})
		return
	}
}

// bookmark: everything up to its version has been sent.
func (x *kubeWatcher) bookmark(i int32, ev index.KubeEvent) {
	if ev.RV < x.rv {
		x.report(bookmarkOld, i, property.Facts{Shown: got(ev), Before: &property.Version{RV: x.rv}}, x.last)
		return
	}
	x.pass(i, ev.RV)
	x.rv, x.marked, x.mark = ev.RV, ev.RV, i
}

// pass puts what is due up to a version behind the watch: it should have got it before.
func (x *kubeWatcher) pass(i int32, rv int64) {
	missed := 0
	var first index.KubeChange
	for len(x.due) > 0 && x.due[0].RV <= rv {
		if missed == 0 {
			first = x.due[0]
		}
		missed++
		x.due = x.due[1:]
	}
	if missed > 0 && x.whole {
		m := &x.c.in.Records[first.Record]
		x.report(gap, i, property.Facts{Truth: &property.Version{Op: m.Op, Key: m.Key, RV: m.RV, At: m.At}, Others: missed - 1}, first.Record)
	}
}
