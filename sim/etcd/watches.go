package etcd

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/meshcheck/meshcheck/history"
)

// recordStream is the innermost interceptor of the server's streams: it sees the
// messages of those that watch or renew leases.
func (s *Server) recordStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	client := s.client(stream.Context())
	switch info.FullMethod {
	case pb.Lease_LeaseKeepAlive_FullMethodName:
		return handler(srv, &keepAliveStream{ServerStream: stream, server: s, client: client})
	case pb.Watch_Watch_FullMethodName:
		ws := newWatchStream(s, client, stream)
		err := handler(srv, ws)
		s.watches.endAll(func(w *watch) bool { return w.stream == ws }, streamEnd(stream.Context(), err))
		return err
	}
	return handler(srv, stream)
}

// streamEnd is why a stream has ended whose handler returned err: the client's
// doing, or the reason that the server gives it.
func streamEnd(ctx context.Context, err error) string {
	if gone := ctx.Err(); err == nil || gone == context.Canceled || gone == context.DeadlineExceeded {
		return endByClient
	}
	return err.Error()
}

// Ends of watches for which the server gives no reason in words.
const (
	endByClient  = "client"
	endCompacted = "compacted"
	endByServer  = "closed" // it stops
)

// watches records the watches of a server: it knows those that are open.
type watches struct {
	server *Server

	mu   sync.Mutex
	open []*watch    // in order of ID
	shut atomic.Bool // the server stops: what its streams still do is no part of the history
}

// watch is a watch that was opened.
type watch struct {
	stream *watchStream
	id     int64 // of the history
	kind   string
	key    string
	ended  bool
}

// begin records a watch.
func (ws *watches) begin(w *watch, r history.Record) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w.ended = ws.shut.Load(); w.ended {
		return
	}
	w.id = ws.server.cfg.NextWatch()
	ws.open = append(ws.open, w)
	ws.record(w, r)
}

// event records that something is sent to a watch that has not ended.
func (ws *watches) event(w *watch, r history.Record) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if !w.ended {
		ws.record(w, r)
	}
}

// eventOfAll records what is sent to all watches of a stream in one piece: its size
// counts once.
func (ws *watches) eventOfAll(stream *watchStream, r history.Record) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.open {
		if w.stream == stream {
			ws.record(w, r)
			r.Bytes = 0
		}
	}
}

// end records the end of a watch that has not ended; compacted is zero unless that
// is why.
func (ws *watches) end(w *watch, why string, compacted int64) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w.ended {
		return
	}
	ws.open = slices.DeleteFunc(ws.open, func(other *watch) bool { return other == w })
	ws.recordEnd(w, why, compacted)
}

// endAll records the end of the chosen ones of the open watches.
func (ws *watches) endAll(chosen func(*watch) bool, why string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	rest := ws.open[:0]
	for _, w := range ws.open {
		if !chosen(w) {
			rest = append(rest, w)
			continue
		}
		ws.recordEnd(w, why, 0)
	}
	clear(ws.open[len(rest):])
	ws.open = rest
}

// shutDown records the end of all watches, and nothing of them after that.
func (ws *watches) shutDown() {
	ws.shut.Store(true)
	ws.endAll(func(*watch) bool { return true }, endByServer)
}

func (ws *watches) recordEnd(w *watch, why string, compacted int64) {
	w.ended = true
	ws.record(w, history.Record{Verb: history.Unwatch, Value: why, Rev: compacted})
}

// record completes a record of a watch and writes it.
func (ws *watches) record(w *watch, r history.Record) {
	s := ws.server
	r.At, r.Actor, r.Peer, r.Store = s.cfg.Now(), s.cfg.Host, w.stream.client, s.store
	r.Kind, r.Key, r.ID = w.kind, w.key, w.id
	s.cfg.Record(r)
}
