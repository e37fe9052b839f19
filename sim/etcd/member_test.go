package etcd

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/cilium/cilium/pkg/kvstore"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// ciliumClient is Cilium's own client of the etcd, as an agent in kvstore mode has it.
// It ends with process, or at the end of the test.
func (w *testWorld) ciliumClient(host string, process *proc.Process) kvstore.BackendOperations {
	w.T.Helper()
	c, errs := kvstore.NewClient(context.Background(), slog.New(slog.DiscardHandler), kvstore.EtcdBackendName,
		map[string]string{kvstore.EtcdAddrOption: "http://kvstore:2379"},
		kvstore.ExtraOptions{
			DialOption: []grpc.DialOption{grpc.WithContextDialer(process.Dial(w.Dial(host, "r0:2379")))},
			LeaseTTL:   time.Minute,
		})
	require.NoError(w.T, <-errs)
	w.T.Cleanup(c.Close)
	return c
}

// heard keeps what a watch of Cilium's has told.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (w *testWorld) watch(c kvstore.BackendOperations, prefix string) *heard {
	ctx, cancel := context.WithCancel(context.Background())
	w.T.Cleanup(cancel)
	seen := &heard{}
	events := c.ListAndWatch(ctx, prefix)
	go func() {
		for ev := range events {
			seen.mu.Lock()
			seen.lines = append(seen.lines, fmt.Sprintf("%s %s %s", ev.Typ, ev.Key, ev.Value))
			seen.mu.Unlock()
		}
	}()
	return seen
}

// in returns what was told in a time from now.
func (s *heard) in(d time.Duration) []string {
	time.Sleep(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.lines
	s.lines = nil
	return lines
}

// An etcd that stands alone is all that agents in kvstore mode share: what one writes
// reaches the other, over faults of the network and restarts of the server.
func TestEtcdThatStandsAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		var lives []string
		w.start(Config{OnChange: func(r history.Record) { lives = append(lives, fmt.Sprintf("%s %s %d", r.Verb, r.Kind, r.Inc)) }})
		store := w.etcd.Store()
		writing := new(proc.Process)
		writer := w.ciliumClient("a0", writing)
		reader := w.watch(w.ciliumClient("a1", new(proc.Process)), "cilium/state/ip/")
		put := func(ip string) error {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			return writer.Update(ctx, "cilium/state/ip/v1/default/"+ip, []byte(ip), true)
		}
		require.Equal(t, []string{"listDone  "}, reader.in(time.Second))
		require.NoError(t, put("10.0.0.1"))
		require.Equal(t, []string{"create cilium/state/ip/v1/default/10.0.0.1 10.0.0.1"}, reader.in(time.Second))

		heal := w.Net.Partition("a1", "r0", false)
		require.NoError(t, put("10.0.0.2"))
		require.Empty(t, reader.in(10*time.Second), "it is cut off")
		heal()
		require.Equal(t, []string{"create cilium/state/ip/v1/default/10.0.0.2 10.0.0.2"}, reader.in(10*time.Second))

		w.etcd.Kill()
		require.Nil(t, w.etcd.Server())
		require.Empty(t, w.etcd.Store())
		require.Error(t, put("10.0.0.3"))
		w.restart(Kept)
		require.Equal(t, store, w.etcd.Store())
		require.NoError(t, put("10.0.0.3"))
		require.Equal(t, []string{"create cilium/state/ip/v1/default/10.0.0.3 10.0.0.3"}, reader.in(30*time.Second), "what it had is kept, and its leases")

		writing.Kill()
		require.Empty(t, reader.in(30*time.Second))
		require.ElementsMatch(t, []string{
			"delete cilium/state/ip/v1/default/10.0.0.1 ",
			"delete cilium/state/ip/v1/default/10.0.0.2 ",
			"delete cilium/state/ip/v1/default/10.0.0.3 ",
		}, reader.in(time.Minute), "the lease ends with who renews it")
		require.Equal(t, []string{"up etcd 1", "down etcd 1", "up etcd 2"}, lives)
	})
}

// Where an etcd begins anew, the store is another one, and so is the cluster if it is
// not only the volume that is new.
func TestWhatAMemberFinds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		w.start(Config{})
		first := w.etcd.Store()
		c := w.EtcdClient("a0", "r0")
		put(t, c, "k/1")
		for _, start := range []struct {
			found Data
			store string
			keys  int
		}{{Kept, first, 1}, {Lost, first + "/2", 0}, {Kept, first + "/2", 0}, {Lost, first + "/3", 0}} {
			w.etcd.Stop(t.Context())
			w.etcd.Stop(t.Context())
			w.restart(start.found)
			require.Equal(t, start.store, w.etcd.Store())
			require.Equal(t, start.keys, count(t, c))
		}
		w.etcd.Kill()
		w.restart(NewCluster)
		require.NotContains(t, w.etcd.Store(), "/")
		require.NotEqual(t, first, w.etcd.Store())

		w.etcd.Kill()
		up := w.Net.Down("r0")
		require.ErrorIs(t, w.etcd.Start(Kept), syscall.ENETDOWN)
		require.Nil(t, w.etcd.Server())
		up()
		w.restart(Kept)
	})
}
