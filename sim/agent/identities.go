package agent

import (
	"log/slog"
	"time"

	"github.com/cilium/cilium/pkg/allocator"
	"github.com/cilium/cilium/pkg/identity/cache"
	"github.com/cilium/cilium/pkg/identity/key"

	"github.com/meshcheck/meshcheck/sim/cilium"
)

// NewIdentityCache returns the real identity cache of an agent, on a backend of
// Cilium's, that reports to its owner.
//
// This does what CachingIdentityAllocator.InitIdentityAllocator does, but for two
// things. The backend is given, where Cilium's is chosen by a setting of the whole
// process. And the pool of identities to allocate is as good as empty: Cilium's
// would be filled with 65,280 numbers for each agent of the world, and an agent
// never takes one where the operator manages identities.
func NewIdentityCache(log *slog.Logger, owner cache.IdentityAllocatorOwner, backend allocator.Backend) (*cache.CachingIdentityAllocator, error) {
	cfg := cache.AllocatorConfig{EnableOperatorManageCIDs: true, Timeout: time.Minute, SyncInterval: time.Hour}
	c := cache.NewCachingIdentityAllocator(log, owner, cfg)
	var err error
	c.IdentityAllocator, err = allocator.NewAllocator(log, &key.GlobalIdentity{}, backend,
		allocator.WithMin(1), allocator.WithMax(2), allocator.WithEvents(cilium.AllocatorEvents(c)),
		allocator.WithSyncInterval(cfg.SyncInterval), allocator.WithOperatorIDManagement())
	if err != nil {
		return nil, err
	}
	cilium.AllocatorInitialized(c)
	return c, nil
}
