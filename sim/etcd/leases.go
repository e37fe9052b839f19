package etcd

import (
	"fmt"
	"strconv"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/etcdserver/apply"
	"go.etcd.io/etcd/server/v3/lease"
	"google.golang.org/grpc"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/cilium"
)

// leaseName is what the history calls a lease.
func leaseName(id int64) string { return fmt.Sprintf("%016x", uint64(id)) }

func (c *call) lease(op string, id int64) history.Record {
	r := c.new(history.Lease)
	r.Op, r.Key = op, leaseName(id)
	if c.err != nil {
		r.Err = c.err.Error()
	}
	return r
}

func (c *call) recordGrant(req *pb.LeaseGrantRequest) {
	if c.err != nil {
		c.server.cfg.Record(c.lease("grant", req.ID))
		return
	}
	resp := c.resp.(*pb.LeaseGrantResponse)
	r := c.lease("grant", resp.ID)
	r.Value = strconv.FormatInt(resp.TTL, 10)
	c.server.cfg.Record(r)
}

func (c *call) recordRevoke(req *pb.LeaseRevokeRequest) {
	c.server.cfg.Record(c.lease("revoke", req.ID))
}

// keepAliveStream is the server's end of a stream on which a client renews
// leases: one answer for each message, before the next is read.
type keepAliveStream struct {
	grpc.ServerStream
	server *Server
	client string
	from   time.Duration // when the message was taken up that is not answered
}

func (s *keepAliveStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	s.from = s.server.cfg.Now()
	return err
}

func (s *keepAliveStream) SendMsg(m any) error {
	resp := m.(*pb.LeaseKeepAliveResponse)
	r := s.server.newRecord(history.Lease, s.client)
	r.Op, r.Key, r.Value, r.From = "keepalive", leaseName(resp.ID), strconv.FormatInt(resp.TTL, 10), s.from
	s.server.cfg.Record(r)
	return s.ServerStream.SendMsg(m)
}

// leaseEnds records the leases that end without a client's call.
type leaseEnds struct {
	apply.UberApplier
	server *Server
}

// recordLeaseEnds puts the recorder of leases that end into a server that has not
// started. What the lessor does with an expired lease is to propose its
// revocation, as for a client.
func recordLeaseEnds(s *Server) {
	field := cilium.Applier(s.server)
	*field = &leaseEnds{*field, s}
}

// Apply records a revocation before it is applied. One of a lease whose time is
// over is an expiry: nothing can renew it any more. Any other is what a client
// asked for, whose call is recorded, unless the server comes upon it in the log
// that an earlier process left.
func (a *leaseEnds) Apply(r *apply.InternalRaftRequestWrapper, shouldApplyV3 membership.ShouldApplyV3) *apply.Result {
	if revoke := r.LeaseRevoke; revoke != nil && shouldApplyV3 {
		l := cilium.Lessor(a.server.server).Lookup(lease.LeaseID(revoke.ID))
		switch {
		case l == nil:
		case l.Remaining() <= 0:
			a.server.recordLeaseEnd("expire", revoke.ID)
		case !a.server.ready.Load():
			a.server.recordLeaseEnd("revoke", revoke.ID)
		}
	}
	return a.UberApplier.Apply(r, shouldApplyV3)
}

func (s *Server) recordLeaseEnd(op string, id int64) {
	r := s.newRecord(history.Lease, "")
	r.Op, r.Key = op, leaseName(id)
	s.cfg.Record(r)
}
