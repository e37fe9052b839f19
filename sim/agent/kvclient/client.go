// Package kvclient is Cilium's client of an etcd as the readers of an agent get it: it
// says of each event how it was learned of, at the time that a reader works on it.
package kvclient

import (
	"context"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	"github.com/cilium/cilium/pkg/allocator"
	"github.com/cilium/cilium/pkg/kvstore"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
	"github.com/meshcheck/meshcheck/sim/agent"
)

// Learning is how a source that reads etcds learns of what Cilium's readers are told.
type Learning struct {
	current   map[string]*agent.Now // by kind, without identities: of what is told now
	endpoints atomic.Pointer[history.Origin]
	latest    atomic.Pointer[history.Origin]

	mu      sync.Mutex
	deleted map[string]agent.Learned // of nodes' keys that are gone

	fed           chan struct{} // closed when identities is there
	identities    chan<- allocator.AllocatorEvent
	identityState identityState
}

// NewLearning returns the learning of a source. What is learned of identities waits until
// Feed is called.
func NewLearning() *Learning {
	return &Learning{current: map[string]*agent.Now{history.Endpoint: {}, history.Node: {}}, deleted: map[string]agent.Learned{}, fed: make(chan struct{})}
}

// Now returns how what is being told of a kind was learned of, of any but identities.
func (l *Learning) Now(kind string) func() agent.Learned { return l.current[kind].Learned }

// Feed says where the events of identities go on their way to the identity cache.
func (l *Learning) Feed(cache *agent.IdentityCache) {
	l.identities = cache.Events()
	close(l.fed)
}

// Endpoints returns the origin of the first complete list of endpoints; none before it.
func (l *Learning) Endpoints() history.Origin {
	if from := l.endpoints.Load(); from != nil {
		return *from
	}
	return history.Origin{}
}

// Latest is Endpoints of the last complete list.
func (l *Learning) Latest() history.Origin {
	if from := l.latest.Load(); from != nil {
		return *from
	}
	return history.Origin{}
}

// Deleted returns how it was learned of that the key of a node is gone.
func (l *Learning) Deleted(key string) agent.Learned {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deleted[key]
}

// Follower makes one client say what it learns.
type Follower struct {
	learning *Learning
	origins  *origins
}

// Follow returns what a client needs that reads over these connections.
func (l *Learning) Follow(connections *agent.Connections) *Follower {
	return &Follower{l, newOrigins(connections)}
}

// DialOptions are options of the client.
func (f *Follower) DialOptions() []grpc.DialOption { return f.origins.dialOptions() }

// Client returns the client, as readers are to get it.
func (f *Follower) Client(of kvstore.BackendOperations) kvstore.BackendOperations {
	return &backend{of, f.learning, f.origins}
}

// backend is Cilium's client of an etcd. It says of each event that a reader of
// Cilium's gets how it was learned of, at the time that the reader works on it.
type backend struct {
	kvstore.BackendOperations
	learning *Learning
	origins  *origins
}

// ListAndWatch implements kvstore.BackendOperations.
func (b *backend) ListAndWatch(ctx context.Context, prefix string) kvstore.EventChan {
	events := b.BackendOperations.ListAndWatch(ctx, prefix)
	kind := schema.KindOf(prefix)
	if kind == nil {
		return events
	}
	out := make(chan kvstore.KeyValueEvent)
	go b.follow(ctx, kind.Name, prefix, events, out)
	return out
}

// follow hands events on. A reader works on one event at a time and takes the next one
// from the channel, which has no buffer, when it has done. So between two events comes
// one that readers pass over: once it is taken, nothing is in work, and how the next
// one was learned of can be said.
func (b *backend) follow(ctx context.Context, kind, prefix string, events kvstore.EventChan, out chan<- kvstore.KeyValueEvent) {
	defer close(out)
	send := func(ev kvstore.KeyValueEvent) bool {
		select {
		case out <- ev:
			return true
		case <-ctx.Done():
			return false
		}
	}
	if kind == history.Identity && !b.learning.announce(ctx, &announced{begin: true}) {
		return
	}
	pause := passedOver(prefix)
	for ev := range events {
		from := b.learned(prefix, ev)
		if ev.Typ == kvstore.EventTypeListDone {
			b.learning.listed(kind, from.Origin)
		}
		if kind == history.Node && ev.Typ == kvstore.EventTypeDelete {
			b.learning.delete(ev.Key, from)
		}
		if !send(pause) || !b.learning.tell(ctx, kind, from) || !send(ev) {
			return
		}
	}
}

// learned returns how an event was learned of. What Cilium's client has deleted since
// a list lacks it, and the end of the list, are the list's.
func (b *backend) learned(prefix string, ev kvstore.KeyValueEvent) agent.Learned {
	if from, ok := b.origins.of(ev.Value); ok {
		return from
	}
	return b.origins.list(prefix, ev.Key)
}

// passedOver is an event that is none: of no type, which watch stores pass over, and
// of the identity 0, which the allocator does.
func passedOver(prefix string) kvstore.KeyValueEvent {
	return kvstore.KeyValueEvent{Typ: -1, Key: kvstore.JoinKey(prefix, "0")}
}

// tell says how what comes next of a kind was learned of.
func (l *Learning) tell(ctx context.Context, kind string, from agent.Learned) bool {
	if kind != history.Identity {
		l.current[kind].Set(from)
		return true
	}
	return l.announce(ctx, &announced{from: from})
}

// announce says something in order with what the allocators send.
func (l *Learning) announce(ctx context.Context, a *announced) bool {
	select {
	case <-l.fed:
	case <-ctx.Done():
		return false
	}
	select {
	case l.identities <- allocator.AllocatorEvent{Key: a}:
		return true
	case <-ctx.Done():
		return false
	}
}

// announced stands in the place of an event of an allocator: another one begins to
// list, or how its next events were learned of.
type announced struct {
	allocator.AllocatorKey
	begin bool
	from  agent.Learned
}

// IdentityLearned returns how an event of an allocator was learned of. It is asked in the
// order of the events.
//
// What an etcd deletes has no key here. A deletion that has one is made by Cilium: once
// an allocator has its list, of what the one before it had and the list lacks, and until
// then, if its client ends, of what it had got so far.
func (l *Learning) IdentityLearned(ev allocator.AllocatorEvent) (from agent.Learned, forward bool) {
	now := &l.identityState
	if a, ok := ev.Key.(*announced); ok {
		now.from = a.from
		if a.begin {
			*now = identityState{}
		}
		return agent.Learned{}, false
	}
	switch {
	case ev.Typ == allocator.AllocatorChangeSync:
		now.listed, now.list = true, now.from
	case ev.Typ == allocator.AllocatorChangeDelete && ev.Key != nil && now.listed:
		return now.list, true
	case ev.Typ == allocator.AllocatorChangeDelete && ev.Key != nil:
		return agent.Learned{Origin: now.from.Origin, How: history.GivenUp}, true
	}
	return now.from, true
}

// identityState is what is known at an event of an allocator.
type identityState struct {
	from   agent.Learned // of what it was told last
	listed bool          // the allocator has its complete list
	list   agent.Learned // that list
}

func (l *Learning) delete(key string, from agent.Learned) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deleted[key] = from
}

// listed notes that a list is complete.
func (l *Learning) listed(kind string, from history.Origin) {
	if kind == history.Endpoint {
		l.endpoints.CompareAndSwap(nil, &from)
		l.latest.Store(&from)
	}
}
