package etcd

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Request is what a client asks of a server, as Config.Before and Config.After
// see it.
//
// Before is called when the server has a request of any of the kinds below and
// has not yet done anything about it; After only when a range has been answered
// in full (no more is left) or a lease granted, before the answer is sent. Both are called by the
// goroutine that handles the request, which holds no lock: they may take their
// time, for which the client waits, and may stop the server.
type Request struct {
	Op     string // put, delete, range, txn or watch (the creation of one); of After: range or grant
	Key    string // of a txn: of the first operation of its success branch
	End    string // the end of the range, as in etcd: empty for one key
	Client string // who asks: Config.Client
}

// announce calls Before, if it is to know of this message, and returns its error.
func (s *Server) announce(ctx context.Context, client string, req any) error {
	if s.cfg.Before == nil {
		return nil
	}
	r := requestOf(req)
	if r.Op == "" {
		return nil
	}
	r.Client = client
	return s.cfg.Before(ctx, r)
}

// announceAnswer calls After, if it is to know of this answer; resp is nil for a
// call that failed.
func (s *Server) announceAnswer(client string, req, resp any) {
	if s.cfg.After == nil {
		return
	}
	var r Request
	switch answer := resp.(type) {
	case *pb.RangeResponse:
		if answer == nil || answer.More {
			return
		}
		r = requestOf(req)
	case *pb.LeaseGrantResponse:
		if answer == nil {
			return
		}
		r = Request{Op: "grant"}
	default:
		return
	}
	r.Client = client
	s.cfg.After(r)
}

// requestOf describes a message, with an empty Op if it is of no kind that hooks
// are told of.
func requestOf(message any) Request {
	switch m := message.(type) {
	case *pb.PutRequest:
		return Request{Op: "put", Key: string(m.Key)}
	case *pb.DeleteRangeRequest:
		return Request{Op: "delete", Key: string(m.Key), End: string(m.RangeEnd)}
	case *pb.RangeRequest:
		return Request{Op: "range", Key: string(m.Key), End: string(m.RangeEnd)}
	case *pb.TxnRequest:
		r := Request{Op: "txn"}
		if len(m.Success) > 0 {
			first := operationOf(m.Success[0])
			r.Key, r.End = first.Key, first.End
		}
		return r
	case *pb.WatchRequest:
		if create := m.GetCreateRequest(); create != nil {
			return Request{Op: "watch", Key: string(create.Key), End: string(create.RangeEnd)}
		}
	}
	return Request{}
}

func operationOf(op *pb.RequestOp) Request {
	switch {
	case op.GetRequestPut() != nil:
		return requestOf(op.GetRequestPut())
	case op.GetRequestDeleteRange() != nil:
		return requestOf(op.GetRequestDeleteRange())
	case op.GetRequestRange() != nil:
		return requestOf(op.GetRequestRange())
	}
	return requestOf(op.GetRequestTxn())
}
