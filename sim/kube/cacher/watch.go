package cacher

import (
	"fmt"
	"slices"
	"sort"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// Why the cache ends a watch.
const (
	EndClosed  = "closed"  // as the real one does at any time: the client goes on from the version it has seen
	EndExpired = "expired" // with an error of code 410: the client has to list again
)

// Watch is a place in the events of one resource.
type Watch struct {
	resource *storage.Resource
	Initial  storage.Table // what is sent as added before the first event
	From     int64         // events up to this version are not sent
	next     int           // the number of the next event, counted from the cache's beginning
	Wake     chan struct{} // holds a value when there may be something to do
	end      string        // why it is to end: EndClosed, EndExpired or "" as long as it goes on
}

func (w *Watch) signal() {
	select {
	case w.Wake <- struct{}{}:
	default:
	}
}

// Open starts a watch after a version; with initial, of the present state of the
// cache and from there.
func (c *Cacher) Open(r *storage.Resource, initial bool, namespace string, rv int64) (*Watch, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &c.kinds[r.Index()]
	w := &Watch{resource: r, From: rv, next: k.base + len(k.window), Wake: make(chan struct{}, 1)}
	switch {
	case initial:
		w.Initial, w.From = k.table.In(namespace, ""), c.version(k)
	case rv < c.floor(k):
		return nil, apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", rv, c.floor(k)))
	default:
		w.next = k.base + sort.Search(len(k.window), func(n int) bool { return k.window[n].RV > rv })
		w.signal() // of what has happened since
	}
	k.watches = append(k.watches, w)
	return w, nil
}

// Take returns the events that have come since the last call, the version up to
// which they are complete, and why the watch is to end.
func (c *Cacher) Take(w *Watch) (events []*storage.Commit, rv int64, end string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &c.kinds[w.resource.Index()]
	if w.next < k.base {
		// Its client has not read for longer than the window: the real cache
		// gives up on such a watch as well.
		return nil, 0, EndClosed
	}
	events = slices.Clone(k.window[w.next-k.base:])
	w.next = k.base + len(k.window)
	return events, c.version(k), w.end
}

// Forget is called for a watch that is over.
func (c *Cacher) Forget(w *Watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &c.kinds[w.resource.Index()]
	k.watches = slices.DeleteFunc(k.watches, func(other *Watch) bool { return other == w })
}

// Watches counts the open watches.
func (c *Cacher) Watches() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.kinds {
		n += len(k.watches)
	}
	return n
}

// EndWatches ends all open watches, and says why. It returns how many there were.
func (c *Cacher) EndWatches(why string) (count int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.kinds {
		for _, w := range c.kinds[i].watches {
			w.end = why
			w.signal()
			count++
		}
	}
	return count
}
