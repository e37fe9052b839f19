package kvstore

import (
	"context"
	"sync"
	"time"

	"github.com/cilium/cilium/pkg/allocator"
	"github.com/cilium/cilium/pkg/identity/cache"
	"github.com/cilium/cilium/pkg/kvstore"
)

// ownLocks is the allocator's backend in a kvstore with the locks of one agent.
// kvstore.LockPath (pkg/kvstore/lock.go), by which the backend locks, takes a lock in a
// map of the whole process before it takes the one in the kvstore: agents of one process
// would wait for each other there, and never in the etcd.
type ownLocks struct {
	allocator.Backend
	client kvstore.BackendOperations
	held   *sync.Map // path to chan struct{}, which holds a value while the lock is held
}

// lockTimeout is that of LockPath.
const lockTimeout = time.Minute

// Lock implements allocator.Backend.
func (o ownLocks) Lock(ctx context.Context, k allocator.AllocatorKey) (kvstore.KVLocker, error) {
	path := kvstore.JoinKey(cache.IdentitiesPath, "locks", k.GetKey())
	held, _ := o.held.LoadOrStore(path, make(chan struct{}, 1))
	select {
	case held.(chan struct{}) <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release := func() { <-held.(chan struct{}) }
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	l, err := o.client.LockPath(ctx, path)
	if err != nil {
		release()
		return nil, err
	}
	return ownLock{l, release}, nil
}

type ownLock struct {
	kvstore.KVLocker
	release func()
}

// Unlock implements kvstore.KVLocker.
func (l ownLock) Unlock(ctx context.Context) error {
	defer l.release()
	return l.KVLocker.Unlock(ctx)
}
