package etcd

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/meshcheck/meshcheck/history"
)

// recordCall is the innermost interceptor of the server's unary calls: it sees a
// request when the server takes it up and the answer before it is sent.
func (s *Server) recordCall(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	c := &call{server: s, client: s.client(ctx), method: path.Base(info.FullMethod), req: req}
	if c.err = s.announce(ctx, c.client, req); c.err != nil {
		c.from = s.cfg.Now()
		s.cfg.Record(c.other())
		return nil, c.err
	}
	c.from = s.cfg.Now()
	revoke, revokes := req.(*pb.LeaseRevokeRequest)
	if revokes {
		s.cfg.Cluster.revoking(revoke.ID)
	}
	failure := s.deletions.failure(req)
	s.work(ctx, c.client, req)
	if failure == "" || failure == TimedOutApplied {
		c.resp, c.err = handler(ctx, req)
	}
	if failure != "" {
		c.resp, c.err = nil, failure.err()
	}
	if revokes && refused(c.err) {
		s.cfg.Cluster.notRevoked(revoke.ID)
	}
	if m, ok := c.resp.(proto.Message); ok && c.err == nil {
		c.bytes = int64(proto.Size(m))
		if _, reads := req.(*pb.RangeRequest); reads {
			s.cores.List(ctx.Done(), c.bytes)
		}
	}
	c.record()
	s.announceAnswer(c.client, req, c.resp)
	return c.resp, c.err
}

// work does what a call costs, besides what it sends: what a writer in the same pod writes has cost that, too.
func (s *Server) work(ctx context.Context, client string, req any) {
	switch _, reads := req.(*pb.RangeRequest); {
	case reads:
		s.cores.Read(ctx.Done())
	case client == s.cfg.Host:
		s.cores.Change(ctx.Done())
	default:
		s.cores.Write(ctx.Done())
	}
}

// client returns the host that a call comes from.
func (s *Server) client(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	return s.cfg.Client(p.Addr)
}

// call is a request of a client and what became of it.
type call struct {
	server    *Server
	client    string
	method    string
	from      time.Duration
	req, resp any
	bytes     int64 // of the answer
	err       error
}

// record writes the records of the call: one, or one for each operation of a
// transaction, the size of the answer on the first.
func (c *call) record() {
	var records []history.Record
	switch req := c.req.(type) {
	case *pb.LeaseGrantRequest:
		records = []history.Record{c.grant(req)}
	case *pb.LeaseRevokeRequest:
		records = []history.Record{c.lease("revoke", req.ID)}
	default:
		if records = c.operations(); len(records) == 0 {
			records = []history.Record{c.other()}
		}
		records[0].Bytes = c.bytes
	}
	for _, r := range records {
		c.server.cfg.Record(r)
	}
}

func (c *call) new(verb history.Verb) history.Record {
	r := c.server.newRecord(verb, c.client)
	r.From = c.from
	if c.err != nil {
		r.Err = c.err.Error()
	}
	return r
}

// other is the record of a call that is none of the operations that the history
// knows.
func (c *call) other() history.Record { return c.operation("other", []byte(c.method), nil) }

// revision is that in the header of the answer, zero if it has none.
func (c *call) revision() int64 {
	resp, ok := c.resp.(interface{ GetHeader() *pb.ResponseHeader })
	if !ok || c.err != nil {
		return 0
	}
	return resp.GetHeader().GetRevision()
}

// operations are the records of the operations that the call did or may have
// done.
func (c *call) operations() []history.Record {
	if refused(c.err) {
		return nil
	}
	switch req := c.req.(type) {
	case *pb.PutRequest:
		return []history.Record{c.put(req)}
	case *pb.DeleteRangeRequest:
		resp, _ := c.resp.(*pb.DeleteRangeResponse)
		return []history.Record{c.delete(req, resp)}
	case *pb.RangeRequest:
		if c.err == nil && judgeable(req) {
			return []history.Record{c.read(req, c.resp.(*pb.RangeResponse))}
		}
	case *pb.TxnRequest:
		return c.txn(req)
	}
	return nil
}

// refused reports whether an error says for certain that nothing was done: the
// request was not proposed, or its application found that it could not be. After
// any other the outcome is unknown.
func refused(err error) bool {
	switch status.Code(err) {
	case codes.ResourceExhausted, codes.NotFound, codes.InvalidArgument, codes.OutOfRange, codes.FailedPrecondition:
		return true
	}
	return false
}

func (c *call) operation(op string, key, end []byte) history.Record {
	r := c.new(history.Call)
	r.Kind, r.Op, r.Key, r.End, r.Rev = history.Meta, op, string(key), string(end), c.revision()
	return r
}

func (c *call) put(req *pb.PutRequest) history.Record {
	r := c.operation("put", req.Key, nil)
	r.Value = history.ValueHash(req.Value)
	return r
}

// delete takes the answer, which is not looked at if the call failed.
func (c *call) delete(req *pb.DeleteRangeRequest, resp *pb.DeleteRangeResponse) history.Record {
	r := c.operation("delete", req.Key, req.RangeEnd)
	if c.err == nil {
		r.Value = strconv.FormatInt(resp.Deleted, 10)
	}
	return r
}

// judgeable reports whether a range promises something about the present and has
// values to judge, of all keys: the one by which a lock waits for the key before its own
// (concurrency.Mutex) is of those that were made before some revision.
func judgeable(req *pb.RangeRequest) bool {
	return !req.Serializable && !req.CountOnly && !req.KeysOnly && req.MaxCreateRevision == 0 && req.SortOrder == pb.RangeRequest_NONE
}

func (c *call) read(req *pb.RangeRequest, resp *pb.RangeResponse) history.Record {
	r := c.operation("range", req.Key, req.RangeEnd)
	r.RV, r.More = req.Revision, resp.More
	var b strings.Builder
	for i, kv := range resp.Kvs {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.Write(kv.Key)
		writeNumber(&b, kv.ModRevision)
		b.WriteByte(':')
		b.WriteString(history.ValueHash(kv.Value))
	}
	r.Value = b.String()
	return r
}

// writeNumber writes a colon and a decimal number.
func writeNumber(b *strings.Builder, n int64) {
	var digits [21]byte
	b.Write(strconv.AppendInt(append(digits[:0], ':'), n, 10))
}

// txn returns the operations of the branch that was taken, each as a call with the
// transaction's interval. A transaction that failed may have taken either branch:
// every write of it has an unknown outcome.
func (c *call) txn(req *pb.TxnRequest) (records []history.Record) {
	ops := slices.Concat(req.Success, req.Failure)
	var answers []*pb.ResponseOp
	if c.err == nil {
		resp := c.resp.(*pb.TxnResponse)
		if ops, answers = req.Failure, resp.Responses; resp.Succeeded {
			ops = req.Success
		}
	}
	for i, op := range ops {
		var answer *pb.ResponseOp
		if c.err == nil {
			answer = answers[i]
		}
		if put := op.GetRequestPut(); put != nil {
			records = append(records, c.put(put))
		} else if del := op.GetRequestDeleteRange(); del != nil {
			records = append(records, c.delete(del, answer.GetResponseDeleteRange()))
		} else if rng := op.GetRequestRange(); rng != nil && c.err == nil && judgeable(rng) {
			records = append(records, c.read(rng, answer.GetResponseRange()))
		}
	}
	return records
}
