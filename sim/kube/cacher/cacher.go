// Package cacher is the watch cache of a kube-apiserver, named after
// k8s.io/apiserver/pkg/storage/cacher: a copy of the storage that may lag, and the
// latest events of each resource, for watches.
package cacher

import (
	"context"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// freshTimeout is how long a request waits for a cache that lags.
const freshTimeout = 3 * time.Second

// Config configures a Cacher. The zero value is a cache without faults.
type Config struct {
	Lag  time.Duration // how long after its commit an event arrives
	Cold bool          // the caches of custom resources are still to be filled; see Filling

	// The events of each resource are kept that are younger than HistoryAge, and at
	// least HistoryEvents: a watch from before is answered with 410. Zero means 75 s
	// and 100, as in a real kube-apiserver.
	HistoryAge    time.Duration
	HistoryEvents int

	// ProgressInterval is how often the etcd tells the caches how far it has come: a
	// cache without events of its own knows no later version than that, unless a
	// request has asked for it. Zero means 5 s, which is what kubeadm sets.
	ProgressInterval time.Duration
}

// Cacher is the watch cache of a replica: its own copy of every table, behind the
// store by its lag, and a window of the latest events of each resource.
type Cacher struct {
	config Config
	detach func() // from the store

	mu       sync.Mutex
	closed   bool
	lag      time.Duration
	rv       int64
	begun    int64     // the version it started from
	progress int64     // what the etcd has told of how far it has come
	nextTold time.Time // when it tells again
	kinds    []kindCache
	pending  []*storage.Commit // not yet arrived
	timer    *time.Timer
	advanced chan struct{} // closed when rv grows; nil while nobody waits
}

// kindCache is the part of a watch cache that belongs to one resource. A real
// kube-apiserver has a cache for each, with a watch of its own on the etcd, so that one
// may be behind another.
type kindCache struct {
	filled  time.Time         // when it is: zero as long as nobody has asked for the resource of a cold cache
	lag     time.Duration     // of this resource alone, after its commits have arrived
	held    []*storage.Commit // arrived, and not yet seen for that
	late    int64             // commits that it did not have at once, so far
	last    int64             // the version of the latest event
	table   storage.Table
	window  []*storage.Commit
	base    int // how many events have left the window
	watches []*Watch
}

// New returns a cache that follows the store until Close.
func New(s *storage.Store, config Config) *Cacher {
	if config.HistoryAge == 0 {
		config.HistoryAge = 75 * time.Second
	}
	if config.HistoryEvents == 0 {
		config.HistoryEvents = 100
	}
	if config.ProgressInterval == 0 {
		config.ProgressInterval = 5 * time.Second
	}
	c := &Cacher{config: config, lag: config.Lag, kinds: make([]kindCache, len(s.Resources()))}
	c.mu.Lock()
	defer c.mu.Unlock()
	var tables []storage.Table
	now := time.Now()
	c.rv, tables, c.detach = s.Follow(c.receive)
	c.begun, c.progress = c.rv, c.rv
	c.nextTold = now.Add(config.ProgressInterval)
	for i, t := range tables {
		c.kinds[i].table = t
		if !config.Cold || !s.Resources()[i].Custom {
			c.kinds[i].filled = now
		}
	}
	return c
}

// kind is the cache of the resource that a commit is of.
func (c *Cacher) kind(ev *storage.Commit) *kindCache { return &c.kinds[ev.Object.Resource.Index()] }

// Late returns how many commits the cache did not have at once: of a resource, or of all
// for nil.
func (c *Cacher) Late(r *storage.Resource) (late int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.kinds {
		if r == nil || r.Index() == i {
			late += c.kinds[i].late
		}
	}
	return late
}

// Close ends the cache and all its watches.
func (c *Cacher) Close() {
	c.detach()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.pending = nil
	for i := range c.kinds {
		c.kinds[i].held = nil
	}
	if c.timer != nil {
		c.timer.Stop()
	}
}

// fillTime is how long the etcd takes to list a kind for its cache. It is ours: all that a
// client sees of it is that it is more than nothing and less than the second after which it
// asks again.
const fillTime = 100 * time.Millisecond

// Filling is called for a request for a resource, and says whether its cache is still being
// filled: then watches and lists from the cache are to be refused. The cache of a custom
// resource is made when somebody first asks for the resource, as in
// k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go.
func (c *Cacher) Filling(r *storage.Resource) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, now := &c.kinds[r.Index()], time.Now()
	if k.filled.IsZero() {
		k.filled = now.Add(fillTime)
	}
	return now.Before(k.filled)
}

// receive takes note of a commit; the store is locked.
func (c *Cacher) receive(ev *storage.Commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = append(c.pending, ev)
	if len(c.pending) == 1 {
		c.drain()
	}
	if k := c.kind(ev); len(c.pending)+len(k.held) > 0 {
		k.late++
	}
}

// SetLag changes Config.Lag or, with a resource, how much longer its events take than
// those of others. Events of one resource never overtake each other.
func (c *Cacher) SetLag(r *storage.Resource, lag time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r == nil {
		c.lag = lag
	} else {
		c.kinds[r.Index()].lag = lag
	}
	c.drain()
}

// drain applies the commits that have arrived and sets the timer for the next.
func (c *Cacher) drain() {
	if c.closed {
		return
	}
	now := time.Now()
	next := time.Duration(0) // until there is something to do again; zero for never
	sooner := func(wait time.Duration) {
		if next == 0 || wait < next {
			next = wait
		}
	}
	for len(c.pending) > 0 {
		ev := c.pending[0]
		if wait := ev.At.Add(c.lag).Sub(now); wait > 0 {
			sooner(wait)
			break
		}
		c.pending = c.pending[1:]
		c.hear(now)
		c.rv = ev.RV
		if k := c.kind(ev); k.lag > 0 || len(k.held) > 0 {
			k.held = append(k.held, ev)
		} else {
			c.apply(k, ev)
		}
		c.wakeAll()
	}
	if len(c.pending) == 0 {
		c.pending = nil
	}
	for i := range c.kinds {
		k := &c.kinds[i]
		for len(k.held) > 0 {
			if wait := k.held[0].At.Add(c.lag + k.lag).Sub(now); wait > 0 {
				sooner(wait)
				break
			}
			ev := k.held[0]
			k.held = k.held[1:]
			c.apply(k, ev)
			c.wakeAll()
		}
	}
	if next > 0 {
		c.wakeIn(next)
	}
}

// wakeAll wakes those that wait for the cache to reach a version.
func (c *Cacher) wakeAll() {
	if c.advanced != nil {
		close(c.advanced)
		c.advanced = nil
	}
}

func (c *Cacher) wakeIn(wait time.Duration) {
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

func (c *Cacher) apply(k *kindCache, ev *storage.Commit) {
	k.table.Apply(ev)
	k.last = ev.RV
	for len(k.window) >= c.config.HistoryEvents && ev.At.Sub(k.window[0].At) > c.config.HistoryAge {
		k.window[0] = nil
		k.window = k.window[1:]
		k.base++
	}
	k.window = append(k.window, ev)
	for _, w := range k.watches {
		w.signal()
	}
}

// hear takes what the etcd has told by now of its progress: between two events it
// tells the same.
func (c *Cacher) hear(now time.Time) {
	if now.Before(c.nextTold) {
		return
	}
	c.progress = c.rv
	c.nextTold = c.nextTold.Add((now.Sub(c.nextTold)/c.config.ProgressInterval + 1) * c.config.ProgressInterval)
}

// version is how far the cache of a resource knows that it has come: to its latest event
// or to what the etcd has told, if no event is held back from it.
func (c *Cacher) version(k *kindCache) int64 {
	c.hear(time.Now())
	rv := max(k.last, c.progress)
	if len(k.held) > 0 {
		rv = min(rv, k.held[0].RV-1)
	}
	return rv
}

// ask asks the etcd how far it has come, which tells all caches, and returns version.
func (c *Cacher) ask(k *kindCache) int64 {
	c.progress = c.rv
	return c.version(k)
}

// floor is the oldest version from which a watch of the resource can start.
func (c *Cacher) floor(k *kindCache) int64 {
	if k.base == 0 {
		return c.begun
	}
	return k.window[0].RV - 1
}

// Get returns an object, nil if there is none.
func (c *Cacher) Get(r *storage.Resource, namespace, name string) *storage.Object {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kinds[r.Index()].table.Get(r.Key(namespace, name))
}

// Version returns how far the cache of a resource has come.
func (c *Cacher) Version(r *storage.Resource) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version(&c.kinds[r.Index()])
}

// List returns the objects of a resource in a namespace from a key on and the version of its
// cache.
func (c *Cacher) List(r *storage.Resource, namespace, from string) (storage.Table, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &c.kinds[r.Index()]
	return k.table.In(namespace, from), c.version(k)
}

// Await waits until the cache of a resource has reached a version: for freshTimeout at
// most, as the real one does.
func (c *Cacher) Await(ctx context.Context, r *storage.Resource, rv int64) error {
	var timeout <-chan time.Time
	for {
		c.mu.Lock()
		current := c.version(&c.kinds[r.Index()])
		if current < rv {
			current = c.ask(&c.kinds[r.Index()])
		}
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
			return storage.TooLargeVersion(rv, current)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
