package workload

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

func TestMain(m *testing.M) {
	kubeclient.Fit()
	os.Exit(m.Run())
}

// world is a kube-apiserver and the workload of a plan with an operator, whose
// part the test plays.
type world struct {
	t     *testing.T
	store *storage.Store
	done  chan struct{} // closed when the workload is
	err   error         // of the workload that is done
	late  time.Duration // by which the workload begins late

	operations []history.Record               // that are over
	intercept  func(*kube.Request) *kube.Fail // if non-nil
}

func operated(ops ...fault.Op) *fault.Plan {
	p := plan()
	p.Topology.Operators = 1
	p.Ops = ops
	return p
}

// simulate runs a test in a bubble, in which the workload begins at once.
func simulate(t *testing.T, p *fault.Plan, f func(w *world)) {
	t.Helper()
	simulateLate(t, p, 0, f)
}

// simulateLate is simulate with a workload that begins late.
func simulateLate(t *testing.T, p *fault.Plan, late time.Duration, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: storage.New(storage.Config{Seed: 1}), done: make(chan struct{}), late: late}
		n := simnet.New(simnet.Config{Seed: 1, LatencyMin: time.Millisecond, LatencyMax: time.Millisecond})
		defer n.Close()
		server := kube.NewServer(w.store, kube.Config{Name: "k0", Intercept: func(_ context.Context, q *kube.Request) *kube.Fail {
			if w.intercept == nil {
				return nil
			}
			return w.intercept(q)
		}})
		defer server.Close()
		listener, err := n.Host("k0").Listen(6443)
		require.NoError(t, err)
		go server.Serve(listener)
		dial := func(ctx context.Context, _ string) (net.Conn, error) { return n.Host("w0").Dial(ctx, "k0:6443") }
		watch, closeIdle, err := kubeclient.New("workload", dial)
		require.NoError(t, err)
		defer closeIdle()
		start := time.Now()
		load, err := New(p, Config{
			NewClient: func(string) (Client, error) { return kubeclient.NewShort("workload", dial) },
			Watch:     watch,
			Create: func(object []byte) error {
				_, err := w.store.Create(object)
				return err
			},
			Record: func(r history.Record) {
				r.At = time.Since(start)
				w.operations = append(w.operations, r)
			},
			Now: func() time.Duration { return time.Since(start) },
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(w.done)
			w.err = load.Run(ctx, -w.late)
		}()
		f(w)
		cancel()
		<-w.done
		time.Sleep(time.Minute)
	})
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) isDone() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// makeIdentity does what the operator does for pods with a label.
func (w *world) makeIdentity(id int, namespace, app string) {
	w.t.Helper()
	_, err := w.store.Create(&v2.CiliumIdentity{
		ObjectMeta:     metav1.ObjectMeta{Name: fmt.Sprint(id), CreationTimestamp: metav1.Now()},
		SecurityLabels: newCluster(plan()).labelsOf(namespace, app),
	})
	require.NoError(w.t, err)
}

// state returns a pod's phase and address, and its endpoint's identity: "Pending -",
// "Running 10.0.0.1 65800", or "" if neither exists.
func (w *world) state(namespace, name string) string {
	w.t.Helper()
	s := ""
	if o := w.store.Get("Pod", namespace, name); o != nil {
		var p corev1.Pod
		require.NoError(w.t, o.Decode(&p))
		require.Equal(w.t, "n0", p.Spec.NodeName)
		s = fmt.Sprintf("%s %s", p.Status.Phase, p.Status.PodIP)
		if len(p.Status.PodIPs) > 0 {
			require.Equal(w.t, []corev1.PodIP{{IP: p.Status.PodIP}}, p.Status.PodIPs)
			require.Equal(w.t, "192.168.0.1", p.Status.HostIP)
		}
	}
	if o := w.store.Get("CiliumEndpoint", namespace, name); o != nil {
		var e v2.CiliumEndpoint
		require.NoError(w.t, o.Decode(&e))
		s += fmt.Sprintf(" %d", e.Status.Identity.ID)
	}
	return s
}

func op(at time.Duration, kind fault.OpKind, pod fault.Pod) fault.Op {
	return fault.Op{At: fault.Duration(at), Op: kind, Pod: &pod}
}

func create(at time.Duration, name, app, ip string) fault.Op {
	return op(at, fault.PodCreate, fault.Pod{Namespace: "ns", Name: name, App: app, Node: "n0", IP: ip})
}

func TestPodWaitsForItsIdentityAloneAndThenRuns(t *testing.T) {
	simulate(t, operated(create(0, "p0", "web", "10.0.0.1"), create(time.Second, "p1", "db", "10.0.0.2")), func(w *world) {
		pass(2 * time.Second)
		require.Contains(t, string(w.store.Get("Namespace", "", "ns").JSON), `"kubernetes.io/metadata.name":"ns"`)
		require.Equal(t, " ", w.state("ns", "p0"))
		w.makeIdentity(65800, "ns", "db")
		pass(time.Second)
		require.Equal(t, " ", w.state("ns", "p0"))
		require.Equal(t, "Running 10.0.0.2 65800", w.state("ns", "p1"), "it does not wait for the one before")
		require.False(t, w.isDone())
		w.makeIdentity(65801, "ns", "web")
		pass(time.Second)
		require.Equal(t, "Running 10.0.0.1 65801", w.state("ns", "p0"))
		require.True(t, w.isDone())
		require.Empty(t, w.store.List("CiliumEndpointSlice"), "slices are the operator's")
		require.Len(t, w.store.List("CiliumIdentity"), 2)
	})
}

func TestDeletedPodWaitsNoLonger(t *testing.T) {
	ops := []fault.Op{create(0, "p0", "web", "10.0.0.1"), op(2*time.Second, fault.PodDelete, fault.Pod{Namespace: "ns", Name: "p0"})}
	simulate(t, operated(ops...), func(w *world) {
		pass(time.Second)
		require.Equal(t, " ", w.state("ns", "p0"))
		pass(2 * time.Second)
		require.Empty(t, w.state("ns", "p0"))
		require.True(t, w.isDone())
		w.makeIdentity(65800, "ns", "web")
		pass(time.Second)
		require.Empty(t, w.state("ns", "p0"))
	})
}

func TestRelabelledPodWaitsForItsNewIdentity(t *testing.T) {
	ops := []fault.Op{
		create(0, "p0", "web", "10.0.0.1"),
		op(2*time.Second, fault.PodRelabel, fault.Pod{Namespace: "ns", Name: "p0", App: "db"}),
		op(6*time.Second, fault.PodRelabel, fault.Pod{Namespace: "ns", Name: "p0", App: "web"}),
	}
	simulate(t, operated(ops...), func(w *world) {
		pass(3 * time.Second)
		w.makeIdentity(65800, "ns", "web")
		pass(time.Second)
		require.Equal(t, " ", w.state("ns", "p0"), "its labels have changed while it waited")
		w.makeIdentity(65801, "ns", "db")
		pass(time.Second)
		require.Equal(t, "Running 10.0.0.1 65801", w.state("ns", "p0"))
		pass(2 * time.Second)
		require.Equal(t, "Running 10.0.0.1 65800", w.state("ns", "p0"))
		require.True(t, w.isDone())
	})
}

func TestTheOldestOfTwoIdentitiesCounts(t *testing.T) {
	simulate(t, operated(create(5*time.Second, "p0", "web", "10.0.0.1")), func(w *world) {
		w.makeIdentity(65802, "ns", "web")
		pass(2 * time.Second)
		w.makeIdentity(65801, "ns", "web")
		pass(5 * time.Second)
		require.Equal(t, "Running 10.0.0.1 65802", w.state("ns", "p0"))
	})
}

func TestSeedOfAnOperatedCluster(t *testing.T) {
	p := operated()
	p.Pods = []fault.Pod{{Namespace: "ns", Name: "p0", App: "a", Node: "n1", IP: "10.0.0.1"}}
	c, made := seeded(t, p)
	require.Equal(t, []string{"Pod ns/p0", "CiliumEndpoint ns/p0", "CiliumEndpointSlice /ces-ns-0"}, made[len(made)-3:], "agents write endpoints, too")
	core := c.groups["ces-ns-0"].object().Endpoints[0]
	require.Equal(t, string(c.pods[podKey{"ns", "p0"}].object().UID), core.PodUID, "so that the operator finds what it would write")
}
