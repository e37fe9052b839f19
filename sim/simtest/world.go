// Package simtest is what the tests of the rooms below sim stand in: a bubble with a
// simulated network, a kube-apiserver and its objects, and what was recorded.
package simtest

import (
	"context"
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

	k8sclient "github.com/cilium/cilium/pkg/k8s/client"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/proc"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

// Main is the TestMain of a package whose tests use a World.
func Main(m *testing.M) {
	kubeclient.Fit()
	klog.SetLogger(logr.Discard()) // client-go's tales of lost connections
	os.Exit(m.Run())
}

var apiServer = mode.APIServer.Host(0)

// World is a network, in virtual time. Tests add to it what they are about.
type World struct {
	T     *testing.T
	Net   *simnet.Network
	Dir   string         // for data, empty at first
	Store *storage.Store // what k0 serves: the namespaces of the system at first
	Kube  *kube.Server   // on k0, once ServeKube was called

	begun   time.Time
	watches atomic.Int64 // numbers given out

	mu      sync.Mutex
	held    func(history.Record) // if non-nil, called before a record is kept
	records []history.Record
}

// Run runs f in a bubble. Nothing may be left of what f starts, but for what an hour
// ends: a bubble that ends with goroutines in it panics.
func Run(t *testing.T, f func(w *World)) {
	t.Helper()
	w := &World{Dir: t.TempDir()} // outside: the clock inside begins at the same instant in each
	defer cilium.EnterBubble()    // for clients outside
	synctest.Test(t, func(t *testing.T) {
		cilium.EnterBubble()
		w.T, w.begun = t, time.Now()
		w.Net = simnet.New(simnet.Config{Seed: 1, LatencyMin: time.Millisecond, LatencyMax: 3 * time.Millisecond})
		w.Store = storage.New(storage.Config{Seed: 1})
		require.NoError(t, w.Store.CreateSystemNamespaces())
		t.Cleanup(func() {
			w.Net.Close()
			time.Sleep(time.Hour)
		})
		f(w)
	})
}

// ServeKube starts the kube-apiserver k0; what cfg lacks is the world's.
func (w *World) ServeKube(cfg kube.Config) {
	w.T.Helper()
	cfg.Name = apiServer
	w.Kube = kube.NewServer(w.Store, cfg)
	w.T.Cleanup(func() { require.NoError(w.T, w.Kube.Close()) })
	go w.Kube.Serve(w.Listen(apiServer, 6443)) //nolint:errcheck // it ends with the server or its host
}

// Listen opens a port of a host.
func (w *World) Listen(host string, port int) net.Listener {
	w.T.Helper()
	lis, err := w.Net.Host(host).Listen(port)
	require.NoError(w.T, err)
	return lis
}

// Dial returns a dialer of a host to an address, whatever address it is asked for.
func (w *World) Dial(host, address string) proc.Dialer {
	return func(ctx context.Context, _ string) (net.Conn, error) { return w.Net.Host(host).Dial(ctx, address) }
}

// DialKube is Dial to k0.
func (w *World) DialKube(host string) proc.Dialer { return w.Dial(host, "k0:6443") }

// Clients returns a host's clients of k0.
func (w *World) Clients(host string) k8sclient.Clientset {
	w.T.Helper()
	clients, closeIdle, err := kubeclient.New(host, w.DialKube(host))
	require.NoError(w.T, err)
	w.T.Cleanup(closeIdle)
	return clients
}

// EtcdClient returns a host's client of the etcd on another one.
func (w *World) EtcdClient(host, server string) *clientv3.Client {
	w.T.Helper()
	c, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{"http://" + server + ":2379"},
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(w.Net.Host(host).Dial)},
		Logger:      zap.NewNop(),
	})
	require.NoError(w.T, err)
	w.T.Cleanup(func() { c.Close() })
	return c
}

// Create adds objects to the store: see storage.Store.Create.
func (w *World) Create(objects ...any) {
	w.T.Helper()
	for _, o := range objects {
		_, err := w.Store.Create(o)
		require.NoError(w.T, err)
	}
}

// Now is the virtual time since the world began.
func (w *World) Now() time.Duration { return time.Since(w.begun) }

// NextWatch gives out the numbers of watches.
func (w *World) NextWatch() int64 { return w.watches.Add(1) }

// ClientOf returns the host behind an address.
func ClientOf(a net.Addr) string { return a.(simnet.Addr).Host }

// Record keeps a record, with the present instant.
func (w *World) Record(r history.Record) {
	w.mu.Lock()
	held := w.held
	w.mu.Unlock()
	if held != nil {
		held(r)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r.At = w.Now()
	w.records = append(w.records, r)
}

// HoldAt makes who records that an entry was seen wait, until it may go on.
func (w *World) HoldAt(key string) (goOn func()) {
	until := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = func(r history.Record) {
		if r.Verb == history.See && r.Key == key {
			<-until
		}
	}
	return func() { close(until) }
}

// Recorded returns what was recorded since the last call.
func (w *World) Recorded() []history.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	records := w.records
	w.records = nil
	return records
}

// Lines returns what write makes of the records since the last call, without what is
// empty.
func (w *World) Lines(write func(history.Record) string) []string {
	lines := []string{}
	for _, r := range w.Recorded() {
		if line := write(r); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// Pass lets everything happen that happens within a span of virtual time.
func Pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
