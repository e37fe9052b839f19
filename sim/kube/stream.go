package kube

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/kube/cacher"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// stream writes the events of one watch.
type stream struct {
	answer    *answer
	resource  *storage.Resource
	sel       storage.Selector
	bookmarks bool
	deadline  time.Time
	buf       bytes.Buffer    // to be sent
	words     strings.Builder // what is in buf, as the history writes it
	changes   int             // in buf, without those that the watch begins with
	flushed   bool            // the header has been sent, and what the watch begins with
	id        int64           // of the watch
}

// begin records the watch, which the history has instead of a request.
func (st *stream) begin() {
	a := st.answer
	a.known = true
	st.id = a.server.config.NextWatch()
	a.server.record(history.Record{Verb: history.Watch, Kind: a.request.Kind, Key: a.request.Key, End: a.request.End, Ask: a.request.Ask, Peer: a.request.Peer, ID: st.id})
}

// Why watches end, besides what their cache says.
const (
	endClient  = "client"
	endTimeout = "timeout"
)

// end records the end of the watch.
func (st *stream) end(why string) { st.record(history.Record{Verb: history.Unwatch, Value: why}) }

func (st *stream) record(r history.Record) {
	request := &st.answer.request
	r.Kind, r.Key, r.Peer, r.ID = request.Kind, request.Key, request.Peer, st.id
	st.answer.server.record(r)
}

// endOf is how a watch ends that does not come about.
func endOf(err error) string {
	if apierrors.IsResourceExpired(err) {
		return cacher.EndExpired
	}
	return cacher.EndClosed
}

// left is who has left: the server, if it is closed, else the client.
func (st *stream) left() string {
	if st.answer.server.isClosed() {
		return cacher.EndClosed
	}
	return endClient
}

// initial writes the state that a watch begins with. If it is a streaming list,
// a bookmark says where it ends, to a client that takes bookmarks.
func (st *stream) initial(w *cacher.Watch, streaming bool) {
	for _, o := range w.Initial {
		if st.sel.Matches(o) {
			st.object("ADDED", o)
		}
	}
	w.Initial = nil
	if streaming && st.bookmarks {
		st.bookmark("INITIAL", w.From, `,"annotations":{"k8s.io/initial-events-end":"true"}`)
	}
}

// follow writes what happens from now on, and returns why the watch ends.
func (st *stream) follow(ctx context.Context, c *cacher.Cacher, w *cacher.Watch) string {
	tick := st.nextTick(time.Now())
	timer := time.NewTimer(time.Until(tick))
	defer timer.Stop()
	for {
		ticked := false
		select {
		case <-w.Wake:
		case <-timer.C:
			ticked = true
		case <-ctx.Done():
			return st.left()
		}
		events, rv, end := c.Take(w)
		for _, ev := range events {
			if ev.RV > w.From {
				st.change(ev)
			}
		}
		switch {
		case end == cacher.EndExpired:
			st.error(apierrors.NewResourceExpired("The resourceVersion for the provided watch is too old."))
		case end == "" && ticked && st.bookmarks && rv > w.From && time.Now().Before(st.deadline):
			st.bookmark("BOOKMARK", rv, "")
		}
		switch {
		case !st.flush():
			return st.left()
		case end != "":
			return end
		case !time.Now().Before(st.deadline):
			return endTimeout
		}
		if ticked {
			timer.Reset(time.Until(st.nextTick(time.Now())))
		}
	}
}

// nextTick returns when there is something to do without an event: a bookmark
// every minute and shortly before the end, and the end.
func (st *stream) nextTick(now time.Time) time.Time {
	next := st.deadline
	if !st.bookmarks {
		return next
	}
	if at := now.Add(bookmarkInterval); at.Before(next) {
		next = at
	}
	if at := st.deadline.Add(-bookmarkBeforeEnd); at.After(now) && at.Before(next) {
		next = at
	}
	return next
}

// change writes what a commit means to the selector: an object that begins to
// match is added, one that no longer matches is deleted.
func (st *stream) change(ev *storage.Commit) {
	now := !ev.Deleted && st.sel.Matches(ev.Object)
	before := ev.Prev != nil && st.sel.Matches(ev.Prev)
	if now || before {
		st.changes++
	}
	switch {
	case now && before:
		st.object("MODIFIED", ev.Object)
	case now:
		st.object("ADDED", ev.Object)
	case before && ev.Deleted:
		st.object("DELETED", ev.Object)
	case before:
		st.object("DELETED", ev.Prev.WithRV(ev.RV))
	}
}

func (st *stream) object(kind string, o *storage.Object) {
	st.event(kind, o.JSON)
	st.word(kind)
	writeVersion(&st.words, o)
}

// bookmark writes a bookmark, which the history calls by name.
func (st *stream) bookmark(name string, rv int64, annotations string) {
	version := strconv.FormatInt(rv, 10)
	st.event("BOOKMARK", []byte(`{"kind":"`+st.resource.Kind+`","apiVersion":"`+st.resource.APIVersion()+
		`","metadata":{"resourceVersion":"`+version+`"`+annotations+`}}`))
	st.word(name)
	st.words.WriteString(version)
}

func (st *stream) error(err error) {
	status := statusOf(err)
	st.event("ERROR", storage.EncodeJSON(status))
	st.word("ERROR")
	st.words.WriteString(strconv.Itoa(int(status.Code)))
}

func (st *stream) event(kind string, object []byte) {
	st.buf.WriteString(`{"type":"`)
	st.buf.WriteString(kind)
	st.buf.WriteString(`","object":`)
	st.buf.Write(object)
	st.buf.WriteString("}\n")
}

// word begins the word of an event in the history.
func (st *stream) word(kind string) {
	if st.words.Len() > 0 {
		st.words.WriteByte(' ')
	}
	st.words.WriteString(kind)
	st.words.WriteByte(':')
}

// work does what it costs to send what was written.
func (st *stream) work() {
	cores := st.answer.server.config.Cores
	if st.flushed {
		cores.Tell(st.answer.gone, st.changes)
	} else {
		cores.List(st.answer.gone, int64(st.buf.Len()))
	}
	st.changes = 0
}

// flush sends what was written, the header at least, and says whether the client
// is still there. The history has it before the client.
func (st *stream) flush() bool {
	if st.buf.Len() == 0 && st.flushed {
		return true
	}
	if st.buf.Len() > 0 {
		st.work()
		st.record(history.Record{Verb: history.Event, Value: st.words.String(), Bytes: int64(st.buf.Len())})
		st.words.Reset()
		if _, err := st.answer.Write(st.buf.Bytes()); err != nil {
			return false
		}
	}
	st.buf.Reset()
	st.flushed = true
	return http.NewResponseController(st.answer).Flush() == nil
}
