package clustermesh

import (
	"context"

	"github.com/cilium/cilium/pkg/allocator"
	"github.com/cilium/cilium/pkg/kvstore"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
	"github.com/meshcheck/meshcheck/sim/agent"
)

// backend is Cilium's client of an etcd. It says of each event that a reader of
// Cilium's gets how it was learned of, at the time that the reader works on it.
type backend struct {
	kvstore.BackendOperations
	reader  *reader
	origins *origins
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
	if kind == history.Identity && !b.reader.announce(ctx, &announced{begin: true}) {
		return
	}
	pause := passedOver(prefix)
	for ev := range events {
		from := b.learned(prefix, ev)
		if ev.Typ == kvstore.EventTypeListDone {
			b.reader.listed(kind, from.Origin)
		}
		if !send(pause) || !b.reader.tell(ctx, kind, from) || !send(ev) {
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
func (r *reader) tell(ctx context.Context, kind string, from agent.Learned) bool {
	if kind != history.Identity {
		r.current[kind].Set(from)
		return true
	}
	return r.announce(ctx, &announced{from: from})
}

// announce says something in order with what the allocators send.
func (r *reader) announce(ctx context.Context, a *announced) bool {
	select {
	case r.identities.Events() <- allocator.AllocatorEvent{Key: a}:
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

// identityLearned returns how an event of an allocator was learned of. It is asked in the
// order of the events.
//
// What an etcd deletes has no key here. A deletion that has one is made by Cilium: once
// an allocator has its list, of what the one before it had and the list lacks, and until
// then, if its client ends, of what it had got so far.
func (r *reader) identityLearned(ev allocator.AllocatorEvent) (from agent.Learned, forward bool) {
	now := &r.identityState
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

// listed notes that a list is complete.
func (r *reader) listed(kind string, from history.Origin) {
	if kind == history.Endpoint {
		r.endpoints.CompareAndSwap(nil, &from)
	}
}
