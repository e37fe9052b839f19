package etcd

import (
	"slices"
	"strconv"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// watchStream is the server's end of a stream on which a client opens any number
// of watches. One goroutine reads from it, another sends; the server answers
// requests for watches in their order.
type watchStream struct {
	grpc.ServerStream
	server *Server
	client string
	asked  chan history.Record // requests for watches without an answer, as their Watch
	known  map[int64]*watch    // by their ID on the stream, those that have ended too; the sender's
}

// maxAsked is more than the requests without an answer that the server reads
// from a stream: its buffer for answers (v3rpc, ctrlStreamBufLen) and those in its
// hands.
const maxAsked = 32

func newWatchStream(s *Server, client string, stream grpc.ServerStream) *watchStream {
	return &watchStream{ServerStream: stream, server: s, client: client, asked: make(chan history.Record, maxAsked), known: map[int64]*watch{}}
}

// RecvMsg hands a message on when Before has returned, unless it refuses it.
func (ws *watchStream) RecvMsg(m any) error {
	if err := ws.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if err := ws.server.announce(ws.Context(), ws.client, m); err != nil {
		return err
	}
	if create := m.(*pb.WatchRequest).GetCreateRequest(); create != nil {
		ws.asked <- watchRecord(create)
	}
	return nil
}

// watchRecord is the Watch that a request asks for, as far as it is known then:
// the server changes requests.
func watchRecord(create *pb.WatchCreateRequest) history.Record {
	r := history.Record{Verb: history.Watch, Key: string(create.Key), End: string(create.RangeEnd), Ask: strconv.FormatInt(create.StartRevision, 10)}
	r.Kind, _ = truth.FromEtcd(r.Key+"/", nil) // Cilium names some prefixes without their last slash
	var options []string
	if create.PrevKv {
		options = append(options, "prev")
	}
	if create.ProgressNotify {
		options = append(options, "progress")
	}
	if slices.Contains(create.Filters, pb.WatchCreateRequest_NOPUT) {
		options = append(options, "noput")
	}
	if slices.Contains(create.Filters, pb.WatchCreateRequest_NODELETE) {
		options = append(options, "nodelete")
	}
	r.Value = strings.Join(options, ",")
	return r
}

// SendMsg records what it sends before the client can know it. A server that stops
// sends nothing more.
func (ws *watchStream) SendMsg(m any) error {
	ws.work(m.(*pb.WatchResponse))
	ws.record(m.(*pb.WatchResponse))
	if ws.server.watches.shut.Load() {
		<-ws.Context().Done()
		return ws.Context().Err()
	}
	return ws.ServerStream.SendMsg(m)
}

// work does what an answer costs: that to the request for a watch is one to a read.
func (ws *watchStream) work(resp *pb.WatchResponse) {
	if resp.Created {
		ws.server.cores.Read(ws.Context().Done())
	}
	ws.server.cores.Tell(ws.Context().Done(), len(resp.Events))
}

func (ws *watchStream) record(resp *pb.WatchResponse) {
	if resp.Created {
		ws.begin(resp)
		return
	}
	if resp.WatchId == clientv3.InvalidWatchID { // progress, of all watches of the stream at once
		ws.server.watches.eventOfAll(ws, eventRecord(resp))
		return
	}
	w := ws.known[resp.WatchId]
	switch {
	case !resp.Canceled:
		ws.server.watches.event(w, eventRecord(resp))
	case resp.CompactRevision != 0:
		ws.server.watches.end(w, endCompacted, resp.CompactRevision)
	case resp.CancelReason != "":
		ws.server.watches.end(w, resp.CancelReason, 0)
	default:
		ws.server.watches.end(w, endByClient, 0)
	}
}

// begin records the answer to a request for a watch; one that is refused ends at
// once.
func (ws *watchStream) begin(resp *pb.WatchResponse) {
	r := <-ws.asked
	r.Rev = resp.Header.GetRevision()
	w := &watch{stream: ws, kind: r.Kind, key: r.Key}
	ws.server.watches.begin(w, r)
	if resp.Canceled {
		ws.server.watches.end(w, resp.CancelReason, 0)
		return
	}
	ws.known[resp.WatchId] = w
}

// eventRecord is the Event of an answer with events, or of a notification of
// progress, which has none.
func eventRecord(resp *pb.WatchResponse) history.Record {
	r := history.Record{Verb: history.Event, Rev: resp.Header.GetRevision(), More: resp.Fragment, Bytes: int64(proto.Size(resp))}
	var b strings.Builder
	for i, ev := range resp.Events {
		if i > 0 {
			b.WriteByte(' ')
		}
		writeEvent(&b, ev)
	}
	r.Value = b.String()
	return r
}

func writeEvent(b *strings.Builder, ev *mvccpb.Event) {
	if ev.Type == mvccpb.DELETE {
		b.WriteString("del:")
		b.Write(ev.Kv.Key)
		writeNumber(b, ev.Kv.ModRevision)
	} else {
		b.WriteString("put:")
		b.Write(ev.Kv.Key)
		writeNumber(b, ev.Kv.ModRevision)
		writeNumber(b, ev.Kv.CreateRevision)
		writeNumber(b, ev.Kv.Version)
		b.WriteByte(':')
		b.WriteString(history.ValueHash(ev.Kv.Value))
	}
	if ev.PrevKv != nil {
		b.WriteString(":prev=")
		b.WriteString(strconv.FormatInt(ev.PrevKv.ModRevision, 10))
	}
}
