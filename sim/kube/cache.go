package kube

import (
	"context"
	"slices"
	"sort"
	"sync"
	"time"
)

// freshTimeout is how long a request waits for a cache that lags.
const freshTimeout = 3 * time.Second

// cache is the watch cache of a replica: its own copy of every table, behind the
// store by its lag, and a window of the latest events of each resource.
type cache struct {
	historyEvents int
	historyAge    time.Duration
	caughtUpAt    time.Time // when a cache that started behind is no longer so

	mu       sync.Mutex
	closed   bool
	lag      time.Duration
	rv       int64
	begun    int64 // the version it started from
	kinds    []kindCache
	pending  []*event // committed, not yet arrived
	timer    *time.Timer
	advanced chan struct{} // closed when rv grows; nil while nobody waits
}

// kindCache is the part of a watch cache that belongs to one resource.
type kindCache struct {
	table   table
	window  []*event
	base    int // how many events have left the window
	watches []*watch
}

// newCache attaches a cache to the store.
func newCache(s *Store, config Config) *cache {
	c := &cache{
		historyEvents: config.HistoryEvents,
		historyAge:    config.HistoryAge,
		lag:           config.Lag,
		kinds:         make([]kindCache, len(s.catalog.resources)),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.rv = s.rv
	if config.StartBehind > 0 {
		s.forget(time.Now())
		c.rv = s.versionAt(time.Now().Add(-config.StartBehind))
		c.caughtUpAt = time.Now().Add(config.StartBehind)
	}
	c.begun = c.rv
	for i := range c.kinds {
		c.kinds[i].table = s.rollback(i, c.rv)
	}
	for _, ev := range s.log {
		if ev.rv > c.rv {
			c.pending = append(c.pending, ev)
		}
	}
	s.caches = append(s.caches, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain()
	return c
}

// detach ends the cache and all its watches.
func (c *cache) detach(s *Store) {
	s.mu.Lock()
	s.caches = slices.DeleteFunc(s.caches, func(other *cache) bool { return other == c })
	s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.pending = nil
	if c.timer != nil {
		c.timer.Stop()
	}
}

// arrival returns when a commit arrives at the cache. One that started behind
// sees the past at twice its pace until it has caught up.
func (c *cache) arrival(ev *event) time.Time {
	due := ev.at.Add(c.lag)
	if behind := c.caughtUpAt.Sub(ev.at); behind > 0 && !c.caughtUpAt.IsZero() {
		if at := ev.at.Add(behind / 2); at.After(due) {
			return at
		}
	}
	return due
}

// receive takes note of a commit; the store is locked.
func (c *cache) receive(ev *event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = append(c.pending, ev)
	if len(c.pending) == 1 {
		c.drain()
	}
}

func (c *cache) setLag(lag time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lag = lag
	c.drain()
}

// drain applies the commits that have arrived and sets the timer for the next.
func (c *cache) drain() {
	if c.closed {
		return
	}
	now := time.Now()
	for len(c.pending) > 0 {
		wait := c.arrival(c.pending[0]).Sub(now)
		if wait > 0 {
			c.wakeIn(wait)
			return
		}
		c.apply(c.pending[0])
		c.pending = c.pending[1:]
	}
	c.pending = nil
}

func (c *cache) wakeIn(wait time.Duration) {
	if c.timer != nil {
		c.timer.Reset(wait)
		return
	}
	c.timer = time.AfterFunc(wait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.drain()
	})
}

func (c *cache) apply(ev *event) {
	k := &c.kinds[ev.resource]
	if ev.deleted {
		k.table.remove(ev.obj.key)
	} else {
		k.table.put(ev.obj)
	}
	for len(k.window) >= c.historyEvents && ev.at.Sub(k.window[0].at) > c.historyAge {
		k.window[0] = nil
		k.window = k.window[1:]
		k.base++
	}
	k.window = append(k.window, ev)
	c.rv = ev.rv
	for _, w := range k.watches {
		w.signal()
	}
	if c.advanced != nil {
		close(c.advanced)
		c.advanced = nil
	}
}

// floor is the oldest version from which a watch of the resource can start.
func (c *cache) floor(k *kindCache) int64 {
	if k.base == 0 {
		return c.begun
	}
	return k.window[0].rv - 1
}

// get returns an object and the version of the cache.
func (c *cache) get(i int, key string) (*Object, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kinds[i].table.get(key), c.rv
}

// version returns how far the cache has come.
func (c *cache) version() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rv
}

// list returns the objects of a resource in a namespace and the version of the cache.
func (c *cache) list(i int, namespace string) (table, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kinds[i].table.in(namespace, ""), c.rv
}

// await waits until the cache has reached a version: for freshTimeout at most,
// as the real one does.
func (c *cache) await(ctx context.Context, rv int64) error {
	var timeout <-chan time.Time
	for {
		c.mu.Lock()
		current := c.rv
		if current >= rv {
			c.mu.Unlock()
			return nil
		}
		if c.advanced == nil {
			c.advanced = make(chan struct{})
		}
		advanced := c.advanced
		c.mu.Unlock()
		if timeout == nil {
			timer := time.NewTimer(freshTimeout)
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case <-advanced:
		case <-timeout:
			return errTooLargeVersion(rv, current)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watch is a place in the events of one resource.
type watch struct {
	resource int
	initial  table         // what is sent as added before the first event
	from     int64         // events up to this version are not sent
	next     int           // the number of the next event, counted from the cache's beginning
	wake     chan struct{} // holds a value when there may be something to do
	end      string        // why it is to end: endByServer, endByExpiry or "" as long as it goes on
}

func (w *watch) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// open starts a watch after a version; with initial, of the present state of the
// cache and from there.
func (c *cache) open(i int, initial bool, namespace string, rv int64) (*watch, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &c.kinds[i]
	w := &watch{resource: i, from: rv, next: k.base + len(k.window), wake: make(chan struct{}, 1)}
	switch {
	case initial:
		w.initial, w.from = k.table.in(namespace, ""), c.rv
	case rv < c.floor(k):
		return nil, errWatchExpired(rv, c.floor(k))
	default:
		w.next = k.base + sort.Search(len(k.window), func(n int) bool { return k.window[n].rv > rv })
		w.signal() // of what has happened since
	}
	k.watches = append(k.watches, w)
	return w, nil
}

// take returns the events that have come since the last call, the version up to
// which they are complete, and watch.end.
func (c *cache) take(w *watch) (events []*event, rv int64, end string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &c.kinds[w.resource]
	if w.next < k.base {
		// Its client has not read for longer than the window: the real cache
		// gives up on such a watch as well.
		return nil, 0, endByServer
	}
	events = slices.Clone(k.window[w.next-k.base:])
	w.next = k.base + len(k.window)
	return events, c.rv, w.end
}

func (c *cache) forget(w *watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &c.kinds[w.resource]
	k.watches = slices.DeleteFunc(k.watches, func(other *watch) bool { return other == w })
}

// endWatches ends all open watches.
func (c *cache) endWatches(end string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.kinds {
		for _, w := range c.kinds[i].watches {
			w.end = end
			w.signal()
		}
	}
}
