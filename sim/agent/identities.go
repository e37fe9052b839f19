package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/cilium/statedb"

	"github.com/cilium/cilium/pkg/allocator"
	"github.com/cilium/cilium/pkg/identity/cache"
	"github.com/cilium/cilium/pkg/identity/key"
	"github.com/cilium/cilium/pkg/kvstore"
	kvstoreallocator "github.com/cilium/cilium/pkg/kvstore/allocator"

	"github.com/meshcheck/meshcheck/sim/cilium"
)

// newIdentityCache returns the real identity cache of an agent that reports to
// the view. The agent's own cluster has no identities here: those that it learns
// come from the cluster that it reads.
//
// This does what CachingIdentityAllocator.InitIdentityAllocator does, but for the
// size of the pool of identities to allocate: Cilium's would be filled with 65,280
// numbers for each agent of the world, and an agent never takes one where the
// operator manages identities.
func newIdentityCache(log *slog.Logger, view *View) (*cache.CachingIdentityAllocator, error) {
	cfg := cache.AllocatorConfig{EnableOperatorManageCIDs: true, Timeout: time.Minute, SyncInterval: time.Hour}
	c := cache.NewCachingIdentityAllocator(log, identities{view}, cfg)
	backend, err := kvstoreallocator.NewKVStoreBackend(log, kvstoreallocator.KVStoreBackendConfiguration{
		BasePath: cache.IdentitiesPath,
		Suffix:   identities{view}.GetNodeSuffix(),
		Typ:      &key.GlobalIdentity{},
		Backend:  emptyCluster{kvstore.NewInMemoryClient(statedb.New(), ownClusterName)},
	})
	if err != nil {
		return nil, err
	}
	c.IdentityAllocator, err = allocator.NewAllocator(log, &key.GlobalIdentity{}, backend,
		allocator.WithMin(1), allocator.WithMax(2), allocator.WithEvents(cilium.AllocatorEvents(c)),
		allocator.WithSyncInterval(cfg.SyncInterval), allocator.WithOperatorIDManagement())
	if err != nil {
		return nil, err
	}
	cilium.AllocatorInitialized(c)
	return c, nil
}

// emptyCluster is the kvstore of a cluster without any keys, for ever. (The watch
// of Cilium's in-memory client leaves something for the garbage collector to clean
// up, which it would do from outside the bubble.)
type emptyCluster struct{ kvstore.Client }

func (emptyCluster) ListAndWatch(ctx context.Context, _ string) kvstore.EventChan {
	events := make(chan kvstore.KeyValueEvent, 1)
	events <- kvstore.KeyValueEvent{Typ: kvstore.EventTypeListDone}
	go func() {
		<-ctx.Done()
		close(events)
	}()
	return events
}
