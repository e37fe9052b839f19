package conformance

import (
	"context"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// watch is an open watch of a story.
type watch struct {
	stage   *Stage
	what    string
	answers clientv3.WatchChan
	unheard []*clientv3.Event
	cancel  func()
}

// hearing watches a key, and returns when the server has opened the watch, or refused it.
func (c client) hearing(key string, opts ...clientv3.OpOption) *watch {
	w := c.hearingAs("watch "+key, key, opts...)
	w.told()
	return w
}

// hearingAs is hearing, without waiting.
func (c client) hearingAs(what, key string, opts ...clientv3.OpOption) *watch {
	ctx, cancel := context.WithCancel(c.ctx)
	return &watch{
		stage: c.stage, what: what, cancel: cancel,
		answers: c.Watch(ctx, c.key(key), append(opts, clientv3.WithCreatedNotify())...),
	}
}

// told notes the next answer of a server, without its events.
func (w *watch) told() {
	r, open := <-w.answers
	answer := fmt.Sprintf("told of %d events", len(r.Events))
	switch {
	case !open:
		answer = "closed"
	case r.CompactRevision != 0:
		answer = fmt.Sprintf("%v, at %s", r.Err(), w.stage.rev(r.CompactRevision))
	case r.Err() != nil:
		answer = r.Err().Error()
	case r.Created:
		answer = "open at " + w.stage.rev(r.Header.Revision)
	case r.IsProgressNotify():
		answer = "has heard all up to " + w.stage.rev(r.Header.Revision)
	}
	w.unheard = append(w.unheard, r.Events...)
	w.stage.lines = append(w.stage.lines, w.what+": "+answer)
}

// hears notes the next n events; how many come in one answer is the server's own business.
func (w *watch) hears(n int) {
	for ; n > 0; n-- {
		for len(w.unheard) == 0 {
			r, open := <-w.answers
			if !open || r.Err() != nil {
				w.stage.lines = append(w.stage.lines, fmt.Sprintf("%s: no more: %v", w.what, r.Err()))
				return
			}
			w.unheard = r.Events
		}
		w.stage.lines = append(w.stage.lines, w.what+": "+w.event(w.unheard[0]))
		w.unheard = w.unheard[1:]
	}
}

func (w *watch) event(ev *clientv3.Event) string {
	text := strings.ToLower(ev.Type.String()) + " " + w.stage.kv(ev.Kv)
	if ev.PrevKv != nil {
		text += ", before " + w.stage.kv(ev.PrevKv)
	}
	return text
}

// ends cancels the watch, and notes what it had not been told of yet.
func (w *watch) ends() {
	w.cancel()
	for r := range w.answers {
		w.unheard = append(w.unheard, r.Events...)
	}
	for _, ev := range w.unheard {
		w.stage.lines = append(w.stage.lines, w.what+", unheard: "+w.event(ev))
	}
}
