package clustermesh

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	k8sclient "github.com/cilium/cilium/pkg/k8s/client"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/mesh"
	"github.com/meshcheck/meshcheck/sim/simtest"
	"github.com/meshcheck/meshcheck/sim/simtest/meshtest"
)

func TestMain(m *testing.M) { simtest.Main(m) }

// testWorld is an agent on the host a0 that reads from a replica on r0, which
// copies from a kube-apiserver on k0.
type testWorld struct {
	*simtest.World
	*agent.Host
	replica *mesh.Replica
	clients k8sclient.Clientset // on w0
}

// inBubble runs f with an agent that knows the identity 66001. Only the agent is
// recorded.
func inBubble(t *testing.T, f func(t *testing.T, w *testWorld)) {
	t.Helper()
	simtest.Run(t, func(world *simtest.World) {
		w := &testWorld{World: world, clients: world.Clients("w0")}
		w.Create(simtest.Identity("66001", 0))
		w.ServeKube(kube.Config{})
		config := filepath.Join(w.Dir, "c1")
		require.NoError(w.T, os.WriteFile(config, []byte("endpoints:\n- http://r0:2379\n"), 0o666))
		Setup()
		cfg := meshtest.Config(world)
		cfg.Etcd.Record = func(history.Record) {}
		w.replica = mesh.New(cfg)
		w.T.Cleanup(w.replica.KillPod)
		w.Host = agent.NewHost(agent.Config{
			Host: "a0",
			NewSource: func() agent.Source {
				return New(Config{Cluster: "c1", ClusterID: 1, ConfigPath: config, Nodes: 1, QPS: 20, Dial: w.Net.Host("a0").Dial, Log: slog.New(slog.DiscardHandler),
					Store: func(string) string { return w.replica.Etcd.Store() }})
			},
			Record: w.Record,
		})
		w.T.Cleanup(func() {
			if w.Running() {
				w.Kill()
			}
		})
		require.NoError(w.T, w.replica.StartPod(true))
		require.NoError(w.T, w.Start())
		time.Sleep(time.Minute)
		require.Contains(w.T, w.told(), "see 66001")
		f(w.T, w)
	})
}

// told returns what was recorded of the agent's life and of identities of the
// cluster since the last call.
func (w *testWorld) told() []string {
	return w.Lines(func(r history.Record) string {
		switch {
		case r.Verb == history.Up || r.Verb == history.Down:
			return fmt.Sprintf("%s %d", r.Verb, r.Inc)
		case r.Kind == history.Identity && strings.HasPrefix(r.Key, "66") && len(r.Key) == 5:
			return fmt.Sprintf("%s %s", r.Verb, r.Key)
		}
		return ""
	})
}

func TestStop(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		start := time.Now()
		w.Stop(agent.DefaultGrace)
		require.Less(t, time.Since(start), agent.DefaultGrace, "its hooks need no more")
		require.False(t, w.Running())
		require.Equal(t, []string{"down 1"}, w.told(), "what it knew is not withdrawn")
		w.Create(simtest.Identity("66002", 0))
		time.Sleep(time.Minute)
		require.Empty(t, w.told())
		require.NoError(t, w.Start())
		time.Sleep(time.Minute)
		require.ElementsMatch(t, []string{"up 2", "see 66001", "see 66002"}, w.told())
	})
}

func TestStopTakesNoLongerThanItsGrace(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		defer w.Net.Pause("r0")()
		defer w.SlowReads(1)() // its goodbyes are not answered
		start := time.Now()
		w.Stop(0)
		require.Zero(t, time.Since(start))
		require.Equal(t, []string{"down 1"}, w.told())
		time.Sleep(time.Minute)
		require.Empty(t, w.told())
	})
}

func TestKill(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		start := time.Now()
		w.Kill()
		require.Zero(t, time.Since(start))
		require.False(t, w.Running())
		require.Equal(t, []string{"down 1"}, w.told())
	})
}

func TestSlowReads(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		lift := w.SlowReads(500)
		for i := range 5 {
			w.Create(simtest.Identity(fmt.Sprint(66100+i), 2000))
		}
		time.Sleep(12 * time.Second)
		seen := w.told()
		require.NotEmpty(t, seen)
		require.Less(t, len(seen), 5, "it has read half of it")
		lift()
		time.Sleep(time.Second)
		require.Len(t, w.told(), 5-len(seen), "the rest comes at once")
	})
}
