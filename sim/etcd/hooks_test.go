package etcd

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshcheck/meshcheck/history"
)

// told keeps what hooks are told.
type told struct {
	mu  sync.Mutex
	all []string
}

func (h *told) hook(name string) func(Request) {
	return func(r Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = append(h.all, fmt.Sprintf("%s %s %s %s %s", name, r.Op, r.Key, r.End, r.Client))
	}
}

// passing is a Before that refuses nothing.
func passing(hook func(Request)) func(context.Context, Request) error {
	return func(_ context.Context, r Request) error {
		hook(r)
		return nil
	}
}

func TestHooksMayRefuse(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		w.start(Config{Before: func(_ context.Context, r Request) error {
			if r.Op == "put" {
				return status.Error(codes.Aborted, "no")
			}
			return nil
		}})
		c := w.EtcdClient("a0", "r0")
		_, err := c.Put(t.Context(), "k/1", "v")
		require.ErrorContains(t, err, "no")
		require.Zero(t, count(t, c))
	})
}

// since returns what has been told since the last call.
func (h *told) since() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.all
	h.all = nil
	return all
}

func TestHooksAreToldOfRequests(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		var h told
		w.start(Config{Before: passing(h.hook("before")), After: h.hook("after")})
		c, ctx := w.EtcdClient("a0", "r0"), t.Context()
		put(t, c, "k/1")
		put(t, c, "k/2")
		require.Equal(t, []string{"before put k/1  a0", "before put k/2  a0"}, h.since())
		_, err := c.Get(ctx, "k/", clientv3.WithPrefix(), clientv3.WithLimit(1))
		require.NoError(t, err)
		require.Equal(t, []string{"before range k/ k0 a0"}, h.since(), "more is left")
		_, err = c.Get(ctx, "k/1\x00", clientv3.WithRange("k0"))
		require.NoError(t, err)
		require.Equal(t, []string{"before range k/1\x00 k0 a0", "after range k/1\x00 k0 a0"}, h.since())
		_, err = c.Get(ctx, "k/1", clientv3.WithRev(1000))
		require.Error(t, err)
		require.Equal(t, []string{"before range k/1  a0"}, h.since(), "it was not answered")
		_, err = c.Delete(ctx, "k/1")
		require.NoError(t, err)
		require.Equal(t, []string{"before delete k/1  a0"}, h.since())
		for _, op := range []clientv3.Op{clientv3.OpPut("k/3", "1"), clientv3.OpDelete("k/3"), clientv3.OpGet("k/3"),
			clientv3.OpTxn(nil, []clientv3.Op{clientv3.OpPut("k/3", "1")}, nil)} {
			_, err = c.Txn(ctx).Then(op).Commit()
			require.NoError(t, err)
			require.Equal(t, []string{"before txn k/3  a0"}, h.since())
		}
		_, err = c.Txn(ctx).Commit()
		require.NoError(t, err)
		require.Equal(t, []string{"before txn   a0"}, h.since(), "it does nothing")
		<-c.Watch(ctx, "k/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
		require.Equal(t, []string{"before watch k/ k0 a0"}, h.since())
		_, err = c.Grant(ctx, 100)
		require.NoError(t, err)
		require.Equal(t, []string{"after grant   a0"}, h.since())
	})
}

func TestHooksMayTakeTheirTime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		free := make(chan struct{})
		w.start(Config{
			Before: passing(func(r Request) {
				if r.Key == "held" {
					<-free
				}
			}),
			After: func(Request) { time.Sleep(time.Second) },
		})
		c := w.EtcdClient("a0", "r0")
		written := make(chan time.Duration, 1)
		go func() { written <- took(func() { put(t, c, "held") }) }()
		watching := make(chan clientv3.WatchChan, 1)
		go func() { watching <- c.Watch(t.Context(), "held", clientv3.WithCreatedNotify()) }()
		put(t, c, "other")
		require.InDelta(t, 1, took(func() { require.Equal(t, 1, count(t, c), "others are not held up") }).Seconds(), 0.1)
		time.Sleep(9 * time.Second)
		require.Empty(t, watching)
		from := w.Now()
		close(free)
		require.InDelta(t, 10, (<-written).Seconds(), 0.2)
		require.True(t, (<-<-watching).Created)
		records := w.Recorded()
		held := slices.IndexFunc(records, func(r history.Record) bool { return r.Verb == history.Call && r.Key == "held" })
		require.GreaterOrEqual(t, held, 0)
		require.GreaterOrEqual(t, records[held].From, from, "it is taken up after the hook")
	})
}

func TestHooksMayStopTheServer(t *testing.T) {
	for _, op := range []string{"put", "watch", "range"} {
		inBubble(t, func(t *testing.T, w *testWorld) {
			stop := make(chan func(), 1)
			stopped := make(chan time.Duration, 1)
			hook := func(r Request) {
				if r.Op == op {
					stopped <- took(<-stop)
				}
			}
			cfg := Config{Before: passing(hook)}
			if op == "range" {
				cfg = Config{After: hook}
			}
			w.start(cfg)
			stop <- w.etcd.Kill
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c := w.EtcdClient("a0", "r0")
			switch op {
			case "put":
				_, err := c.Put(ctx, "a", "1")
				require.Error(t, err)
			case "range":
				_, err := c.Get(ctx, "a")
				require.Error(t, err)
			case "watch":
				r := <-c.Watch(ctx, "a", clientv3.WithCreatedNotify())
				require.False(t, r.Created)
			}
			require.Less(t, <-stopped, time.Second)
		})
	}
}
