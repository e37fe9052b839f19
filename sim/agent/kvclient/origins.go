package kvclient

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
)

// origins tells, for all that one client of an etcd received, which connection
// delivered it. A client outlives its connections, and so does a watch: etcd's client
// goes on with it on the next connection, while what came on the old one may still be
// on its way through Cilium.
//
// So each key and value carries it: behind the value, in the part of the slice that is
// beyond its length, which nobody reads, is the number of how it was learned of. What
// a list does not have carries nothing, and is asked for by the pages of the list.
type origins struct {
	connections *agent.Connections

	mu      sync.Mutex
	learned []agent.Learned   // by number
	lists   map[string][]page // the last one of each range, by its end
}

// page is an answer to one request of a list.
type page struct {
	start string
	from  agent.Learned
}

func newOrigins(c *agent.Connections) *origins {
	return &origins{connections: c, lists: map[string][]page{}}
}

// dialOptions are those of the client. Interceptors of a chain stand behind the single
// ones that Cilium sets, so that they see an answer first.
func (o *origins) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(o.unary), grpc.WithChainStreamInterceptor(o.stream)}
}

func (o *origins) unary(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	var p peer.Peer
	if err := invoke(ctx, method, request, reply, conn, append(slices.Clip(opts), grpc.Peer(&p))...); err != nil {
		return err
	}
	if answer, ok := reply.(*etcdserverpb.RangeResponse); ok {
		from := agent.Learned{Origin: o.connections.OriginInEtcd(p.LocalAddr, answer.Header.GetClusterId()), How: history.ByList}
		o.listed(request.(*etcdserverpb.RangeRequest), answer, from)
	}
	return nil
}

func (o *origins) listed(request *etcdserverpb.RangeRequest, answer *etcdserverpb.RangeResponse, from agent.Learned) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.number(from)
	for _, kv := range answer.Kvs {
		kv.Value = seal(kv.Value, n)
	}
	start, end := string(request.Key), string(request.RangeEnd)
	if end == "" {
		return
	}
	pages := o.lists[end]
	if clientv3.GetPrefixRangeEnd(start) == end { // the first page
		pages = nil
	}
	o.lists[end] = append(pages, page{start, from})
}

func (o *origins) stream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := open(ctx, desc, conn, method, opts...)
	if err != nil {
		return nil, err
	}
	return &watchStream{s, o}, nil
}

// watchStream is a stream of answers to watches. A stream has one connection.
type watchStream struct {
	grpc.ClientStream
	origins *origins
}

func (s *watchStream) RecvMsg(m any) error {
	if err := s.ClientStream.RecvMsg(m); err != nil {
		return err
	}
	answer, ok := m.(*etcdserverpb.WatchResponse)
	if !ok {
		return nil
	}
	var address peer.Peer
	if p, ok := peer.FromContext(s.Context()); ok {
		address = *p
	}
	o := s.origins
	from := agent.Learned{Origin: o.connections.OriginInEtcd(address.LocalAddr, answer.Header.GetClusterId()), How: history.ByWatch}
	if len(answer.Events) == 0 {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.number(from)
	for _, ev := range answer.Events {
		ev.Kv.Value = seal(ev.Kv.Value, n)
	}
	return nil
}

// number returns the number of what is known, from 1; the lock is held.
func (o *origins) number(from agent.Learned) uint32 {
	i := slices.Index(o.learned, from) // the last ones of a few
	if i < 0 {
		o.learned = append(o.learned, from)
		i = len(o.learned) - 1
	}
	return uint32(i + 1)
}

const sealSize = 4 // bytes

// seal returns a copy of a value with a number behind it.
func seal(value []byte, n uint32) []byte {
	sealed := make([]byte, len(value), len(value)+sealSize)
	copy(sealed, value)
	binary.BigEndian.PutUint32(sealed[len(value):cap(sealed)], n)
	return sealed
}

// of returns how the value was learned of, and whether it carries that.
func (o *origins) of(value []byte) (agent.Learned, bool) {
	if cap(value)-len(value) != sealSize {
		return agent.Learned{}, false
	}
	n := binary.BigEndian.Uint32(value[len(value):cap(value)])
	o.mu.Lock()
	defer o.mu.Unlock()
	if n == 0 || int(n) > len(o.learned) {
		return agent.Learned{}, false
	}
	return o.learned[n-1], true
}

// list returns which page of the last list of a prefix says whether it has a key, the
// last page for no key.
func (o *origins) list(prefix, key string) agent.Learned {
	o.mu.Lock()
	defer o.mu.Unlock()
	pages := o.lists[clientv3.GetPrefixRangeEnd(prefix)]
	for i, p := range slices.Backward(pages) {
		if key == "" || p.start <= key || i == 0 {
			return p.from
		}
	}
	return agent.Learned{}
}
