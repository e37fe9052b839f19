package kube

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
)

// Times of a watch, as in a real kube-apiserver: --min-request-timeout, but
// without the random stretch to up to twice that, and the cacher's bookmarks.
const (
	defaultWatchTimeout = 30 * time.Minute
	bookmarkInterval    = time.Minute
	bookmarkBeforeEnd   = 2 * time.Second
)

// watch serves the events of a collection until the client, the timeout or a
// fault ends it. Once the parameters are accepted, what goes wrong is told in an
// event of type ERROR.
func (s *Server) watch(a *answer, r *http.Request, q *Request) error {
	options, err := q.listOptions()
	if err != nil {
		return err
	}
	resource := s.store.catalog.resources[q.index]
	sel, err := parseSelector(resource, q.Namespace, q.query.Get("labelSelector"), q.query.Get("fieldSelector"))
	if err != nil {
		return err
	}
	rv, err := parseRV(options.ResourceVersion)
	if err != nil {
		return err
	}
	timeout := defaultWatchTimeout
	if options.TimeoutSeconds != nil && *options.TimeoutSeconds > 0 {
		timeout = time.Duration(*options.TimeoutSeconds) * time.Second
	}
	st := &stream{
		answer:    a,
		resource:  resource,
		sel:       sel,
		bookmarks: options.AllowWatchBookmarks,
		deadline:  time.Now().Add(timeout),
	}
	w, err := s.openWatch(r.Context(), q, options, rv)
	a.Header().Set("Content-Type", "application/json")
	a.WriteHeader(http.StatusOK)
	if err != nil {
		st.error(err)
		st.flush()
		return nil
	}
	defer s.cache.forget(w)
	streaming := options.SendInitialEvents != nil && *options.SendInitialEvents
	st.initial(w, streaming)
	if st.flush() {
		st.follow(r.Context(), s.cache, w)
	}
	return nil
}

// openWatch starts a watch at the place that its options name.
func (s *Server) openWatch(ctx context.Context, q *Request, o internalversion.ListOptions, rv int64) (*watch, error) {
	if o.SendInitialEvents == nil {
		return s.cache.open(q.index, rv == 0, q.Namespace, rv)
	}
	if o.ResourceVersion == "" {
		rv = s.store.Revision()
	}
	if *o.SendInitialEvents {
		if err := s.cache.await(ctx, rv); err != nil {
			return nil, err
		}
		return s.cache.open(q.index, true, q.Namespace, rv)
	}
	if rv == 0 {
		rv = s.cache.version()
	}
	return s.cache.open(q.index, false, q.Namespace, rv)
}

// stream writes the events of one watch.
type stream struct {
	answer    *answer
	resource  *Resource
	sel       selector
	bookmarks bool
	deadline  time.Time
	buf       bytes.Buffer
	events    int64 // in buf
}

// initial writes the state that a watch begins with. If it is a streaming list,
// a bookmark says where it ends.
func (st *stream) initial(w *watch, streaming bool) {
	for _, o := range w.initial {
		if st.sel.matches(o) {
			st.event("ADDED", o.JSON)
		}
	}
	w.initial = nil
	if streaming {
		st.bookmark(w.from, `,"annotations":{"k8s.io/initial-events-end":"true"}`)
	}
}

// follow writes what happens from now on.
func (st *stream) follow(ctx context.Context, c *cache, w *watch) {
	tick := st.nextTick(time.Now())
	timer := time.NewTimer(time.Until(tick))
	defer timer.Stop()
	for {
		ticked := false
		select {
		case <-w.wake:
		case <-timer.C:
			ticked = true
		case <-ctx.Done():
			return
		}
		events, rv, end := c.take(w)
		for _, ev := range events {
			if ev.rv > w.from {
				st.change(ev)
			}
		}
		switch {
		case end == watchExpired:
			st.error(apierrors.NewResourceExpired("The resourceVersion for the provided watch is too old."))
		case end == watchGoes && ticked && st.bookmarks && rv > w.from && time.Now().Before(st.deadline):
			st.bookmark(rv, "")
		}
		if !st.flush() || end != watchGoes || !time.Now().Before(st.deadline) {
			return
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
func (st *stream) change(ev *event) {
	now := !ev.deleted && st.sel.matches(ev.obj)
	before := ev.prev != nil && st.sel.matches(ev.prev)
	switch {
	case now && before:
		st.event("MODIFIED", ev.obj.JSON)
	case now:
		st.event("ADDED", ev.obj.JSON)
	case before && ev.deleted:
		st.event("DELETED", ev.obj.JSON)
	case before:
		st.event("DELETED", ev.prev.withRV(ev.rv).JSON)
	}
}

func (st *stream) bookmark(rv int64, annotations string) {
	st.event("BOOKMARK", []byte(`{"kind":"`+st.resource.Kind+`","apiVersion":"`+st.resource.apiVersion()+
		`","metadata":{"resourceVersion":"`+strconv.FormatInt(rv, 10)+`","creationTimestamp":null`+annotations+`}}`))
}

func (st *stream) error(err error) { st.event("ERROR", encodeJSON(statusOf(err))) }

func (st *stream) event(kind string, object []byte) {
	st.buf.WriteString(`{"type":"`)
	st.buf.WriteString(kind)
	st.buf.WriteString(`","object":`)
	st.buf.Write(object)
	st.buf.WriteString("}\n")
	st.events++
}

// flush sends what was written, the header at least, and says whether the client
// is still there.
func (st *stream) flush() bool {
	if st.buf.Len() == 0 && st.answer.flushed {
		return true
	}
	if st.buf.Len() > 0 {
		if _, err := st.answer.Write(st.buf.Bytes()); err != nil {
			return false
		}
		st.answer.count(RequestStats{Events: st.events})
	}
	st.buf.Reset()
	st.events = 0
	st.answer.flushed = true
	return http.NewResponseController(st.answer).Flush() == nil
}
