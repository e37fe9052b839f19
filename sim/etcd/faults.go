package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/storage/mvcc"

	"github.com/meshcheck/meshcheck/sim/cilium"
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
// the database shrinks later. It returns how many revisions are forgotten.
func (s *Server) Compact(ctx context.Context) (forgotten int64, err error) {
	kv := s.server.KV()
	from, to := kv.FirstRev(), kv.Rev()
	_, err = s.server.Compact(ctx, &pb.CompactionRequest{Revision: to})
	switch {
	case errors.Is(err, mvcc.ErrCompacted): // it was done before
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("etcd of %s: compaction: %w", s.cfg.Host, err)
	}
	return to - max(from, 1), nil
}

// AdvanceLeases brings all leases nearer to their expiry, by zero or more, as when
// etcd's clock is ahead of its clients'. It returns how many there are.
func (s *Server) AdvanceLeases(by time.Duration) (leases int64) {
	return cilium.AdvanceLeases(cilium.Lessor(s.server), by)
}

// Keys returns how many keys the server has.
func (s *Server) Keys() int64 {
	all, err := s.server.KV().Range(context.Background(), []byte{0}, []byte{}, mvcc.RangeOptions{CountOnly: true})
	if err != nil {
		panic(fmt.Sprintf("etcd of %s: counting its keys: %v", s.cfg.Host, err))
	}
	return int64(all.Count)
}
