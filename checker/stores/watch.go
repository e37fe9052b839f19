package stores

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

var Watch = property.Property{
	Name:    "etcd-watch",
	Promise: "Each watch of an etcd gets exactly the changes of its range from the revision on that it asked for, in order, once, and those of a revision together, each described as the store made it; a progress notification says that nothing is left before it.",
	Why:     "the ground that Cilium's readers stand on: etcd's guarantees (https://etcd.io/docs/v3.6/learning/api_guarantees/)",
	Ground:  true,
	Rules:   watchRules,
	Check:   checkEtcdWatch,
	Step:    property.ByServer("etcd", "what it told this watch"),
}

func checkEtcdWatch(in *property.Input) property.Result {
	c := etcdWatchCheck{in: in, ranges: map[watchedRange][]int32{}}
	for _, w := range in.Watches.Etcd {
		c.watch(w)
	}
	if len(in.Watches.Etcd) == 0 {
		return property.Undecided("the history has no watch of an etcd")
	}
	return property.Judged(fmt.Sprintf("%s in %s and %s on %s", text.Count(c.sent, "event"), text.Count(c.answers, "answer"),
		text.Count(c.progress, "progress notification"), text.Count(len(in.Watches.Etcd), "watch")), c.violations)
}

type etcdWatchCheck struct {
	in                      *property.Input
	ranges                  map[watchedRange][]int32
	answers, sent, progress int
	violations              []property.Violation
}

type watchedRange struct{ store, key, end string }

// etcdWatcher is how far a watch has come.
type etcdWatcher struct {
	c      *etcdWatchCheck
	w      *index.Watching
	opened *history.Record
	store  *index.Store
	start  int64   // the revision asked for
	due    []int32 // changes of the range from start on that are not behind it
	broken map[string]bool

	rev        int64           // of the last event
	taken      map[string]bool // keys sent of that revision
	closed     bool            // the answer with that revision is over
	bookmark   int64           // of the last progress notification
	bookmarkAt int32
	last       int32 // the record before
}

func (c *etcdWatchCheck) watch(w *index.Watching) {
	r := &c.in.Records[w.Open]
	x := &etcdWatcher{c: c, w: w, opened: r, store: c.in.Store(r.Store), start: index.ParseNumber(r.Ask), broken: map[string]bool{}, taken: map[string]bool{}, last: w.Open}
	if x.start == 0 {
		x.start = r.Rev + 1
	}
	x.due = c.changes(x.store, r)
	for len(x.due) > 0 && c.in.Records[x.due[0]].Rev < x.start {
		x.due = x.due[1:]
	}
	for _, i := range w.Events {
		if c.in.Records[i].Value == "" {
			c.progress++
			x.notified(i)
		} else {
			c.answers++
			x.answered(i)
		}
		x.last = i
	}
	x.ended()
}

// changes returns the changes of a store in a watched range, in order.
func (c *etcdWatchCheck) changes(s *index.Store, r *history.Record) []int32 {
	k := watchedRange{s.Name, r.Key, r.End}
	if known, ok := c.ranges[k]; ok {
		return known
	}
	var changes []int32
	for _, i := range s.Changes {
		if index.InRange(c.in.Records[i].Key, r.Key, r.End) {
			changes = append(changes, i)
		}
	}
	c.ranges[k] = changes
	return changes
}

// report notes that an answer breaks a guarantee.
func (x *etcdWatcher) report(rule *property.Rule, i int32, facts property.Facts, because ...int32) {
	if x.broken[rule.Family] {
		return
	}
	x.broken[rule.Family] = true
	facts.Client, facts.Server, facts.Store, facts.Asked = x.opened.Peer, x.opened.Actor, x.opened.Store, strconv.FormatInt(x.start, 10)
	facts.Kind, facts.Key, facts.At = x.opened.Kind, x.opened.Key, x.c.in.Records[i].At
	records := append(append([]int32{x.w.Open}, because...), i)
	x.c.violations = append(x.c.violations, property.NewViolation(rule, facts, records...))
}

// got is an event as a watch got it.
func got(ev index.EtcdEvent) *property.Version {
	return &property.Version{Key: ev.Key, Value: ev.String(), Gone: !ev.Put, Rev: ev.Mod, Hash: ev.Hash, Count: ev.Count, Created: ev.Created, Prev: ev.Prev}
}

// change is a change of a store that a record has.
func (x *etcdWatcher) change(i int32) *property.Version {
	r := &x.c.in.Records[i]
	return &property.Version{Key: r.Key, Gone: r.Verb == history.Del, Rev: r.Rev, At: r.At}
}

func (x *etcdWatcher) answered(i int32) {
	r := &x.c.in.Records[i]
	for field := range strings.FieldsSeq(r.Value) {
		x.c.sent++
		x.event(i, index.ParseEtcdEvent(field))
	}
	if !r.More {
		x.complete(i, x.rev)
		x.closed = true
	}
}

// event takes the next event of an answer, against one guarantee after the other.
func (x *etcdWatcher) event(i int32, ev index.EtcdEvent) {
	x.inBookmark(i, ev)
	if !x.inFilter(i, ev) || !x.inOrder(i, ev) {
		return
	}
	if ev.Mod > x.rev {
		x.complete(i, ev.Mod-1)
		x.rev, x.taken, x.closed = ev.Mod, map[string]bool{}, false
	} else if !x.inOneAnswer(i, ev) {
		return
	}
	x.taken[ev.Key] = true
	x.asMade(i, ev)
}

// inBookmark: bookmarkable. After a progress notification nothing up to its revision
// comes.
func (x *etcdWatcher) inBookmark(i int32, ev index.EtcdEvent) {
	if ev.Mod >= 0 && ev.Mod <= x.bookmark {
		x.report(passedBookmark, i, property.Facts{Shown: got(ev), Before: &property.Version{Rev: x.bookmark}}, x.bookmarkAt)
	}
}

// inFilter: filtered. Only changes of the range, and of the kinds asked for, come.
func (x *etcdWatcher) inFilter(i int32, ev index.EtcdEvent) bool {
	if !index.InRange(ev.Key, x.opened.Key, x.opened.End) || !x.wants(ev.Put) {
		x.report(notAskedFor, i, property.Facts{Shown: got(ev)})
		return false
	}
	return true
}

// wants reports whether a watch asks for puts or for deletions.
func (x *etcdWatcher) wants(put bool) bool {
	without := "nodelete"
	if put {
		without = "noput"
	}
	return !strings.Contains(x.opened.Value, without)
}

// inOrder: ordered and resumable. Revisions do not decrease, and begin where the watch
// was asked to.
func (x *etcdWatcher) inOrder(i int32, ev index.EtcdEvent) bool {
	switch {
	case ev.Mod >= 0 && ev.Mod < x.start:
		x.report(beforeStart, i, property.Facts{Shown: got(ev)})
	case ev.Mod >= 0 && ev.Mod < x.rev:
		x.report(wrongOrder, i, property.Facts{Shown: got(ev), Before: &property.Version{Rev: x.rev}}, x.last)
	default:
		return true
	}
	return false
}

// inOneAnswer: unique and atomic. An event comes once, and no revision is in two
// answers, unless the first one is a fragment.
func (x *etcdWatcher) inOneAnswer(i int32, ev index.EtcdEvent) bool {
	switch {
	case x.taken[ev.Key]:
		x.report(sentTwice, i, property.Facts{Shown: got(ev)}, x.last)
		return false
	case x.closed:
		x.report(twoAnswers, i, property.Facts{Shown: got(ev)}, x.last)
		return false
	}
	return true
}

// asMade: an event describes a change as the store made it. Whether a put created the key
// and which value it had before are told by its revisions.
func (x *etcdWatcher) asMade(i int32, ev index.EtcdEvent) {
	v, before := x.store.Change(ev.Key, ev.Mod)
	if v == nil || v.Deleted == ev.Put {
		if r := &x.c.in.Records[i]; r.At < x.store.Last { // the changes of the store's last instant may be missing
			x.report(neverMade, i, property.Facts{Shown: got(ev)})
		}
		return
	}
	if ev.Put && (ev.Created != v.Created || ev.Count != v.Count || v.Hash != "" && ev.Hash != v.Hash) {
		x.report(wrongVersion, i, property.Facts{Shown: got(ev), Truth: &property.Version{Count: v.Count, Hash: v.Hash, Created: v.Created}}, v.Record)
	}
	if ev.WithPrev && ev.Prev != before {
		x.report(wrongPrevious, i, property.Facts{Shown: got(ev), Truth: &property.Version{Prev: before}}, v.Record)
	}
}

// complete: reliable, resumable and atomic. What an answer leaves behind, up to a
// revision, has been sent.
func (x *etcdWatcher) complete(i int32, rev int64) {
	missed := x.pass(rev)
	if len(missed) == 0 {
		return
	}
	facts := property.Facts{Shown: &property.Version{Rev: x.c.in.Records[i].Rev}, Truth: x.change(missed[0]), Others: len(missed) - 1}
	switch {
	case facts.Truth.Rev == x.rev:
		x.report(atomicLacks, i, facts, missed[0])
	case x.rev == 0:
		x.report(resumableLacks, i, facts, missed[0])
	default:
		x.report(reliableLacks, i, facts, missed[0])
	}
}

// pass puts the changes up to a revision behind the watch, and returns those which it
// should have got and did not.
func (x *etcdWatcher) pass(rev int64) (missed []int32) {
	for len(x.due) > 0 {
		r := &x.c.in.Records[x.due[0]]
		if r.Rev > rev {
			break
		}
		if x.wants(r.Verb == history.Put) && !(r.Rev == x.rev && x.taken[r.Key]) {
			missed = append(missed, x.due[0])
		}
		x.due = x.due[1:]
	}
	return missed
}

// notified: bookmarkable. A progress notification says that everything up to its
// revision was sent.
func (x *etcdWatcher) notified(i int32) {
	r := &x.c.in.Records[i]
	if missed := x.pass(r.Rev); len(missed) > 0 {
		x.report(bookmarkLacks, i, property.Facts{Shown: &property.Version{Rev: r.Rev}, Truth: x.change(missed[0]), Others: len(missed) - 1}, missed[0])
	}
	x.bookmark, x.bookmarkAt = r.Rev, i
}

// ended: resumable. Only a watch that still wants what was compacted is ended because of
// that.
func (x *etcdWatcher) ended() {
	if x.w.End < 0 {
		return
	}
	r := &x.c.in.Records[x.w.End]
	if next := max(x.start, x.rev+1, x.bookmark+1); r.Rev > 0 && next > r.Rev {
		x.report(endedEarly, x.w.End, property.Facts{Shown: &property.Version{Rev: r.Rev}, Truth: &property.Version{Rev: next}}, x.last)
	}
}
