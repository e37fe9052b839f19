package etcd

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/meshcheck/meshcheck/history"
)

// took calls f and returns how long it took.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func put(t *testing.T, c *clientv3.Client, key string, opts ...clientv3.OpOption) {
	t.Helper()
	_, err := c.Put(t.Context(), key, "1", opts...)
	require.NoError(t, err)
}

func count(t *testing.T, c *clientv3.Client, opts ...clientv3.OpOption) int {
	t.Helper()
	r, err := c.Get(t.Context(), "", append(opts, clientv3.WithPrefix())...)
	require.NoError(t, err)
	return int(r.Count)
}

func TestStallApply(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c := w.EtcdClient("a0", "r0")
		put(t, c, "a")
		liftFirst, liftSecond := s.StallApply(time.Second), s.StallApply(2*time.Second)
		require.InDelta(t, 3, took(func() { put(t, c, "b") }).Seconds(), 0.2, "stalls add up")
		liftSecond()
		liftSecond()
		require.InDelta(t, 1, took(func() { put(t, c, "c") }).Seconds(), 0.2)
		liftFirst()

		lift := s.StallApply(0)
		written := make(chan time.Duration, 1)
		go func() { written <- took(func() { put(t, c, "d") }) }()
		time.Sleep(3 * time.Second)
		require.Equal(t, 3, count(t, c, clientv3.WithSerializable()), "reads without a quorum see the past")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Get(ctx, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded, "others wait")
		lift()
		require.InDelta(t, 4, (<-written).Seconds(), 0.2)
		require.Equal(t, 4, count(t, c))
	})
}

func TestStalledServerStopsAndKeepsWhatItCommitted(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c := w.EtcdClient("a0", "r0")
		put(t, c, "a")
		s.StallApply(0)
		failed := make(chan error, 1)
		go func() {
			_, err := c.Put(t.Context(), "b", "1")
			failed <- err
		}()
		time.Sleep(time.Second)
		require.Less(t, took(w.etcd.Kill), time.Second)
		s = w.restart(Kept)
		require.Error(t, <-failed)
		require.Equal(t, 2, count(t, c))
	})
}

func TestNoSpace(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c := w.EtcdClient("a0", "r0")
		put(t, c, "a")
		lift := s.StallApply(time.Second) // the wrapped applier follows alarms
		require.NoError(t, s.RaiseNoSpace(t.Context()))
		lift()
		_, err := c.Put(t.Context(), "b", "1")
		require.ErrorIs(t, err, rpctypes.ErrNoSpace)
		_, err = c.Grant(t.Context(), 100)
		require.ErrorIs(t, err, rpctypes.ErrNoSpace)
		_, err = c.Delete(t.Context(), "a")
		require.NoError(t, err)

		w.etcd.Kill()
		s = w.restart(Kept)
		_, err = c.Put(t.Context(), "b", "1")
		require.ErrorIs(t, err, rpctypes.ErrNoSpace, "it outlives a restart")
		require.NoError(t, s.DisarmNoSpace(t.Context()))
		require.NoError(t, s.DisarmNoSpace(t.Context()), "again")
		put(t, c, "b")
	})
}

func TestAlarmOfAStoppedServer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		w.etcd.Kill()
		require.ErrorContains(t, s.RaiseNoSpace(t.Context()), "etcd of r0: ACTIVATE of the alarm NOSPACE: ")
		_, err := s.Compact(t.Context())
		require.ErrorContains(t, err, "etcd of r0: compaction: ")
	})
}

func TestCompact(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c := w.EtcdClient("a0", "r0")
		for range 4 {
			put(t, c, "a") // up to revision 5
		}
		forgotten, err := s.Compact(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 4, forgotten)
		forgotten, err = s.Compact(t.Context())
		require.NoError(t, err, "nothing is left to compact")
		require.Zero(t, forgotten)
		_, err = c.Get(t.Context(), "a", clientv3.WithRev(4))
		require.ErrorIs(t, err, rpctypes.ErrCompacted)
		require.Equal(t, 1, count(t, c, clientv3.WithRev(5)))
		r := <-c.Watch(t.Context(), "a", clientv3.WithRev(3))
		require.EqualValues(t, 5, r.CompactRevision)
	})
}

func TestAdvanceLeases(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c := w.EtcdClient("a0", "r0")
		grant := func(seconds int64) clientv3.LeaseID {
			g, err := c.Grant(t.Context(), seconds)
			require.NoError(t, err)
			return g.ID
		}
		left := func(id clientv3.LeaseID) float64 {
			r, err := c.TimeToLive(t.Context(), id)
			require.NoError(t, err)
			return float64(r.TTL)
		}
		short, long := grant(100), grant(1000)
		put(t, c, "short", clientv3.WithLease(short))
		put(t, c, "long", clientv3.WithLease(long))
		time.Sleep(30 * time.Second)

		require.EqualValues(t, 2, s.AdvanceLeases(50*time.Second))
		require.InDelta(t, 20, left(short), 1)
		require.InDelta(t, 920, left(long), 1)
		_, err := c.KeepAliveOnce(t.Context(), long)
		require.NoError(t, err)
		require.InDelta(t, 1000, left(long), 1, "a renewal gives the full time")

		s.AdvanceLeases(25 * time.Second)
		time.Sleep(2 * time.Second)
		require.Equal(t, 1, count(t, c), "a lease that the jump has passed expires at once")
		_, err = c.KeepAliveOnce(t.Context(), short)
		require.ErrorIs(t, err, rpctypes.ErrLeaseNotFound)
		time.Sleep(900 * time.Second)
		require.Equal(t, 1, count(t, c))
		time.Sleep(80 * time.Second)
		require.Zero(t, count(t, c), "the others expire in their turn")
	})
}

func TestRestartWithItsData(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c := w.EtcdClient("a0", "r0")
		id := s.ClusterID()
		g, err := c.Grant(t.Context(), 60)
		require.NoError(t, err)
		put(t, c, "leased", clientv3.WithLease(g.ID))
		put(t, c, "b")
		w.etcd.Kill()
		require.EqualValues(t, 3, w.etcd.data.recorded)

		s = w.restart(Kept)
		require.Equal(t, id, s.ClusterID())
		require.Equal(t, id, s.Store(), "it is the same store")
		require.Equal(t, 2, count(t, c))
		put(t, c, "c")
		time.Sleep(70 * time.Second)
		require.Equal(t, 2, count(t, c), "the lease lives, and expires")
		require.Equal(t, []int64{2, 3, 4, 5}, revisions(w.Recorded()), "every change is recorded once")
	})
}

func TestRestartWithoutItsData(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c := w.EtcdClient("a0", "r0")
		put(t, c, "a")
		put(t, c, "b")
		id := s.ClusterID()
		w.etcd.Kill()
		w.Recorded()

		s = w.restart(Lost)
		require.Equal(t, id, s.ClusterID(), "the token makes it")
		require.Equal(t, id+"/2", s.Store())
		require.Zero(t, count(t, c))
		put(t, c, "a")
		time.Sleep(time.Second)
		records := w.Recorded()
		require.Equal(t, []int64{2}, revisions(records))
		for _, r := range records {
			require.Equal(t, id+"/2", r.Store)
		}
	})
}

func revisions(records []history.Record) []int64 {
	var revs []int64
	for _, r := range records {
		if r.Verb == history.Put || r.Verb == history.Del {
			revs = append(revs, r.Rev)
		}
	}
	return revs
}

func TestShutdown(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		w.start(Config{})
		c := w.EtcdClient("a0", "r0")
		put(t, c, "a")
		require.Less(t, took(func() { w.etcd.Stop(t.Context()) }), time.Second, "with nothing under way")

		w.restart(Kept)
		events := c.Watch(t.Context(), "a", clientv3.WithCreatedNotify())
		<-events
		require.Equal(t, 7*time.Second, took(func() { w.etcd.Stop(t.Context()) }), "a watch does not end by itself")

		w.restart(Kept)
		time.Sleep(10 * time.Second) // the watch is there again
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("killed"))
		defer cancel()
		require.Equal(t, time.Second, took(func() { w.etcd.Stop(ctx) }), "killed")
	})
}
