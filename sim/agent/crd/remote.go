package crd

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cilium/cilium/pkg/allocator"
	"github.com/cilium/cilium/pkg/identity/key"

	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
)

// remote are the CiliumIdentities as Cilium's identity cache has those of a further cluster:
// that is its way to have identities of more than one place (pkg/identity/cache,
// WatchRemoteIdentities), and to be rid of them again.
type remote struct {
	cache    *agent.IdentityCache
	complete chan struct{} // closed when the list is
	ended    sync.WaitGroup
	ending   atomic.Bool
}

// remoteName is what the cache calls them.
const remoteName = string(mode.CRD)

func newRemote(ctx context.Context, log *slog.Logger, in *agent.IdentityCache, backend allocator.Backend, learned func(allocator.AllocatorEvent) (agent.Learned, bool)) (*remote, error) {
	of, err := allocator.NewAllocator(log, &key.GlobalIdentity{}, backend,
		allocator.WithEvents(in.EventsOf(learned)), allocator.WithoutGC(), allocator.WithoutAutostart())
	if err != nil {
		return nil, err
	}
	r := &remote{cache: in, complete: make(chan struct{})}
	watched := in.IdentityAllocator.NewRemoteCache(remoteName, of)
	r.ended.Go(func() { watched.Watch(ctx, func(context.Context) { close(r.complete) }) })
	return r, nil
}

// wait waits until the list is complete.
func (r *remote) wait(ctx context.Context) error {
	select {
	case <-r.complete:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain removes them from the cache, as when a cluster is gone, once their watch was told to
// end. Of none it does nothing.
func (r *remote) drain() {
	if r == nil {
		return
	}
	r.ending.Store(true)
	r.ended.Wait()
	r.cache.RemoveRemoteIdentities(remoteName)
}

// drained reports whether they are being removed.
func (r *remote) drained() bool { return r != nil && r.ending.Load() }
