package workload

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/identitybackend"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

func TestMain(m *testing.M) { simtest.Main(m) }

// world is a kube-apiserver and the workload of a plan with an operator, whose
// part the test plays.
type world struct {
	*simtest.World
	done      chan struct{} // closed when the workload is
	healed    chan struct{}
	err       error                          // of the workload that is done
	intercept func(*kube.Request) *kube.Fail // if non-nil
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
	simulateAll(t, p, nil, late, f)
}

// simulateWith is simulate with nodes of whole agents.
func simulateWith(t *testing.T, p *fault.Plan, cni CNI, f func(w *world)) {
	t.Helper()
	simulateAll(t, p, cni, 0, f)
}

func simulateAll(t *testing.T, p *fault.Plan, cni CNI, late time.Duration, f func(w *world)) {
	t.Helper()
	simtest.Run(t, func(tw *simtest.World) {
		w := &world{World: tw, done: make(chan struct{}), healed: make(chan struct{})}
		w.ServeKube(kube.Config{Intercept: func(_ context.Context, q *kube.Request) *kube.Fail {
			if w.intercept == nil {
				return nil
			}
			return w.intercept(q)
		}})
		load, err := New(p, Config{
			NewClient: func(string) (Client, error) { return kubeclient.NewShort("workload", w.DialKube("w0")) },
			Watch:     w.Clients("w0"),
			CNI:       cni,
			Create:    func(object []byte) error { _, err := w.Store.Create(object); return err },
			Healed:    w.healed,
			Record:    w.Record,
			Now:       w.Now,
		})
		require.NoError(w.T, err)
		ctx, cancel := context.WithCancel(w.T.Context())
		go func() {
			defer close(w.done)
			w.err = load.Run(ctx, -late)
		}()
		f(w)
		cancel()
		<-w.done
	})
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
	w.T.Helper()
	_, err := w.Store.Create(&v2.CiliumIdentity{
		ObjectMeta:     metav1.ObjectMeta{Name: fmt.Sprint(id), CreationTimestamp: metav1.Now()},
		SecurityLabels: newCluster(plan()).labelsOf(namespace, app),
	})
	require.NoError(w.T, err)
}

// state returns a pod's phase and address, and its endpoint's identity: "Pending -",
// "Running 10.0.0.1 65800", or "" if neither exists.
func (w *world) state(namespace, name string) string {
	w.T.Helper()
	s := ""
	if o := w.Store.Get("Pod", namespace, name); o != nil {
		var p corev1.Pod
		require.NoError(w.T, o.Decode(&p))
		require.Equal(w.T, "n0", p.Spec.NodeName)
		s = fmt.Sprintf("%s %s", p.Status.Phase, p.Status.PodIP)
		if len(p.Status.PodIPs) > 0 {
			require.Equal(w.T, []corev1.PodIP{{IP: p.Status.PodIP}}, p.Status.PodIPs)
			require.Equal(w.T, "192.168.0.1", p.Status.HostIP)
		}
	}
	if o := w.Store.Get("CiliumEndpoint", namespace, name); o != nil {
		var e v2.CiliumEndpoint
		require.NoError(w.T, o.Decode(&e))
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
		simtest.Pass(2 * time.Second)
		require.Contains(t, string(w.Store.Get("Namespace", "", "ns").JSON), `"kubernetes.io/metadata.name":"ns"`)
		require.Equal(t, " ", w.state("ns", "p0"))
		w.makeIdentity(65800, "ns", "db")
		simtest.Pass(time.Second)
		require.Equal(t, " ", w.state("ns", "p0"))
		require.Equal(t, "Running 10.0.0.2 65800", w.state("ns", "p1"), "it does not wait for the one before")
		require.False(t, w.isDone())
		w.makeIdentity(65801, "ns", "web")
		simtest.Pass(time.Second)
		require.Equal(t, "Running 10.0.0.1 65801", w.state("ns", "p0"))
		require.True(t, w.isDone())
		require.Empty(t, w.Store.List("CiliumEndpointSlice"), "slices are the operator's")
		require.Len(t, w.Store.List("CiliumIdentity"), 2)
	})
}

func TestDeletedPodWaitsNoLonger(t *testing.T) {
	ops := []fault.Op{create(0, "p0", "web", "10.0.0.1"), op(2*time.Second, fault.PodDelete, fault.Pod{Namespace: "ns", Name: "p0"})}
	simulate(t, operated(ops...), func(w *world) {
		simtest.Pass(time.Second)
		require.Equal(t, " ", w.state("ns", "p0"))
		simtest.Pass(2 * time.Second)
		require.Empty(t, w.state("ns", "p0"))
		require.True(t, w.isDone())
		w.makeIdentity(65800, "ns", "web")
		simtest.Pass(time.Second)
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
		simtest.Pass(3 * time.Second)
		w.makeIdentity(65800, "ns", "web")
		simtest.Pass(time.Second)
		require.Equal(t, " ", w.state("ns", "p0"), "its labels have changed while it waited")
		w.makeIdentity(65801, "ns", "db")
		simtest.Pass(time.Second)
		require.Equal(t, "Running 10.0.0.1 65801", w.state("ns", "p0"))
		simtest.Pass(2 * time.Second)
		require.Equal(t, "Running 10.0.0.1 65800", w.state("ns", "p0"))
		require.True(t, w.isDone())
	})
}

func TestTheOldestOfTwoIdentitiesCounts(t *testing.T) {
	simulate(t, operated(create(5*time.Second, "p0", "web", "10.0.0.1")), func(w *world) {
		w.makeIdentity(65802, "ns", "web")
		simtest.Pass(2 * time.Second)
		w.makeIdentity(65801, "ns", "web")
		simtest.Pass(5 * time.Second)
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

// An agent that makes identities itself takes the operator's mark from the one that it knows, and makes one
// if that has been deleted meanwhile.
func TestAMarkedIdentityIsGone(t *testing.T) {
	simulate(t, allocating(create(5*time.Second, "p0", "web", "10.0.0.1")), func(w *world) {
		_, err := w.Store.Create(&v2.CiliumIdentity{
			ObjectMeta:     metav1.ObjectMeta{Name: "65900", CreationTimestamp: metav1.Now(), Annotations: map[string]string{identitybackend.HeartBeatAnnotation: "2000-01-01T00:00:00Z"}},
			SecurityLabels: newCluster(plan()).labelsOf("ns", "web"),
		})
		require.NoError(w.T, err)
		w.intercept = func(q *kube.Request) *kube.Fail {
			if q.Verb == "patch" && q.Resource == "ciliumidentities" {
				w.deleteIdentities()
			}
			return nil
		}
		simtest.Pass(10 * time.Second)
		require.Regexp(t, `^Running 10\.0\.0\.1 6579\d$`, w.state("ns", "p0"))
		require.True(t, w.isDone())
	})
}

// One that was made, and deleted before the agent heard of it, is made again when the agent is asked again.
func TestAnIdentityOfWhichNobodyHears(t *testing.T) {
	simulate(t, allocating(create(5*time.Second, "p0", "web", "10.0.0.1")), func(w *world) {
		w.intercept = func(q *kube.Request) *kube.Fail {
			if (q.Verb == "list" || q.Verb == "watch") && q.Resource == "ciliumidentities" {
				return &kube.Fail{Code: http.StatusServiceUnavailable}
			}
			return nil
		}
		simtest.Pass(10 * time.Second)
		require.Len(t, w.Store.List("CiliumIdentity"), 1)
		w.deleteIdentities()
		w.intercept = nil
		simtest.Pass(time.Minute)
		require.False(t, w.isDone())
		simtest.Pass(time.Minute)
		require.Contains(t, w.state("ns", "p0"), "Running 10.0.0.1 ")
		require.True(t, w.isDone())
	})
}

// allocating is a plan whose agents make identities.
func allocating(ops ...fault.Op) *fault.Plan {
	p := operated(ops...)
	p.Options.IdentityManagement = fault.AgentIdentities
	return p
}

func (w *world) deleteIdentities() {
	identities := w.Clients("w1").CiliumV2().CiliumIdentities()
	require.NoError(w.T, identities.DeleteCollection(w.T.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
}
