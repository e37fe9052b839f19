package mesh_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/mesh"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

func TestKillPodAndStartAnother(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *testWorld) {
		store := w.Etcd.Store()
		w.KillPod()
		require.Empty(t, w.Etcd.Store())
		require.Equal(t, []string{"down writer 1", "unready", "down etcd 1"}, w.life())
		require.NoError(t, w.StartPod(true))
		require.NotEqual(t, store, w.Etcd.Store())
		time.Sleep(time.Minute)
		records := w.Recorded()
		require.Equal(t, []string{"up etcd 2", "up writer 2", "ready"}, lifeIn(records))
		require.Equal(t, []string{"put 1001"}, identitiesIn(records), "it is filled again")
	})
}

func TestRequestsAreAnnounced(t *testing.T) {
	var mu sync.Mutex
	told := map[string]bool{}
	hook := func(when string) func(etcd.Request) {
		return func(r etcd.Request) {
			mu.Lock()
			defer mu.Unlock()
			told[fmt.Sprintf("%s %s %s by %s", when, r.Op, r.Key, r.Client)] = true
		}
	}
	change := func(cfg *mesh.Config) {
		before := hook("before")
		cfg.Etcd.Before = func(_ context.Context, q etcd.Request) error {
			before(q)
			return nil
		}
		cfg.Etcd.After = hook("after")
	}
	inBubble(t, change, func(t *testing.T, w *testWorld) {
		_, err := w.EtcdClient("a0", "r0").Get(t.Context(), "x")
		require.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		require.Contains(t, told, "before put cilium/state/identities/v1/id/1001 by r0")
		require.Contains(t, told, "after range x by a0")
	})
}

func TestKillEtcdAlone(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *testWorld) {
		store := w.Etcd.Store()
		rev := w.Etcd.Server().Revision()
		w.Etcd.Kill()
		w.Etcd.Kill()
		require.Nil(t, w.Etcd.Server())
		require.Empty(t, w.Etcd.Store())
		require.Equal(t, []string{"down etcd 1", "unready"}, w.life(), "a pod is ready if all its containers are")
		w.Create(simtest.Identity("1002", 0))
		time.Sleep(10 * time.Second)

		require.NoError(t, w.Etcd.Start(etcd.Kept))
		require.Equal(t, []string{"up etcd 2", "ready"}, w.life())
		require.Equal(t, store, w.Etcd.Store())
		require.GreaterOrEqual(t, w.Etcd.Server().Revision(), rev)
		time.Sleep(time.Minute)
		records := w.Recorded()
		require.Equal(t, []string{"put 1002"}, identitiesIn(records), "the writer goes on")
		require.Empty(t, lifeIn(records))
		for _, r := range records {
			if r.Verb == history.Put || r.Verb == history.Del {
				require.Greater(t, r.Rev, rev, "%+v", r)
			}
		}
	})
}

func TestEtcdComesBackEmpty(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *testWorld) {
		first := w.Etcd.Server().ClusterID()
		w.Etcd.Kill()
		w.Create(simtest.Identity("1002", 0))
		require.NoError(t, w.Etcd.Start(etcd.Lost))
		require.Equal(t, first, w.Etcd.Server().ClusterID(), "the cluster ID is that of the pod")
		require.Equal(t, first+"/2", w.Etcd.Store())
		time.Sleep(time.Minute)
		records := w.Recorded()
		require.Subset(t, identitiesIn(records), []string{"put 1001", "put 1002"}, "its leases are gone: the writer writes again what was attached to them")
		for _, r := range records {
			if r.Verb == history.Call {
				require.Equal(t, first+"/2", r.Store)
			}
		}
		w.KillPod()
		require.NoError(t, w.StartPod(false))
		require.NotContains(t, w.Etcd.Store(), "/", "a new pod has a cluster ID of its own")
	})
}

func TestStopPod(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *testWorld) {
		watch := w.EtcdClient("a0", "r0").Watch(t.Context(), "cilium/", clientv3.WithPrefix())
		start := w.Now()
		w.StopPod(mesh.DefaultGrace)
		require.Equal(t, 7*time.Second, w.Now()-start, "etcd waits for the watch")
		records := w.Recorded()
		require.Equal(t, []string{"unready", "down writer 1", "down etcd 1"}, lifeIn(records))
		unready := slices.IndexFunc(records, func(r history.Record) bool { return r.Verb == history.Unready })
		require.Equal(t, start, records[unready].At, "it leaves the Service at once")
		for _, r := range records {
			if r.Kind == "writer" {
				require.Less(t, r.At-start, time.Second, "the writer does not wait")
				require.Empty(t, r.Err)
			}
		}
		require.Empty(t, identitiesIn(records), "the writer's keys stay")
		require.Empty(t, watch)

		require.NoError(t, w.StartPod(true))
		time.Sleep(time.Minute)
		require.Equal(t, []string{"up etcd 2", "up writer 2", "ready"}, w.life())
	})
}

func TestStopPodIsCutShort(t *testing.T) {
	t.Run("by its grace", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, w *testWorld) {
			defer w.PauseWriter()() // so that it does not react to SIGTERM
			start := time.Now()
			w.StopPod(12 * time.Second)
			require.Equal(t, 12*time.Second, time.Since(start))
			require.Equal(t, []string{"unready", "down etcd 1", "down writer 1"}, w.life())
		})
	})
	t.Run("by its end", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, w *testWorld) {
			defer w.PauseWriter()()
			go w.StopPod(mesh.DefaultGrace)
			time.Sleep(3 * time.Second)
			require.Equal(t, []string{"unready"}, w.life())
			w.KillPod()
			require.ElementsMatch(t, []string{"down etcd 1", "down writer 1"}, w.life())
		})
	})
}

func TestPausedWriterLosesItsLease(t *testing.T) {
	inBubble(t, func(cfg *mesh.Config) { cfg.Writer.LeaseTTL = time.Minute }, func(t *testing.T, w *testWorld) {
		resume := w.PauseWriter()
		w.Create(simtest.Identity("1002", 0))
		time.Sleep(35 * time.Second)
		records := w.Recorded()
		require.Empty(t, identitiesIn(records))
		require.Equal(t, []string{"unready"}, lifeIn(records), "the readiness probe fails")
		time.Sleep(25 * time.Second)
		records = w.Recorded()
		require.Equal(t, []string{"del 1001"}, identitiesIn(records), "its lease expires")
		require.Empty(t, lifeIn(records), "it lives")
		resume()
		time.Sleep(time.Minute)
		records = w.Recorded()
		require.Subset(t, identitiesIn(records), []string{"put 1001", "put 1002"}, "it goes on, and has a new lease")
		require.Equal(t, []string{"ready"}, lifeIn(records))
	})
}

func TestPauseWithoutAWriter(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *testWorld) {
		w.KillWriter()
		w.KillWriter()
		w.PauseWriter()()
		require.NoError(t, w.StartWriter())
		time.Sleep(time.Minute)
		require.Equal(t, []string{"down writer 1", "unready", "up writer 2", "ready"}, w.life())
	})
}

// The node of a replica dies: nobody is told, and the pod is gone.
func TestNodeDiesSilently(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *testWorld) {
		conn, err := w.Net.Host("a0").Dial(t.Context(), "r0:2379")
		require.NoError(t, err)
		up := w.Net.Down("r0")
		notice := w.LoseNode()
		require.Equal(t, []string{"down writer 1", "down etcd 1"}, w.life(), "the Service still has it")
		require.ErrorIs(t, w.StartPod(true), syscall.ENETDOWN, "there is no node")
		require.Equal(t, []string{"unready"}, w.life())
		notice()
		require.Empty(t, w.life(), "too late")
		require.NoError(t, conn.SetReadDeadline(time.Now()))
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "the peer is not told")

		up()
		require.NoError(t, w.StartPod(true))
		time.Sleep(time.Minute)
		require.Equal(t, []string{"up etcd 2", "up writer 2", "ready"}, w.life())
		defer w.Net.Down("r0")()
		notice = w.LoseNode()
		time.Sleep(mesh.NoticeAfter)
		notice()
		require.Equal(t, []string{"down writer 2", "down etcd 2", "unready"}, w.life())
	})
}

// Unlike LoseNode, KillPod tells the Service, whatever became of the host.
func TestKillPodOfAHostThatIsDown(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *testWorld) {
		up := w.Net.Down("r0")
		w.KillPod()
		require.Equal(t, []string{"down writer 1", "unready", "down etcd 1"}, w.life())
		up()
		require.NoError(t, w.StartPod(true))
		time.Sleep(time.Minute)
		require.Equal(t, []string{"up etcd 2", "up writer 2", "ready"}, w.life())
	})
}

// Servers lose their listeners with their host, and nothing else happens to them.
func TestHostOfARunningServerGoesDown(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *testWorld) {
		store := w.Etcd.Store()
		for _, host := range []string{"r0", "k0"} {
			up := w.Net.Down(host)
			time.Sleep(time.Minute)
			up()
			_, err := w.Net.Host("a0").Dial(t.Context(), "r0:2379")
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
		}
		require.Equal(t, store, w.Etcd.Store())
		require.Empty(t, w.life())
	})
}

// A writer that has ended by itself, and is killed before the kubelet starts it again,
// ends once.
func TestKillWriterInItsBackOff(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *testWorld) {
		w.EndWriter()
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{"down writer 1", "unready"}, w.life())
		w.PauseWriter()()
		w.KillWriter()
		time.Sleep(time.Minute)
		require.Empty(t, w.life())
	})
}
