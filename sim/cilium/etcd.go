package cilium

import (
	"cmp"
	"slices"
	"sync"
	"time"
	_ "unsafe" // for go:linkname

	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/apply"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
)

// Applier returns what applies the entries of an etcd's log, to be wrapped before the
// server starts. The server has no hook at this place that can wait: gofail's points
// are compiled out.
func Applier(s *etcdserver.EtcdServer) *apply.UberApplier {
	return field[apply.UberApplier](s, "uberApply")
}

// Backend returns the database of an etcd, or nil while a snapshot takes its place: who is told of that, and
// holds a lock of his own, must not wait for EtcdServer.Backend.
func Backend(s *etcdserver.EtcdServer) backend.Backend {
	mu := field[sync.RWMutex](s, "bemu")
	if !mu.TryRLock() {
		return nil
	}
	defer mu.RUnlock()
	return *field[backend.Backend](s, "be")
}

// Lessor returns what keeps the leases of an etcd.
func Lessor(s *etcdserver.EtcdServer) lease.Lessor { return *field[lease.Lessor](s, "lessor") }

// watchBuffer is how many responses wait for the reader of a stream of watches of an etcd's
// store. One that does not keep up is told of the rest later, after others.
//
//go:linkname watchBuffer go.etcd.io/etcd/server/v3/storage/mvcc.chanBufLen
var watchBuffer int

// NewWatchStream returns a stream of watches of an etcd's store for a reader that must be told
// at once, of which that many changes may wait: code takes no virtual time, so that many
// may be applied before the reader has its turn.
func NewWatchStream(kv mvcc.WatchableKV, waiting int) mvcc.WatchStream {
	ofOthers := watchBuffer
	watchBuffer = waiting
	defer func() { watchBuffer = ofOthers }()
	return kv.NewWatchStream()
}

// AdvanceLeases brings all leases nearer to their expiry by a duration of zero or
// more. It models etcd's lease clock ahead of its clients' clocks, as when the
// machine's monotonic clock jumps: a client that renews in time, as it sees it,
// can be too late. A renewal gives the full time again.
//
// Lessor.Promote, which a new leader calls, would not do, with whatever
// extension: it counts from the whole TTL of each lease, and forgets what has
// passed of it.
//
// It returns how many leases it has brought nearer.
func AdvanceLeases(lessor lease.Lessor, by time.Duration) (advanced int64) {
	leases := lessor.Leases()
	// Those that expire at one instant come in the order of a map.
	slices.SortFunc(leases, func(a, b *lease.Lease) int { return cmp.Compare(a.ID, b.ID) })

	mu := field[sync.RWMutex](lessor, "mu")
	mu.Lock()
	defer mu.Unlock()
	queue := *field[*lease.LeaseExpiredNotifier](lessor, "leaseExpiredNotifier")
	for _, l := range leases {
		expiry, ok := advance(l, by)
		if !ok {
			continue
		}
		item := new(lease.LeaseWithTime)
		*field[lease.LeaseID](item, "id") = l.ID
		*field[time.Time](item, "time") = expiry
		queue.RegisterOrUpdate(item)
		advanced++
	}
	return advanced
}

// advance changes the expiry of a lease and returns it. It returns false for a
// lease that does not expire, because the server is not the leader yet.
func advance(l *lease.Lease, by time.Duration) (time.Time, bool) {
	mu := field[sync.RWMutex](l, "expiryMu")
	mu.Lock()
	defer mu.Unlock()
	expiry := field[time.Time](l, "expiry")
	if expiry.IsZero() {
		return time.Time{}, false
	}
	*expiry = expiry.Add(-by)
	return *expiry, true
}
