package etcd

import (
	"fmt"
	"strconv"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
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
	return r
}

func (c *call) grant(req *pb.LeaseGrantRequest) history.Record {
	if c.err != nil {
		return c.lease("grant", req.ID)
	}
	resp := c.resp.(*pb.LeaseGrantResponse)
	r := c.lease("grant", resp.ID)
	r.Value = strconv.FormatInt(resp.TTL, 10)
	return r
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

// recordLeaseEnd records a revocation before it is applied. One of a lease whose time
// is over is an expiry: nothing can renew it any more, and what the lessor does with it
// is to propose its revocation, as for a client. Any other is what a client asked for,
// whose call is recorded, unless the server comes upon it in the log that an earlier
// process left. In a cluster only the leader's lessor knows what time is left.
func (s *Server) recordLeaseEnd(revoke *pb.LeaseRevokeRequest) {
	l := cilium.Lessor(s.server).Lookup(lease.LeaseID(revoke.ID))
	r := s.newRecord(history.Lease, "")
	r.Key = leaseName(revoke.ID)
	switch {
	case l == nil:
		return
	case s.cfg.Cluster != nil:
		if !s.cfg.Cluster.expires(revoke.ID) {
			return
		}
		r.Op = "expire"
	case l.Remaining() <= 0:
		r.Op = "expire"
	case !s.ready.Load():
		r.Op = "revoke"
	default:
		return
	}
	s.cfg.Record(r)
}
