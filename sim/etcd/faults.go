package etcd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/mvcc"

	"github.com/meshcheck/meshcheck/sim/unexported"
)

// RaiseNoSpace raises the alarm that etcd raises when its database has reached
// the quota: from now on it refuses every write that needs space (puts,
// transactions with puts, new leases) and goes on with all others. The alarm is
// part of the data and outlives a restart. It returns when the alarm is applied.
func (s *Server) RaiseNoSpace(ctx context.Context) error {
	return s.alarm(ctx, pb.AlarmRequest_ACTIVATE)
}

// DisarmNoSpace takes the alarm back, if it is raised, as an operator does with
// etcdctl after making space.
func (s *Server) DisarmNoSpace(ctx context.Context) error {
	return s.alarm(ctx, pb.AlarmRequest_DEACTIVATE)
}

func (s *Server) alarm(ctx context.Context, action pb.AlarmRequest_AlarmAction) error {
	_, err := s.server.Alarm(ctx, &pb.AlarmRequest{MemberID: uint64(s.server.MemberID()), Action: action, Alarm: pb.AlarmType_NOSPACE})
	if err != nil {
		return fmt.Errorf("etcd of %s: %s of the alarm NOSPACE: %w", s.cfg.Host, action, err)
	}
	return nil
}

// Compact makes the server forget every revision before the present one, as the
// hourly compaction does with those of an hour ago: who wants to watch from one,
// or to read at one, is told that it is compacted. It returns when that is so;
// the database shrinks later.
func (s *Server) Compact(ctx context.Context) error {
	_, err := s.server.Compact(ctx, &pb.CompactionRequest{Revision: s.server.KV().Rev()})
	if err != nil && !errors.Is(err, mvcc.ErrCompacted) { // it was done before
		return fmt.Errorf("etcd of %s: compaction: %w", s.cfg.Host, err)
	}
	return nil
}

// AdvanceLeases brings all leases nearer to their expiry by a duration of zero or
// more. It models etcd's lease clock ahead of its clients' clocks, as when the
// machine's monotonic clock jumps: a client that renews in time, as it sees it,
// can be too late. A renewal gives the full time again.
//
// Lessor.Promote, which a new leader calls, would not do, with whatever
// extension: it counts from the whole TTL of each lease, and forgets what has
// passed of it.
func (s *Server) AdvanceLeases(by time.Duration) {
	lessor := s.lessor()
	leases := lessor.Leases()
	// Those that expire at one instant come in the order of a map.
	slices.SortFunc(leases, func(a, b *lease.Lease) int { return cmp.Compare(a.ID, b.ID) })

	mu := unexported.Field[sync.RWMutex](lessor, "mu")
	mu.Lock()
	defer mu.Unlock()
	queue := *unexported.Field[*lease.LeaseExpiredNotifier](lessor, "leaseExpiredNotifier")
	for _, l := range leases {
		expiry, ok := advance(l, by)
		if !ok {
			continue
		}
		item := new(lease.LeaseWithTime)
		*unexported.Field[lease.LeaseID](item, "id") = l.ID
		*unexported.Field[time.Time](item, "time") = expiry
		queue.RegisterOrUpdate(item)
	}
}

// advance changes the expiry of a lease and returns it. It returns false for a
// lease that does not expire, because the server is not the leader yet.
func advance(l *lease.Lease, by time.Duration) (time.Time, bool) {
	mu := unexported.Field[sync.RWMutex](l, "expiryMu")
	mu.Lock()
	defer mu.Unlock()
	expiry := unexported.Field[time.Time](l, "expiry")
	if expiry.IsZero() {
		return time.Time{}, false
	}
	*expiry = expiry.Add(-by)
	return *expiry, true
}
