package clustermesh

import (
	"context"
	"log/slog"

	"github.com/cilium/statedb"

	"github.com/cilium/cilium/pkg/allocator"
	"github.com/cilium/cilium/pkg/identity/cache"
	"github.com/cilium/cilium/pkg/identity/key"
	"github.com/cilium/cilium/pkg/kvstore"
	kvstoreallocator "github.com/cilium/cilium/pkg/kvstore/allocator"
)

// noIdentities is the backend of the identities of the agent's own cluster, which
// has none here: those that the agent learns come from the cluster that it reads.
func noIdentities(log *slog.Logger, suffix string) (allocator.Backend, error) {
	return kvstoreallocator.NewKVStoreBackend(log, kvstoreallocator.KVStoreBackendConfiguration{
		BasePath: cache.IdentitiesPath,
		Suffix:   suffix,
		Typ:      &key.GlobalIdentity{},
		Backend:  emptyCluster{kvstore.NewInMemoryClient(statedb.New(), ownClusterName)},
	})
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
