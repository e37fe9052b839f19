package mesh

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"k8s.io/klog/v2"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

func TestMain(m *testing.M) {
	kubeclient.Fit()
	klog.SetLogger(logr.Discard()) // client-go's tales of lost connections
	os.Exit(m.Run())
}

// testWorld is a replica on the host r0 that copies from a kube-apiserver on k0.
type testWorld struct {
	*Replica
	net   *simnet.Network
	store *storage.Store
	begun time.Time

	mu      sync.Mutex
	records []history.Record
	watches atomic.Int64 // numbers given out
}

// inBubble runs f with a replica whose pod is ready. change, if not nil, changes
// its configuration.
func inBubble(t *testing.T, change func(*Config), f func(t *testing.T, w *testWorld)) {
	t.Helper()
	dir := t.TempDir()
	defer cilium.EnterBubble()
	synctest.Test(t, func(t *testing.T) {
		cilium.EnterBubble()
		w := &testWorld{begun: time.Now(), store: storage.New(storage.Config{Seed: 1})}
		w.net = simnet.New(simnet.Config{Seed: 1, LatencyMin: time.Millisecond, LatencyMax: 3 * time.Millisecond})
		defer w.net.Close()
		server := w.serveKube(t)
		defer server.Close()
		cfg := w.config(dir)
		if change != nil {
			change(&cfg)
		}
		w.Replica = New(cfg)
		defer func() {
			w.KillPod()
			time.Sleep(time.Hour) // the goroutines of the writer wind down
		}()
		require.NoError(t, w.StartPod(true))
		time.Sleep(time.Minute)
		require.Equal(t, []string{"up etcd 1", "up writer 1", "ready"}, w.life())
		f(t, w)
	})
}

func (w *testWorld) serveKube(t *testing.T) *kube.Server {
	require.NoError(t, w.store.CreateSystemNamespaces())
	w.create(t, "1001")
	lis, err := w.net.Host("k0").Listen(6443)
	require.NoError(t, err)
	server := kube.NewServer(w.store, kube.Config{Name: "k0"})
	go server.Serve(lis)
	return server
}

// create makes an identity.
func (w *testWorld) create(t *testing.T, name string) {
	t.Helper()
	_, err := w.store.Create(fmt.Appendf(nil, `{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":%q,"labels":{"io.kubernetes.pod.namespace":"default"}},`+
		`"security-labels":{"k8s:io.kubernetes.pod.namespace":"default","k8s:io.cilium.k8s.policy.cluster":"c1","k8s:n":%q}}`, name, name))
	require.NoError(t, err)
}

func (w *testWorld) config(dir string) Config {
	r0 := w.net.Host("r0")
	return Config{
		Host:    "r0",
		DataDir: dir,
		Writer: WriterConfig{
			ClusterName:  "c1",
			ClusterID:    1,
			QPS:          50,
			BootstrapQPS: 10000,
			UserAgent:    "clustermesh-apiserver",
			DialKube:     func(ctx context.Context, _ string) (net.Conn, error) { return r0.Dial(ctx, "k0:6443") },
			DialEtcd:     func(ctx context.Context, _ string) (net.Conn, error) { return r0.Dial(ctx, "r0:2379") },
			Log:          slog.New(slog.DiscardHandler),
		},
		Listen: func() (net.Listener, error) { return r0.Listen(2379) },
		OnReady: func(ready bool) {
			verb := history.Unready
			if ready {
				verb = history.Ready
			}
			w.record(history.Record{Actor: "r0", Verb: verb})
		},
		Record:    w.record,
		Now:       w.now,
		Client:    func(a net.Addr) string { return a.(simnet.Addr).Host },
		NextWatch: func() int64 { return w.watches.Add(1) },
		EtcdLog:   zap.NewNop(),
	}
}

func (w *testWorld) record(r history.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.At = w.now()
	w.records = append(w.records, r)
}

func (w *testWorld) now() time.Duration { return time.Since(w.begun) }

// recorded returns what was recorded since the last call.
func (w *testWorld) recorded() []history.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	records := w.records
	w.records = nil
	return records
}

// life tells what of the records is about the life of the pod.
func (w *testWorld) life() []string { return lifeIn(w.recorded()) }

func lifeIn(records []history.Record) []string {
	life := []string{}
	for _, r := range records {
		switch r.Verb {
		case history.Up, history.Down:
			life = append(life, fmt.Sprintf("%s %s %d", r.Verb, r.Kind, r.Inc))
		case history.Ready, history.Unready:
			life = append(life, string(r.Verb))
		}
	}
	return life
}

// client returns an etcd client on the host a0, which is closed at the end.
func (w *testWorld) client(t *testing.T) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{"http://r0:2379"},
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(w.net.Host("a0").Dial)},
		Logger:      zap.NewNop(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// identitiesIn returns the identities that were put and deleted, in order.
func identitiesIn(records []history.Record) []string {
	changes := []string{}
	for _, r := range records {
		if r.Kind == history.Identity && (r.Verb == history.Put || r.Verb == history.Del) {
			changes = append(changes, fmt.Sprintf("%s %s", r.Verb, r.Key[len("cilium/state/identities/v1/id/"):]))
		}
	}
	return changes
}
