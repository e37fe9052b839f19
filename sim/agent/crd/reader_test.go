package crd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	"k8s.io/klog/v2"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	k8sclient "github.com/cilium/cilium/pkg/k8s/client"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

func TestMain(m *testing.M) {
	kubeclient.Fit()
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// testWorld is a kube-apiserver on k0, and agents.
type testWorld struct {
	t       *testing.T
	net     *simnet.Network
	store   *storage.Store
	server  *kube.Server
	clients k8sclient.Clientset // on w0
	agents  []*agent.Host

	mu      sync.Mutex
	held    func(history.Record) // if not nil, called before a record is kept
	told    map[string][]string  // by agent
	origins []string             // of what views were told
}

// inBubble runs f in a world with objects of each kind. A bubble that ends while a
// goroutine is left in it panics: nothing may be left of agents that have ended.
func inBubble(t *testing.T, f func(w *testWorld)) {
	synctest.Test(t, func(t *testing.T) {
		w := &testWorld{t: t, store: storage.New(storage.Config{Seed: 1}), told: map[string][]string{}}
		w.net = simnet.New(simnet.Config{Seed: 1, LatencyMin: time.Millisecond, LatencyMax: 3 * time.Millisecond})
		require.NoError(t, w.store.CreateSystemNamespaces())
		Setup("c1", 1)
		w.serve()
		var closeIdle func()
		var err error
		w.clients, closeIdle, err = kubeclient.New("w0", w.dial("w0"))
		require.NoError(t, err)
		w.create(identityObject("66001"), nodeObject("n0", "192.168.0.1"), endpointObject("p0", "10.0.0.1", 66001))
		f(w)
		for _, a := range w.agents {
			if a.Running() {
				a.Kill()
			}
		}
		w.server.Close()
		closeIdle()
		w.net.Close()
		time.Sleep(30 * time.Minute) // goroutines wind down
	})
}

func (w *testWorld) serve() {
	w.server = kube.NewServer(w.store, kube.Config{Name: "k0"})
	lis, err := w.net.Host("k0").Listen(6443)
	require.NoError(w.t, err)
	go w.server.Serve(lis) //nolint:errcheck // it ends with the server
}

// start starts an agent that reads slices, or endpoints, and lets it learn.
func (w *testWorld) start(name string, slices bool) *agent.Host {
	log := slog.New(slog.DiscardHandler)
	a := agent.NewHost(agent.Config{
		Host: name,
		NewSource: func() agent.Source {
			return New(Config{Node: name, EndpointSlices: slices, Dial: w.dial(name), Log: log})
		},
		Record: w.record,
	})
	require.NoError(w.t, a.Start())
	w.agents = append(w.agents, a)
	time.Sleep(5 * time.Second)
	return a
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
	if r.Verb == history.See || r.Verb == history.Drop {
		w.origins = append(w.origins, fmt.Sprintf("%s %s %s %s %s %s %d", r.Verb, r.Kind, r.Key, r.Op, r.Source, r.Peer, r.Session))
	}
	w.told[r.Actor] = append(w.told[r.Actor], strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Verb, r.Kind, r.Key, r.Value)))
}

// take returns what was recorded of an agent since the last call, without the
// programs of its datapath.
func (w *testWorld) take(name string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := []string{}
	for _, line := range w.told[name] {
		if !strings.Contains(line, "program") {
			told = append(told, line)
		}
	}
	delete(w.told, name)
	return told
}

const (
	seeIdentity = "see identity 66001 k8s:io.cilium.k8s.policy.cluster=c1;k8s:io.kubernetes.pod.namespace=ns;k8s:n=66001"
	seeEndpoint = "see endpoint 10.0.0.1 id=66001 host=192.168.0.1 pod=default/p0"
	seeNode     = "see node n0 InternalIP=192.168.0.1"
)

func TestKindsAndRestart(t *testing.T) {
	inBubble(t, func(w *testWorld) {
		a := w.start("a0", false)
		told := w.take("a0")
		require.Subset(w.t, told, []string{"up agent", seeIdentity, seeEndpoint, seeNode, "synced endpoint  synced"})
		require.Len(w.t, told, 5)
		ep, err := w.clients.CiliumV2().CiliumEndpoints("default").Get(w.t.Context(), "p0", metav1.GetOptions{})
		require.NoError(w.t, err)
		ep.Status.Identity.ID = 66002
		_, err = w.clients.CiliumV2().CiliumEndpoints("default").Update(w.t.Context(), ep, metav1.UpdateOptions{})
		require.NoError(w.t, err)
		time.Sleep(time.Second)
		require.Equal(w.t, []string{"see endpoint 10.0.0.1 id=66002 host=192.168.0.1 pod=default/p0"}, w.take("a0"))
		w.deleteAll()
		time.Sleep(time.Second)
		require.ElementsMatch(w.t, []string{"drop identity 66001", "drop endpoint 10.0.0.1", "drop node n0"}, w.take("a0"))

		start := time.Now()
		a.Stop(agent.DefaultGrace)
		require.Less(w.t, time.Since(start), agent.DefaultGrace)
		w.create(nodeObject("n1", "192.168.0.2"))
		time.Sleep(time.Minute)
		require.Equal(w.t, []string{"down agent"}, w.take("a0"), "a stopped agent learns nothing")
		require.NoError(w.t, a.Start())
		time.Sleep(5 * time.Second)
		require.ElementsMatch(w.t, []string{"up agent", "see node n1 InternalIP=192.168.0.2", "synced endpoint  synced"}, w.take("a0"))
	})
}

func (w *testWorld) deleteAll() {
	ctx := context.Background()
	require.NoError(w.t, w.clients.CiliumV2().CiliumEndpoints("default").Delete(ctx, "p0", metav1.DeleteOptions{}))
	require.NoError(w.t, w.clients.CiliumV2().CiliumNodes().Delete(ctx, "n0", metav1.DeleteOptions{}))
	require.NoError(w.t, w.clients.CiliumV2().CiliumIdentities().Delete(ctx, "66001", metav1.DeleteOptions{}))
}

func TestRelist(t *testing.T) {
	inBubble(t, func(w *testWorld) {
		w.start("a0", false)
		w.take("a0")
		w.server.ExpireWatches() // 410 Gone
		time.Sleep(time.Millisecond)
		w.deleteAll()
		w.create(nodeObject("n1", "192.168.0.2"))
		time.Sleep(10 * time.Second)
		require.ElementsMatch(w.t, []string{"drop identity 66001", "drop endpoint 10.0.0.1", "drop node n0", "see node n1 InternalIP=192.168.0.2"}, w.take("a0"))
	})
}

func TestSlicesReachNoOtherAgent(t *testing.T) {
	inBubble(t, func(w *testWorld) {
		w.create(sliceObject("s0", "p0", "10.0.0.1"))
		w.start("a0", true)
		w.start("a1", true)
		require.Contains(w.t, w.take("a0"), seeEndpoint)
		require.Contains(w.t, w.take("a1"), seeEndpoint)
		defer w.net.Partition("a1", "k0", false)()
		w.create(sliceObject("s1", "p1", "10.0.0.2"))
		time.Sleep(5 * time.Second)
		require.Equal(w.t, []string{"see endpoint 10.0.0.2 id=66001 host=192.168.0.1 pod=default/p1"}, w.take("a0"))
		require.Empty(w.t, w.take("a1"))
		require.NoError(w.t, w.clients.CiliumV2alpha1().CiliumEndpointSlices().Delete(w.t.Context(), "s1", metav1.DeleteOptions{}))
		time.Sleep(5 * time.Second)
		require.Equal(w.t, []string{"drop endpoint 10.0.0.2"}, w.take("a0"))
	})
}

func TestKill(t *testing.T) {
	inBubble(t, func(w *testWorld) {
		a := w.start("a0", true)
		b := w.start("a1", false)
		w.take("a0")
		start := time.Now()
		a.Kill()
		require.Zero(w.t, time.Since(start))
		w.deleteAll()
		time.Sleep(time.Minute)
		require.Equal(w.t, []string{"down agent"}, w.take("a0"))
		b.Kill()

		// One that is killed, and one that is stopped, before it has read anything.
		w.server.Close()
		c := w.start("a2", true)
		c.Kill()
		d := w.start("a3", false)
		d.Stop(agent.DefaultGrace)
		time.Sleep(time.Minute)
		require.Equal(w.t, []string{"up agent", "down agent"}, w.take("a2"))
		require.Equal(w.t, []string{"up agent", "down agent"}, w.take("a3"))
	})
}
