package clustermesh

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"k8s.io/klog/v2"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/mesh"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

func TestMain(m *testing.M) {
	kubeclient.Fit()
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// testWorld is an agent on the host a0 that reads from a replica on r0, which
// copies from a kube-apiserver on k0.
type testWorld struct {
	*agent.Host
	net   *simnet.Network
	store *storage.Store
	begun time.Time

	t       *testing.T
	replica *mesh.Replica

	mu      sync.Mutex
	held    func(history.Record) // if not nil, called before a record is kept
	records []history.Record
	watches atomic.Int64 // numbers given out
}

// inBubble runs f with an agent that knows the identity 66001.
func inBubble(t *testing.T, f func(t *testing.T, w *testWorld)) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "c1")
	require.NoError(t, os.WriteFile(config, []byte("endpoints:\n- http://r0:2379\n"), 0o666))
	defer cilium.EnterBubble()
	synctest.Test(t, func(t *testing.T) {
		cilium.EnterBubble()
		w := &testWorld{t: t, begun: time.Now(), store: storage.New(storage.Config{Seed: 1})}
		w.net = simnet.New(simnet.Config{Seed: 1, LatencyMin: time.Millisecond, LatencyMax: 3 * time.Millisecond})
		defer w.net.Close()
		defer w.serveKube(t).Close()
		Setup()
		w.replica = w.newReplica(dir)
		log := slog.New(slog.DiscardHandler)
		w.Host = agent.NewHost(agent.Config{
			Host: "a0",
			NewSource: func() agent.Source {
				return New(Config{Cluster: "c1", ClusterID: 1, ConfigPath: config, Nodes: 1, QPS: 20, Dial: w.net.Host("a0").Dial, Log: log,
					Store: func(string) string { return w.replica.Store() }})
			},
			Record: w.record,
		})
		defer func() {
			if w.Running() {
				w.Kill()
			}
			w.replica.KillPod()
			time.Sleep(time.Hour) // goroutines wind down
		}()
		require.NoError(t, w.replica.StartPod(true))
		require.NoError(t, w.Start())
		time.Sleep(time.Minute)
		require.Contains(t, w.told(), "see 66001")
		f(t, w)
	})
}

func (w *testWorld) serveKube(t *testing.T) *kube.Server {
	require.NoError(t, w.store.CreateSystemNamespaces())
	w.create(t, "66001", "")
	lis, err := w.net.Host("k0").Listen(6443)
	require.NoError(t, err)
	server := kube.NewServer(w.store, kube.Config{Name: "k0"})
	go server.Serve(lis)
	return server
}

// create makes an identity; padding makes it large.
func (w *testWorld) create(t *testing.T, name, padding string) {
	t.Helper()
	_, err := w.store.Create(fmt.Appendf(nil, `{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":%q,"labels":{"io.kubernetes.pod.namespace":"default"}},`+
		`"security-labels":{"k8s:io.kubernetes.pod.namespace":"default","k8s:io.cilium.k8s.policy.cluster":"c1","k8s:n":%q,"k8s:p":%q}}`, name, name, padding))
	require.NoError(t, err)
}

func (w *testWorld) newReplica(dir string) *mesh.Replica {
	r0 := w.net.Host("r0")
	dial := func(address string) func(context.Context, string) (net.Conn, error) {
		return func(ctx context.Context, _ string) (net.Conn, error) { return r0.Dial(ctx, address) }
	}
	return mesh.New(mesh.Config{
		Host:    "r0",
		DataDir: filepath.Join(dir, "etcd"),
		Writer: mesh.WriterConfig{
			ClusterName: "c1", ClusterID: 1, QPS: 50, BootstrapQPS: 10000, UserAgent: "clustermesh-apiserver",
			DialKube: dial("k0:6443"), DialEtcd: dial("r0:2379"), Log: slog.New(slog.DiscardHandler),
		},
		Listen:    func() (net.Listener, error) { return r0.Listen(2379) },
		OnReady:   func(bool) {},
		Record:    func(history.Record) {},
		Now:       func() time.Duration { return time.Since(w.begun) },
		Client:    func(a net.Addr) string { return a.(simnet.Addr).Host },
		NextWatch: func() int64 { return w.watches.Add(1) },
		EtcdLog:   zap.NewNop(),
	})
}

func (w *testWorld) record(r history.Record) {
	w.mu.Lock()
	held := w.held
	w.mu.Unlock()
	if held != nil {
		held(r)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records = append(w.records, r)
}

// told returns what was recorded of the agent's life and of identities of the
// cluster since the last call.
func (w *testWorld) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := []string{}
	for _, r := range w.records {
		switch {
		case r.Verb == history.Up || r.Verb == history.Down:
			told = append(told, fmt.Sprintf("%s %d", r.Verb, r.Inc))
		case r.Kind == history.Identity && strings.HasPrefix(r.Key, "66") && len(r.Key) == 5:
			told = append(told, fmt.Sprintf("%s %s", r.Verb, r.Key))
		}
	}
	w.records = nil
	return told
}

func TestStop(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		start := time.Now()
		w.Stop(agent.DefaultGrace)
		require.Less(t, time.Since(start), agent.DefaultGrace, "its hooks need no more")
		require.False(t, w.Running())
		require.Equal(t, []string{"down 1"}, w.told(), "what it knew is not withdrawn")
		w.create(t, "66002", "")
		time.Sleep(time.Minute)
		require.Empty(t, w.told())
		require.NoError(t, w.Start())
		time.Sleep(time.Minute)
		require.ElementsMatch(t, []string{"up 2", "see 66001", "see 66002"}, w.told())
	})
}

func TestStopTakesNoLongerThanItsGrace(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		defer w.net.Pause("r0")()
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
		padding := strings.Repeat("x", 2000)
		for i := range 5 {
			w.create(t, fmt.Sprint(66100+i), padding)
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
