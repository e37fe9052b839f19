package operator

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"

	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// populate makes a node and three pods with two identities.
func (w *world) populate() {
	w.T.Helper()
	w.createNamespace("ns")
	w.createNode("n0", "192.168.0.1")
	w.createPod("ns", "p0", "web", "10.0.0.1")
	w.createPod("ns", "p1", "web", "10.0.0.2")
	w.createPod("ns", "p2", "db", "10.0.0.3")
}

var populated = []string{"ns/p0 10.0.0.1 web", "ns/p1 10.0.0.2 web", "ns/p2 10.0.0.3 db"}

func TestPodsBecomeIdentitiesAndSlices(t *testing.T) {
	simulate(t, func(w *world) {
		w.populate()
		o := w.operator(w.config("o0"))
		simtest.Pass(10 * time.Second)
		require.Equal(t, []string{"o0 up 1", "o0 ready 1"}, w.records())
		require.True(t, o.Leads())
		require.Equal(t, map[string]int{"web": 1, "db": 1}, w.identities())
		require.ElementsMatch(t, populated, w.endpoints())
		require.Len(t, w.Store.List("CiliumEndpointSlice"), 2, "of two endpoints at most")

		w.relabelPod("ns", "p0", "db")
		w.deletePod("ns", "p1")
		w.createPod("ns", "p3", "cache", "10.0.0.2")
		simtest.Pass(5 * time.Second)
		require.Equal(t, map[string]int{"web": 1, "db": 1, "cache": 1}, w.identities(), "what is not used waits for its collection")
		require.ElementsMatch(t, []string{"ns/p0 10.0.0.1 db", "ns/p2 10.0.0.3 db", "ns/p3 10.0.0.2 cache"}, w.endpoints())

		for _, pod := range []string{"p0", "p2", "p3"} {
			w.deletePod("ns", pod)
		}
		simtest.Pass(5 * time.Second)
		require.Empty(t, w.Store.List("CiliumEndpointSlice"), "no slice is empty")
		o.Kill()
		require.Equal(t, []string{"o0 unready 1", "o0 down 1"}, w.records())
	})
}

func TestEndpointsAreLeftToAgentsWithoutSlices(t *testing.T) {
	simulate(t, func(w *world) {
		w.populate()
		cfg := w.config("o0")
		cfg.EndpointSlices = false
		o := w.operator(cfg)
		simtest.Pass(10 * time.Second)
		require.Equal(t, map[string]int{"web": 1, "db": 1}, w.identities())
		require.Empty(t, w.Store.List("CiliumEndpointSlice"))
		o.Kill()
	})
}

func TestAnotherLeadsWhenTheLeaseHasExpired(t *testing.T) {
	simulate(t, func(w *world) {
		w.populate()
		first := w.operator(w.config("o0"))
		simtest.Pass(time.Second)
		second := w.operator(w.config("o1"))
		simtest.Pass(time.Minute)
		require.True(t, first.Leads())
		require.False(t, second.Leads())
		require.Equal(t, "o0-1", w.leaseHolder())
		w.records()

		first.Kill()
		w.deletePod("ns", "p0")
		simtest.Pass(leaseDuration - 3*retryPeriod)
		require.Equal(t, []string{"o0 unready 1", "o0 down 1"}, w.records(), "the lease has not expired")
		require.ElementsMatch(t, populated, w.endpoints(), "nobody leads")
		simtest.Pass(10 * retryPeriod)
		require.Equal(t, []string{"o1 ready 1"}, w.records())
		require.Equal(t, "o1-1", w.leaseHolder())
		require.ElementsMatch(t, populated[1:], w.endpoints())

		require.NoError(t, first.Start())
		simtest.Pass(time.Minute)
		require.Equal(t, []string{"o0 up 2"}, w.records(), "the new leader keeps its lease")
		first.Kill()
		second.Kill()
	})
}

func TestCrashInTheMiddleConvergesAfterTheRestart(t *testing.T) {
	// The operator is killed at different instants while it writes.
	for ms := 20; ms <= 1400; ms += 60 {
		simulate(t, func(w *world) {
			o := w.operator(w.config("o0"))
			simtest.Pass(5 * time.Second)
			w.populate()
			simtest.Pass(time.Duration(ms) * time.Millisecond)
			o.Kill()
			w.deletePod("ns", "p1")
			w.createPod("ns", "p3", "cache", "10.0.0.2")
			simtest.Pass(time.Minute)
			require.NoError(t, o.Start())
			simtest.Pass(30 * time.Second)
			require.ElementsMatch(t, []string{populated[0], populated[2], "ns/p3 10.0.0.2 cache"}, w.endpoints(), "killed after %d ms", ms)
			for app, n := range w.identities() {
				require.Equal(t, 1, n, "identities of %s", app)
			}
			o.Kill()
		})
	}
}

// The default controller of slices waits in its start for the first list, which does not
// come, with a context of its own: no goroutine of the dead process is left.
func TestCrashBeforeTheFirstListOfSlices(t *testing.T) {
	simulate(t, func(w *world) {
		w.populate()
		w.Kube.SetLag("CiliumEndpointSlice", time.Hour)
		w.Create(&v2alpha1.CiliumEndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: "unused"}, Namespace: "ns"})
		cfg := w.config("o0")
		cfg.Controller = "default"
		o := w.operator(cfg)
		simtest.Pass(30 * time.Second)
		require.True(t, o.Leads())
		require.NotNil(t, w.Store.Get("CiliumEndpointSlice", "", "unused")) // one that is in sync deletes it
		o.Kill()
	})
}

func TestLostLeaseEndsTheProcess(t *testing.T) {
	simulate(t, func(w *world) {
		w.populate()
		o := w.operator(w.config("o0"))
		simtest.Pass(time.Minute)
		w.records()
		heal := w.Net.Partition("o0", "k0", false)
		// Two seconds to the next renewal, ten that it may take, and five for the
		// attempt to release what is lost, during which the controllers still run.
		simtest.Pass(retryPeriod + renewDeadline)
		require.True(t, o.Leads())
		simtest.Pass(renewDeadline/2 + time.Second)
		require.Equal(t, []string{"o0 unready 1", "o0 down 1 leader election lost"}, w.records())
		require.False(t, o.Running())
		simtest.Pass(restartBackOff)
		require.Equal(t, []string{"o0 up 2"}, w.records())
		require.True(t, o.Running())
		heal()
		simtest.Pass(2 * time.Minute)
		require.Equal(t, []string{"o0 ready 2"}, w.records())
		require.Equal(t, "o0-2", w.leaseHolder())
		o.Kill()
	})
}

func TestStopReleasesTheLease(t *testing.T) {
	simulate(t, func(w *world) {
		cfg := w.config("o0")
		cfg.EndpointSlices = false
		o := w.operator(cfg)
		simtest.Pass(time.Minute)
		w.records()
		o.Stop()
		simtest.Pass(time.Second)
		require.Equal(t, []string{"o0 unready 1", "o0 down 1 terminated"}, w.records())
		require.Empty(t, w.leaseHolder())
	})
}

// The slim controller's worker waits on a condition that its stop does not signal:
// a leader that is asked to stop does not come to release its lease before the
// kubelet kills it.
func TestStopDoesNotReleaseTheLeaseWithSlimSlices(t *testing.T) {
	simulate(t, func(w *world) {
		o := w.operator(w.config("o0"))
		simtest.Pass(time.Minute)
		w.records()
		o.Stop()
		simtest.Pass(terminationGrace - time.Second)
		require.Empty(t, w.records())
		simtest.Pass(2 * time.Second)
		require.Equal(t, []string{"o0 unready 1", "o0 down 1"}, w.records())
		require.Equal(t, "o0-1", w.leaseHolder())
	})
}

func TestStopDuringTheBackOff(t *testing.T) {
	simulate(t, func(w *world) {
		o := w.operator(w.config("o0"))
		simtest.Pass(time.Minute)
		w.Net.Partition("o0", "k0", false)
		simtest.Pass(retryPeriod + renewDeadline + renewDeadline/2 + time.Second)
		require.Contains(t, w.records(), "o0 down 1 leader election lost")
		o.Stop()
		simtest.Pass(time.Minute)
		require.Empty(t, w.records())
		require.False(t, o.Running())
	})
}

func TestIdentitiesWithoutEndpointsAreCollected(t *testing.T) {
	simulate(t, func(w *world) {
		w.populate()
		cfg := w.config("o0")
		cfg.GC = GC{Identities: time.Minute, Heartbeat: 2 * time.Minute}
		o := w.operator(cfg)
		simtest.Pass(10 * time.Second)
		w.deletePod("ns", "p2")
		simtest.Pass(90 * time.Second)
		require.Equal(t, map[string]int{"web": 1, "db": 1}, w.identities(), "it may be used again")
		simtest.Pass(4 * time.Minute)
		require.Equal(t, map[string]int{"web": 1}, w.identities())
		o.Kill()
	})
}

func TestEndpointsWithoutPodsAreCollected(t *testing.T) {
	simulate(t, func(w *world) {
		w.populate()
		cfg := w.config("o0")
		cfg.GC.Endpoints = time.Minute
		o := w.operator(cfg)
		for _, name := range []string{"p0", "gone"} {
			w.Create(&ciliumv2.CiliumEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, CreationTimestamp: metav1.Now()}})
		}
		simtest.Pass(30 * time.Second)
		require.Len(t, w.Store.List("CiliumEndpoint"), 2, "too new")
		simtest.Pass(2 * time.Minute)
		require.Len(t, w.Store.List("CiliumEndpoint"), 1)
		require.NotNil(t, w.Store.Get("CiliumEndpoint", "ns", "p0"))
		o.Kill()
	})
}

// The collector of identities in an etcd gives a lock back without a time-out: a process that
// dies while it holds one leaves no goroutine behind all the same, which simulate holds.
func TestDeathWhileTheCollectorHoldsALock(t *testing.T) {
	simulate(t, func(w *world) {
		cfg := w.config("o0")
		cfg.EndpointSlices = false
		cfg.DialEtcd, cfg.EtcdOpt = w.Dial("o0", "e0:2379"), "etcd.address=http://etcd:2379"
		locked := make(chan struct{})
		users := w.serveEtcd(func(ctx context.Context, r etcd.Request) error {
			if r.Client != "o0" || !strings.HasPrefix(r.Key, "cilium/state/identities/v1/value/") {
				return nil
			}
			close(locked)
			<-ctx.Done()
			return ctx.Err()
		})
		_, err := users.Put(w.T.Context(), "cilium/state/identities/v1/id/65537", "k8s:app=web;")
		require.NoError(w.T, err)
		o := w.operator(cfg)
		<-locked
		o.Kill()
	})
}

// Nor does one that dies before it has ever had a client of the etcd.
func TestDeathBeforeTheEtcdIsReached(t *testing.T) {
	simulate(t, func(w *world) {
		cfg := w.config("o0")
		cfg.EndpointSlices = false
		cfg.DialEtcd, cfg.EtcdOpt = w.Dial("o0", "e0:2379"), "etcd.address=http://etcd:2379"
		w.serveEtcd(nil)
		w.Net.Host("o0")
		w.Net.Partition("o0", "e0", false)
		o := w.operator(cfg)
		simtest.Pass(2 * time.Second)
		o.Kill()
		simtest.Pass(time.Minute)
	})
}

// deletePod deletes a pod that has ended, as its kubelet does.
func (w *world) deletePod(namespace, name string) {
	w.T.Helper()
	require.NoError(w.T, w.clients.CoreV1().Pods(namespace).Delete(w.T.Context(), name, *metav1.NewDeleteOptions(0)))
}

func (w *world) relabelPod(namespace, name, app string) {
	w.T.Helper()
	var pod corev1.Pod
	require.NoError(w.T, json.Unmarshal(w.Store.Get("Pod", namespace, name).JSON, &pod))
	pod.Labels["app"] = app
	_, err := w.clients.CoreV1().Pods(namespace).Update(w.T.Context(), &pod, metav1.UpdateOptions{})
	require.NoError(w.T, err)
}
