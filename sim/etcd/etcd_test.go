package etcd

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/tests/v3/framework/integration"
	"go.uber.org/zap"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// script is the same for both servers. Each step says what the client saw.
var script = []struct {
	name string
	run  func(ctx context.Context, c *clientv3.Client) string
}{
	{"put", func(ctx context.Context, c *clientv3.Client) string {
		r, err := c.Put(ctx, "a", "1")
		return describe(r, err)
	}},
	{"put again, with the previous value", func(ctx context.Context, c *clientv3.Client) string {
		r, err := c.Put(ctx, "a", "2", clientv3.WithPrevKV())
		return describe(r, err)
	}},
	{"put others", func(ctx context.Context, c *clientv3.Client) string {
		var s []string
		for _, k := range []string{"b/1", "b/2", "b/3", "c"} {
			s = append(s, describe(c.Put(ctx, k, "v"+k)))
		}
		return strings.Join(s, "\n")
	}},
	{"get", func(ctx context.Context, c *clientv3.Client) string { return describe(c.Get(ctx, "a")) }},
	{"get what is not there", func(ctx context.Context, c *clientv3.Client) string { return describe(c.Get(ctx, "nothing")) }},
	{"get a prefix by pages", func(ctx context.Context, c *clientv3.Client) string {
		return describe(c.Get(ctx, "b/", clientv3.WithPrefix(), clientv3.WithLimit(2))) +
			describe(c.Get(ctx, "b/2\x00", clientv3.WithRange("b0"), clientv3.WithLimit(2), clientv3.WithRev(6)))
	}},
	{"get at an old revision", func(ctx context.Context, c *clientv3.Client) string {
		return describe(c.Get(ctx, "a", clientv3.WithRev(2)))
	}},
	{"get at a future revision", func(ctx context.Context, c *clientv3.Client) string {
		return describe(c.Get(ctx, "a", clientv3.WithRev(1000)))
	}},
	{"delete", func(ctx context.Context, c *clientv3.Client) string {
		return describe(c.Delete(ctx, "c", clientv3.WithPrevKV()))
	}},
	{"delete what is not there", func(ctx context.Context, c *clientv3.Client) string { return describe(c.Delete(ctx, "c")) }},
	{"transaction that succeeds", func(ctx context.Context, c *clientv3.Client) string {
		return describe(c.Txn(ctx).If(clientv3.Compare(clientv3.Value("a"), "=", "2")).
			Then(clientv3.OpPut("a", "3"), clientv3.OpPut("d", "1"), clientv3.OpGet("a")).Commit())
	}},
	{"transaction that fails", func(ctx context.Context, c *clientv3.Client) string {
		return describe(c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision("a"), "=", 0)).
			Then(clientv3.OpPut("a", "x")).Else(clientv3.OpGet("a"), clientv3.OpDelete("d")).Commit())
	}},
	{"transaction that writes a key twice", func(ctx context.Context, c *clientv3.Client) string {
		return describe(c.Txn(ctx).Then(clientv3.OpPut("a", "x"), clientv3.OpPut("a", "y")).Commit())
	}},
	{"watch from a revision", func(ctx context.Context, c *clientv3.Client) string {
		return watched(ctx, c, 10, clientv3.WithRev(2), clientv3.WithPrefix(), clientv3.WithPrevKV())
	}},
	{"lease", func(ctx context.Context, c *clientv3.Client) string {
		s := describe(c.Grant(ctx, 2))
		g, err := c.Grant(ctx, 3)
		if err != nil {
			return err.Error()
		}
		s += describe(c.Put(ctx, "leased", "1", clientv3.WithLease(g.ID)))
		s += describe(c.KeepAliveOnce(ctx, g.ID))
		s += describe(c.Put(ctx, "leased/2", "1", clientv3.WithLease(g.ID)))
		// Both keys go with the lease, in one revision.
		s += watched(ctx, c, 2, clientv3.WithRev(11), clientv3.WithFilterPut(), clientv3.WithPrefix())
		return s + describe(c.Get(ctx, "leased", clientv3.WithPrefix()))
	}},
	{"put with a lease that is not there", func(ctx context.Context, c *clientv3.Client) string {
		return describe(c.Put(ctx, "leased", "1", clientv3.WithLease(12345)))
	}},
	{"revoke", func(ctx context.Context, c *clientv3.Client) string {
		g, err := c.Grant(ctx, 100)
		if err != nil {
			return err.Error()
		}
		return describe(c.Put(ctx, "revoked", "1", clientv3.WithLease(g.ID))) + describe(c.Revoke(ctx, g.ID)) + describe(c.Get(ctx, "revoked"))
	}},
	{"compact", func(ctx context.Context, c *clientv3.Client) string {
		_, err := c.Compact(ctx, 8, clientv3.WithCompactPhysical())
		return fmt.Sprint(err)
	}},
	{"compact again", func(ctx context.Context, c *clientv3.Client) string {
		_, err := c.Compact(ctx, 5)
		return fmt.Sprint(err)
	}},
	{"get at a compacted revision", func(ctx context.Context, c *clientv3.Client) string {
		return describe(c.Get(ctx, "a", clientv3.WithRev(3)))
	}},
	{"watch from a compacted revision", func(ctx context.Context, c *clientv3.Client) string {
		for r := range c.Watch(ctx, "a", clientv3.WithRev(3)) {
			return fmt.Sprintf("%v, compacted at %d", r.Err(), r.CompactRevision)
		}
		return "closed"
	}},
	{"watch from the first revision kept", func(ctx context.Context, c *clientv3.Client) string {
		return watched(ctx, c, 3, clientv3.WithRev(9), clientv3.WithPrefix())
	}},
	{"watch what is coming", func(ctx context.Context, c *clientv3.Client) string {
		events := c.Watch(ctx, "live", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
		<-events
		s := describe(c.Put(ctx, "live/1", "1")) + describe(c.Delete(ctx, "live", clientv3.WithPrefix()))
		return s + eventsOf(events, 2)
	}},
}

// watched watches everything from key "a" on and returns the first n events.
func watched(ctx context.Context, c *clientv3.Client, n int, opts ...clientv3.OpOption) string {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return eventsOf(c.Watch(ctx, "", opts...), n)
}

func eventsOf(ch clientv3.WatchChan, n int) string {
	var s []string
	for r := range ch {
		if r.Err() != nil {
			return r.Err().Error()
		}
		for _, ev := range r.Events {
			prev := ""
			if ev.PrevKv != nil {
				prev = string(ev.PrevKv.Value)
			}
			s = append(s, fmt.Sprintf("%s %s=%s create %d mod %d version %d prev %q", ev.Type, ev.Kv.Key, ev.Kv.Value, ev.Kv.CreateRevision, ev.Kv.ModRevision, ev.Kv.Version, prev))
		}
		if len(s) >= n {
			break
		}
	}
	return strings.Join(s, "\n")
}

// describe gives an answer as text without what differs between any two
// clusters: their IDs, and those of leases.
func describe(resp any, err error) string {
	if err != nil {
		return err.Error() + "\n"
	}
	switch r := resp.(type) {
	case *clientv3.PutResponse:
		return fmt.Sprintf("rev %d prev %v\n", r.Header.Revision, r.PrevKv)
	case *clientv3.GetResponse:
		return fmt.Sprintf("rev %d count %d more %v %v\n", r.Header.Revision, r.Count, r.More, r.Kvs)
	case *clientv3.DeleteResponse:
		return fmt.Sprintf("rev %d deleted %d %v\n", r.Header.Revision, r.Deleted, r.PrevKvs)
	case *clientv3.TxnResponse:
		s := fmt.Sprintf("rev %d succeeded %v", r.Header.Revision, r.Succeeded)
		for _, op := range r.Responses {
			s += fmt.Sprintf(" | %v", op.Response)
		}
		return s + "\n"
	case *clientv3.LeaseGrantResponse:
		return fmt.Sprintf("rev %d ttl %d\n", r.Revision, r.TTL)
	case *clientv3.LeaseKeepAliveResponse:
		return fmt.Sprintf("rev %d ttl %d\n", r.Revision, r.TTL)
	case *clientv3.LeaseRevokeResponse:
		return fmt.Sprintf("rev %d\n", r.Header.Revision)
	}
	return fmt.Sprintf("%T", resp)
}

func transcript(ctx context.Context, c *clientv3.Client) []string {
	var s []string
	for _, step := range script {
		s = append(s, step.name+":\n"+step.run(ctx, c))
	}
	return s
}

// testWorld is a world with an etcd on the host r0.
type testWorld struct {
	*simtest.World
	etcd *Member
}

func TestMain(m *testing.M) { simtest.Main(m) }

// inBubble runs f in a bubble.
func inBubble(t *testing.T, f func(t *testing.T, w *testWorld)) {
	t.Helper()
	simtest.Run(t, func(w *simtest.World) { f(w.T, &testWorld{World: w}) })
}

// start starts the etcd; cfg says what is particular about it. Its starts and ends are
// not recorded.
func (w *testWorld) start(cfg Config) *Server {
	w.T.Helper()
	if cfg.OnChange == nil {
		cfg.OnChange = func(history.Record) {}
	}
	cfg.Host, cfg.DataDir, cfg.Log = "r0", w.Dir, zap.NewNop()
	cfg.Record, cfg.Now, cfg.NextWatch, cfg.Client = w.Record, w.Now, w.NextWatch, simtest.ClientOf
	cfg.Listen = func() (net.Listener, error) { return w.Net.Host("r0").Listen(2379) }
	w.etcd = New(cfg)
	w.T.Cleanup(w.etcd.Kill)
	return w.restart(NewCluster)
}

func (w *testWorld) restart(found Data) *Server {
	w.T.Helper()
	require.NoError(w.T, w.etcd.Start(found))
	return w.etcd.Server()
}

func TestSameAsARealCluster(t *testing.T) {
	var got []string
	inBubble(t, func(t *testing.T, w *testWorld) {
		w.start(Config{})
		got = transcript(t.Context(), w.EtcdClient("a0", "r0"))
	})

	integration.BeforeTest(t)
	cluster := integration.NewCluster(t, &integration.ClusterConfig{Size: 1})
	defer cluster.Terminate(t)
	want := transcript(t.Context(), cluster.RandClient())

	for i := range script {
		require.Equal(t, want[i], got[i])
	}
}

func TestClusterIDIsMadeFromTheToken(t *testing.T) {
	ids := map[string]bool{}
	for range 2 {
		inBubble(t, func(_ *testing.T, w *testWorld) { ids[w.start(Config{}).ClusterID()] = true })
	}
	require.Len(t, ids, 1, "the same token makes the same cluster ID")
}
