package etcd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// tap records every change that the store applies, in order, those by expired
// leases included, through a watch of the store itself.
type tap struct {
	stream mvcc.WatchStream
	done   chan struct{}
	last   int64 // revision recorded last; for others once done is closed
}

// firstRevision is that of a store without changes.
const firstRevision = 1

// startTap records what is applied after the revision that the history has. The
// server has not started.
func startTap(s *Server) (*tap, error) {
	t := &tap{stream: s.server.KV().NewWatchStream(), done: make(chan struct{}), last: max(s.cfg.Recorded, firstRevision)}
	if _, err := t.stream.Watch(context.Background(), 0, []byte{0}, []byte{}, t.last+1); err != nil {
		return nil, err
	}
	go func() {
		defer close(t.done)
		for resp := range t.stream.Chan() {
			for _, ev := range resp.Events {
				s.cfg.Record(changeRecord(s, ev))
				t.last = ev.Kv.ModRevision
			}
		}
	}()
	return t, nil
}

func (t *tap) wait() {
	t.stream.Close()
	<-t.done
}

func changeRecord(s *Server, ev *mvccpb.Event) history.Record {
	key := string(ev.Kv.Key)
	r := history.Record{At: s.cfg.Now(), Actor: s.cfg.Host, Verb: history.Del, Key: key, Store: s.store, Rev: ev.Kv.ModRevision}
	r.Kind, r.Value = truth.FromEtcd(key, ev.Kv.Value)
	if ev.Type == mvccpb.PUT {
		r.Verb = history.Put
	} else {
		r.Value = ""
	}
	return r
}

// recordCall is the innermost interceptor of the server's unary calls: it sees a
// request when the server takes it up and the answer before it is sent.
func (s *Server) recordCall(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	client := s.client(ctx)
	if err := s.announce(ctx, client, req); err != nil {
		return nil, err
	}
	from := s.cfg.Now()
	resp, err := handler(ctx, req)
	call := history.Record{Actor: s.cfg.Host, Verb: history.Call, Kind: history.Meta, Peer: client, Store: s.store, From: from, At: s.cfg.Now()}
	if !refused(err) {
		s.record(call, req, resp, err)
	}
	s.announceAnswer(client, req, resp)
	return resp, err
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

// client returns the host that a call comes from.
func (s *Server) client(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	return s.cfg.Client(p.Addr)
}

// record completes the record of a call and keeps it, if it is one of a kind that
// the history has.
func (s *Server) record(call history.Record, req, resp any, err error) {
	switch req := req.(type) {
	case *pb.PutRequest:
		s.recordPut(call, req, revision(resp, err), err)
	case *pb.DeleteRangeRequest:
		r, _ := resp.(*pb.DeleteRangeResponse)
		s.recordDelete(call, req, r, revision(resp, err), err)
	case *pb.RangeRequest:
		if err == nil {
			s.recordRange(call, req, resp.(*pb.RangeResponse), revision(resp, err))
		}
	case *pb.TxnRequest:
		r, _ := resp.(*pb.TxnResponse)
		s.recordTxn(call, req, r, err)
	}
}

func revision(resp any, err error) int64 {
	if err != nil {
		return 0
	}
	return resp.(interface{ GetHeader() *pb.ResponseHeader }).GetHeader().GetRevision()
}

func (s *Server) recordPut(call history.Record, req *pb.PutRequest, rev int64, err error) {
	call.Op, call.Key, call.Value, call.Rev = "put", string(req.Key), history.ValueHash(req.Value), rev
	if err != nil {
		call.Err = err.Error()
	}
	s.cfg.Record(call)
}

func (s *Server) recordDelete(call history.Record, req *pb.DeleteRangeRequest, resp *pb.DeleteRangeResponse, rev int64, err error) {
	call.Op, call.Key, call.End, call.Rev = "delete", string(req.Key), string(req.RangeEnd), rev
	if err != nil {
		call.Err = err.Error()
	} else {
		call.Value = strconv.FormatInt(resp.Deleted, 10)
	}
	s.cfg.Record(call)
}

func (s *Server) recordRange(call history.Record, req *pb.RangeRequest, resp *pb.RangeResponse, rev int64) {
	if req.Serializable || req.CountOnly || req.KeysOnly {
		return // promises nothing about the present, or has no values to judge
	}
	call.Op, call.Key, call.End = "range", string(req.Key), string(req.RangeEnd)
	call.RV, call.Rev, call.More = req.Revision, rev, resp.More
	var b strings.Builder
	for i, kv := range resp.Kvs {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s:%d:%s", kv.Key, kv.ModRevision, history.ValueHash(kv.Value))
	}
	call.Value = b.String()
	s.cfg.Record(call)
}

// recordTxn records the operations of the branch that was taken, each as a call
// with the transaction's interval. A transaction that failed may have taken
// either branch: every write of it has an unknown outcome.
func (s *Server) recordTxn(call history.Record, req *pb.TxnRequest, resp *pb.TxnResponse, err error) {
	if err != nil {
		for _, op := range slices.Concat(req.Success, req.Failure) {
			if put := op.GetRequestPut(); put != nil {
				s.recordPut(call, put, 0, err)
			} else if del := op.GetRequestDeleteRange(); del != nil {
				s.recordDelete(call, del, nil, 0, err)
			}
		}
		return
	}
	ops := req.Success
	if !resp.Succeeded {
		ops = req.Failure
	}
	rev := resp.Header.GetRevision()
	for i, op := range ops {
		if put := op.GetRequestPut(); put != nil {
			s.recordPut(call, put, rev, nil)
		} else if del := op.GetRequestDeleteRange(); del != nil {
			s.recordDelete(call, del, resp.Responses[i].GetResponseDeleteRange(), rev, nil)
		} else if rng := op.GetRequestRange(); rng != nil {
			s.recordRange(call, rng, resp.Responses[i].GetResponseRange(), rev)
		}
	}
}
