package agent

import (
	"cmp"
	"log/slog"
	"sync"
	"time"

	"github.com/cilium/cilium/pkg/allocator"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/cache"
	"github.com/cilium/cilium/pkg/identity/key"
	"github.com/cilium/cilium/pkg/idpool"
	"github.com/cilium/cilium/pkg/labels"

	"github.com/meshcheck/meshcheck/sim/cilium"
)

// IdentityCache is the real identity cache of an agent, which tells its view.
//
// Its allocators send what they learn on a channel, from which a goroutine of
// Cilium's takes all that is there and hands it on at once. Between the two stands
// forward, which asks for each event how it was learned of and keeps that until the
// event is handed on.
type IdentityCache struct {
	*cache.CachingIdentityAllocator
	in  chan allocator.AllocatorEvent
	out chan<- allocator.AllocatorEvent

	sending sync.Mutex
	closing bool
	closed  chan struct{}

	mu      sync.Mutex
	pending map[idpool.ID][]identityChange // sent and not yet handed on, in order
}

type identityChange struct {
	gone   bool
	labels labels.LabelArray
	from   Learned
}

// NewIdentityCache returns an identity cache on a backend of Cilium's. learned is
// asked about each event of its allocators, in order. An event that is not to be
// forwarded is one of the source's own.
//
// This does what CachingIdentityAllocator.InitIdentityAllocator does, but for two
// things. The backend is given, where Cilium's is chosen by a setting of the whole
// process. And the pool of identities to allocate is as good as empty: Cilium's
// would be filled with 65,280 numbers for each agent of the world, and an agent
// never takes one where the operator manages identities.
func NewIdentityCache(log *slog.Logger, into Sink, backend allocator.Backend, learned func(allocator.AllocatorEvent) (from Learned, forward bool)) (*IdentityCache, error) {
	cfg := cache.AllocatorConfig{EnableOperatorManageCIDs: true, Timeout: time.Minute, SyncInterval: time.Hour}
	return newIdentityCache(log, into, backend, learned, cfg, allocator.WithMin(1), allocator.WithMax(2), allocator.WithOperatorIDManagement())
}

// Numbers is a range of numeric identities, its ends included.
type Numbers struct{ Min, Max uint32 }

// NewIdentityAllocator is NewIdentityCache for an agent that allocates identities. The
// pool has the numbers that are given, of those that Cilium's would have: agents of one
// cluster must have the same ones. sync is identity-allocation-sync-interval; zero means its default.
func NewIdentityAllocator(log *slog.Logger, into Sink, backend allocator.Backend, learned func(allocator.AllocatorEvent) (from Learned, forward bool), numbers Numbers, sync time.Duration) (*IdentityCache, error) {
	// The defaults of identity-allocation-timeout and identity-allocation-sync-interval
	// (pkg/identity/cache/cell/cell.go).
	cfg := cache.AllocatorConfig{Timeout: 2 * time.Minute, SyncInterval: cmp.Or(sync, allocator.DefaultSyncInterval)}
	return newIdentityCache(log, into, backend, learned, cfg,
		allocator.WithMin(idpool.ID(numbers.Min)), allocator.WithMax(idpool.ID(numbers.Max)), allocator.WithMasterKeyProtection())
}

func newIdentityCache(log *slog.Logger, into Sink, backend allocator.Backend, learned func(allocator.AllocatorEvent) (from Learned, forward bool), cfg cache.AllocatorConfig, options ...allocator.AllocatorOption) (*IdentityCache, error) {
	c := &IdentityCache{closed: make(chan struct{}), pending: map[idpool.ID][]identityChange{}}
	c.CachingIdentityAllocator = cache.NewCachingIdentityAllocator(log, identities{into.to, c.take}, cfg)
	c.out = cilium.AllocatorEvents(c.CachingIdentityAllocator)
	c.in = c.EventsOf(learned)
	var err error
	c.IdentityAllocator, err = allocator.NewAllocator(log, &key.GlobalIdentity{}, backend,
		append(options, allocator.WithEvents(c.in), allocator.WithSyncInterval(cfg.SyncInterval))...)
	if err != nil {
		return nil, err
	}
	cilium.AllocatorInitialized(c.CachingIdentityAllocator)
	return c, nil
}

// NodeSuffix is how the cache's owner calls itself in a kvstore.
const NodeSuffix = "meshcheck"

// Events is where the cache's allocators send what they learn.
func (c *IdentityCache) Events() chan<- allocator.AllocatorEvent { return c.in }

// EventsOf returns where an allocator sends what it learns for the cache that has events of
// another reader too: learned is asked about them, as that of NewIdentityCache is.
func (c *IdentityCache) EventsOf(learned func(allocator.AllocatorEvent) (from Learned, forward bool)) chan allocator.AllocatorEvent {
	in := make(chan allocator.AllocatorEvent)
	go c.forward(in, learned)
	return in
}

func (c *IdentityCache) forward(in <-chan allocator.AllocatorEvent, learned func(allocator.AllocatorEvent) (from Learned, forward bool)) {
	for {
		select {
		case ev := <-in:
			if from, ok := learned(ev); ok {
				c.send(ev, from)
			}
		case <-c.closed:
			return
		}
	}
}

func (c *IdentityCache) send(ev allocator.AllocatorEvent, from Learned) {
	c.sending.Lock()
	defer c.sending.Unlock()
	if c.closing {
		return
	}
	if ev.Typ != allocator.AllocatorChangeSync {
		change := identityChange{gone: ev.Typ == allocator.AllocatorChangeDelete, from: from}
		if global, ok := ev.Key.(*key.GlobalIdentity); ok && !change.gone {
			change.labels = global.LabelArray
		}
		if change.gone && c.goes(ev.ID) {
			c.flush()
		}
		c.mu.Lock()
		c.pending[ev.ID] = append(c.pending[ev.ID], change)
		c.mu.Unlock()
	}
	c.out <- ev
}

// goes reports whether a deletion of an identity is pending. A second one could not be
// told from it.
func (c *IdentityCache) goes(id idpool.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, change := range c.pending[id] {
		if change.gone {
			return true
		}
	}
	return false
}

// flush waits until all that was sent is handed on.
func (c *IdentityCache) flush() {
	done := make(chan struct{})
	c.out <- allocator.AllocatorEvent{Typ: allocator.AllocatorChangeSync, Done: done}
	<-done
}

// take returns how the change was learned of that is being handed on: of an identity's
// pending changes, those before it have been replaced by it. An addition is known by
// its labels, which are those that were sent and no copy.
func (c *IdentityCache) take(id identity.NumericIdentity, added labels.LabelArray, gone bool) Learned {
	c.mu.Lock()
	defer c.mu.Unlock()
	pending := c.pending[idpool.ID(id)]
	for i, change := range pending {
		if change.gone != gone || !gone && !sameArray(change.labels, added) {
			continue
		}
		if i+1 == len(pending) {
			delete(c.pending, idpool.ID(id))
		} else {
			c.pending[idpool.ID(id)] = pending[i+1:]
		}
		return change.from
	}
	return Learned{} // one that Cilium makes itself
}

func sameArray(a, b labels.LabelArray) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Close closes the cache. What its allocators still send is heard by nobody.
func (c *IdentityCache) Close() {
	c.sending.Lock()
	c.closing = true
	c.sending.Unlock()
	c.CachingIdentityAllocator.Close()
	close(c.closed)
}
