package crd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	k8sclient "github.com/cilium/cilium/pkg/k8s/client"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

func TestMain(m *testing.M) { simtest.Main(m) }

// testWorld is a kube-apiserver on k0, and agents.
type testWorld struct {
	*simtest.World
	clients k8sclient.Clientset // on w0
}

// inBubble runs f in a world with objects of each kind. A bubble that ends while a
// goroutine is left in it panics: nothing may be left of agents that have ended.
func inBubble(t *testing.T, f func(w *testWorld)) {
	simtest.Run(t, func(world *simtest.World) {
		Setup("c1", 1)
		world.ServeKube(kube.Config{})
		world.Create(simtest.Identity("66001", 0), simtest.Node("n0", "192.168.0.1"), simtest.Endpoint("p0", "10.0.0.1", 66001))
		f(&testWorld{world, world.Clients("w0")})
	})
}

// start starts an agent that reads slices, or endpoints, and lets it learn.
func (w *testWorld) start(name string, slices bool) *agent.Host {
	log := slog.New(slog.DiscardHandler)
	a := agent.NewHost(agent.Config{
		Host: name,
		NewSource: func() agent.Source {
			return New(Config{Node: name, EndpointSlices: slices, Dial: w.DialKube(name), Log: log})
		},
		Record: w.Record,
	})
	require.NoError(w.T, a.Start())
	w.T.Cleanup(func() {
		if a.Running() {
			a.Kill()
		}
	})
	time.Sleep(5 * time.Second)
	return a
}

// take returns what was recorded since the last call, by agent, without the programs of
// datapaths.
func (w *testWorld) take() map[string][]string {
	told := map[string][]string{}
	for _, r := range w.Recorded() {
		if r.Verb != history.Program && r.Verb != history.Unprogram {
			told[r.Actor] = append(told[r.Actor], strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Verb, r.Kind, r.Key, r.Value)))
		}
	}
	return told
}

const (
	seeIdentity = "see identity 66001 k8s:io.cilium.k8s.policy.cluster=c1;k8s:io.kubernetes.pod.namespace=default;k8s:n=66001;k8s:p"
	seeEndpoint = "see endpoint 10.0.0.1 id=66001 host=192.168.0.1 pod=default/p0"
	seeNode     = "see node n0 InternalIP=192.168.0.1 cluster=c1/1"
)

func TestKindsAndRestart(t *testing.T) {
	inBubble(t, func(w *testWorld) {
		a := w.start("a0", false)
		told := w.take()["a0"]
		require.Subset(w.T, told, []string{"up agent", seeIdentity, seeEndpoint, seeNode, "synced endpoint  synced"})
		require.Len(w.T, told, 5)
		ep, err := w.clients.CiliumV2().CiliumEndpoints("default").Get(w.T.Context(), "p0", metav1.GetOptions{})
		require.NoError(w.T, err)
		ep.Status.Identity.ID = 66002
		_, err = w.clients.CiliumV2().CiliumEndpoints("default").Update(w.T.Context(), ep, metav1.UpdateOptions{})
		require.NoError(w.T, err)
		time.Sleep(time.Second)
		require.Equal(w.T, []string{"see endpoint 10.0.0.1 id=66002 host=192.168.0.1 pod=default/p0"}, w.take()["a0"])
		w.deleteAll()
		time.Sleep(time.Second)
		require.ElementsMatch(w.T, []string{"drop identity 66001", "drop endpoint 10.0.0.1", "drop node n0"}, w.take()["a0"])

		start := time.Now()
		a.Stop(agent.DefaultGrace)
		require.Less(w.T, time.Since(start), agent.DefaultGrace)
		w.Create(simtest.Node("n1", "192.168.0.2"))
		time.Sleep(time.Minute)
		require.Equal(w.T, []string{"down agent"}, w.take()["a0"], "a stopped agent learns nothing")
		require.NoError(w.T, a.Start())
		time.Sleep(5 * time.Second)
		require.ElementsMatch(w.T, []string{"up agent", "see node n1 InternalIP=192.168.0.2 cluster=c1/1", "synced endpoint  synced"}, w.take()["a0"])
	})
}

func (w *testWorld) deleteAll() {
	ctx := context.Background()
	require.NoError(w.T, w.clients.CiliumV2().CiliumEndpoints("default").Delete(ctx, "p0", metav1.DeleteOptions{}))
	require.NoError(w.T, w.clients.CiliumV2().CiliumNodes().Delete(ctx, "n0", metav1.DeleteOptions{}))
	require.NoError(w.T, w.clients.CiliumV2().CiliumIdentities().Delete(ctx, "66001", metav1.DeleteOptions{}))
}

func TestRelist(t *testing.T) {
	inBubble(t, func(w *testWorld) {
		w.start("a0", false)
		w.take()
		w.Kube.ExpireWatches() // 410 Gone
		time.Sleep(time.Millisecond)
		w.deleteAll()
		w.Create(simtest.Node("n1", "192.168.0.2"))
		time.Sleep(10 * time.Second)
		require.ElementsMatch(w.T, []string{"drop identity 66001", "drop endpoint 10.0.0.1", "drop node n0", "see node n1 InternalIP=192.168.0.2 cluster=c1/1"}, w.take()["a0"])
	})
}

func TestSlicesReachNoOtherAgent(t *testing.T) {
	inBubble(t, func(w *testWorld) {
		w.Create(simtest.Slice("s0", "p0", "10.0.0.1"))
		w.start("a0", true)
		w.start("a1", true)
		told := w.take()
		require.Contains(w.T, told["a0"], seeEndpoint)
		require.Contains(w.T, told["a1"], seeEndpoint)
		defer w.Net.Partition("a1", "k0", false)()
		w.Create(simtest.Slice("s1", "p1", "10.0.0.2"))
		time.Sleep(5 * time.Second)
		require.Equal(w.T, map[string][]string{"a0": {"see endpoint 10.0.0.2 id=66001 host=192.168.0.1 pod=default/p1"}}, w.take())
		require.NoError(w.T, w.clients.CiliumV2alpha1().CiliumEndpointSlices().Delete(w.T.Context(), "s1", metav1.DeleteOptions{}))
		time.Sleep(5 * time.Second)
		require.Equal(w.T, []string{"drop endpoint 10.0.0.2"}, w.take()["a0"])
	})
}

func TestKill(t *testing.T) {
	inBubble(t, func(w *testWorld) {
		a := w.start("a0", true)
		b := w.start("a1", false)
		w.take()
		start := time.Now()
		a.Kill()
		require.Zero(w.T, time.Since(start))
		w.deleteAll()
		time.Sleep(time.Minute)
		require.Equal(w.T, []string{"down agent"}, w.take()["a0"])
		b.Kill()

		// One that is killed, and one that is stopped, before it has read anything.
		w.Kube.Close()
		c := w.start("a2", true)
		c.Kill()
		d := w.start("a3", false)
		d.Stop(agent.DefaultGrace)
		time.Sleep(time.Minute)
		told := w.take()
		require.Equal(w.T, []string{"up agent", "down agent"}, told["a2"])
		require.Equal(w.T, []string{"up agent", "down agent"}, told["a3"])
	})
}
