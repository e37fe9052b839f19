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
// the database shrinks later.
func (s *Server) Compact(ctx context.Context) error {
	_, err := s.server.Compact(ctx, &pb.CompactionRequest{Revision: s.server.KV().Rev()})
	if err != nil && !errors.Is(err, mvcc.ErrCompacted) { // it was done before
		return fmt.Errorf("etcd of %s: compaction: %w", s.cfg.Host, err)
	}
	return nil
}

// AdvanceLeases brings all leases nearer to their expiry, by zero or more, as when
// etcd's clock is ahead of its clients'.
func (s *Server) AdvanceLeases(by time.Duration) { cilium.AdvanceLeases(cilium.Lessor(s.server), by) }
