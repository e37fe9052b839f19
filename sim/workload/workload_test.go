package workload

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	v2alpha1 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// alone is the plan of a world without operators and slices.
func alone(ops ...fault.Op) *fault.Plan {
	p := plan()
	p.Options.EndpointSlices = false
	p.Ops = ops
	return p
}

func remove(at time.Duration, name string) fault.Op {
	return op(at, fault.PodDelete, fault.Pod{Namespace: "ns", Name: name})
}

// slow makes the kube-apiserver take its time with the requests for a resource, of one
// verb or, with "", of all.
func (w *world) slow(resource, verb string, delay time.Duration) {
	w.intercept = func(q *kube.Request) *kube.Fail {
		if q.Resource != resource || verb != "" && q.Verb != verb {
			return nil
		}
		return &kube.Fail{Delay: delay}
	}
}

// said returns what is recorded of the operations, in order of their end.
func (w *world) said() (all []string) {
	for _, r := range w.Recorded() {
		all = append(all, fmt.Sprintf("%s %s planned=%s end=%s waited=%s", r.Op, r.Key, r.From.Round(time.Second), r.At.Round(time.Second), r.Value))
	}
	return all
}

// address returns that of a pod's endpoint.
func (w *world) address(name string) string {
	w.T.Helper()
	var e v2.CiliumEndpoint
	require.NoError(w.T, w.Store.Get("CiliumEndpoint", "ns", name).Decode(&e))
	return e.Status.Networking.Addressing[0].IPV4
}

func TestOperationsOfOtherPodsDoNotWait(t *testing.T) {
	p := alone(create(0, "p0", "web", "10.0.0.1"), create(time.Second, "p1", "web", "10.0.0.2"), create(2*time.Second, "p2", "web", "10.0.0.3"))
	simulate(t, p, func(w *world) {
		w.slow("pods", "", 5*time.Second)
		simtest.Pass(20 * time.Second)
		require.True(t, w.isDone())
		require.NoError(t, w.err)
		require.Equal(t, []string{
			"pod-create ns/p0 planned=0s end=5s waited=",
			"pod-create ns/p1 planned=1s end=6s waited=",
			"pod-create ns/p2 planned=2s end=7s waited=",
		}, w.said())
	})
}

// A given pod gets another identity, goes, and comes back elsewhere under its name.
func TestGivenPods(t *testing.T) {
	for name, object := range map[string]string{
		"endpoint": `{"apiVersion":"cilium.io/v2","kind":"CiliumEndpoint","metadata":{"name":"given","namespace":"ns"},"status":{"id":7,"identity":{"id":65800},"networking":{"addressing":[{"ipv4":"10.0.0.9"}],"node":"172.16.0.1"}}}`,
		"slice":    `{"apiVersion":"cilium.io/v2alpha1","kind":"CiliumEndpointSlice","metadata":{"name":"ces-1"},"namespace":"ns","endpoints":[{"name":"given","id":65800,"networking":{"addressing":[{"ipv4":"10.0.0.9"}],"node":"172.16.0.1"}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := alone(op(0, fault.PodRelabel, fault.Pod{Namespace: "ns", Name: "given", App: "db"}),
				remove(10*time.Second, "given"), create(20*time.Second, "given", "web", "10.0.0.9"))
			p.Options.EndpointSlices = name == "slice"
			p.Objects = []json.RawMessage{
				json.RawMessage(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"ns"}}`),
				json.RawMessage(`{"apiVersion":"cilium.io/v2","kind":"CiliumIdentity","metadata":{"name":"65800"},"security-labels":{"k8s:app":"x"}}`),
				json.RawMessage(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"given","namespace":"ns"},"status":{"podIP":"10.0.0.9"}}`),
				json.RawMessage(object),
			}
			simulate(t, p, func(w *world) {
				simtest.Pass(5 * time.Second)
				require.NotEqual(t, 65800, w.identityOf("given"))
				simtest.Pass(10 * time.Second)
				require.Zero(t, w.identityOf("given"))
				require.Nil(t, w.Store.Get("Pod", "ns", "given"))
				require.Nil(t, w.Store.Get("CiliumIdentity", "", "65800"), "no pod has had it for a while")
				simtest.Pass(10 * time.Second)
				require.NotZero(t, w.identityOf("given"))
				require.NotNil(t, w.Store.Get("Pod", "ns", "given"))
				require.NoError(t, w.err)
			})
		})
	}
}

// identityOf returns that of a pod as agents hear of it, or zero.
func (w *world) identityOf(name string) int {
	w.T.Helper()
	if o := w.Store.Get("CiliumEndpoint", "ns", name); o != nil {
		var e v2.CiliumEndpoint
		require.NoError(w.T, o.Decode(&e))
		return int(e.Status.Identity.ID)
	}
	for _, o := range w.Store.List("CiliumEndpointSlice") {
		var s v2alpha1.CiliumEndpointSlice
		require.NoError(w.T, o.Decode(&s))
		for _, e := range s.Endpoints {
			if e.Name == name {
				return int(e.IdentityID)
			}
		}
	}
	return 0
}

func TestOperationsOfOnePodComeOneAfterTheOther(t *testing.T) {
	p := alone(create(0, "p0", "web", "10.0.0.1"), remove(time.Second, "p0"), create(2*time.Second, "p0", "web", "10.0.0.2"))
	simulate(t, p, func(w *world) {
		w.slow("pods", "create", 5*time.Second)
		simtest.Pass(30 * time.Second)
		require.NoError(t, w.err)
		said := w.said()
		require.Len(t, said, 3)
		require.Regexp(t, `pod-create ns/p0 planned=0s end=5s waited=$`, said[0])
		require.Regexp(t, `pod-delete ns/p0 planned=1s end=5s waited=4\.0.*s$`, said[1])
		require.Regexp(t, `pod-create ns/p0 planned=2s end=10s waited=3\.0.*s$`, said[2])
		require.Equal(t, "10.0.0.2", w.address("p0"))
	})
}

func TestNamespaceIsDeletedAfterItsPods(t *testing.T) {
	ops := []fault.Op{create(0, "p0", "web", "10.0.0.1"), create(0, "p1", "web", "10.0.0.2"), {At: fault.Duration(time.Second), Op: fault.NamespaceDelete, Name: "ns"},
		create(2*time.Second, "p0", "web", "10.0.0.3")}
	for _, slices := range []bool{false, true} {
		p := alone(ops...)
		p.Options.EndpointSlices = slices
		simulate(t, p, func(w *world) {
			w.slow("pods", "", 3*time.Second)
			simtest.Pass(5 * time.Second)
			require.NotNil(t, w.Store.Get("Namespace", "", "ns"))
			require.NotNil(t, w.Store.Get("Pod", "ns", "p1"))
			simtest.Pass(30 * time.Second)
			require.NoError(t, w.err)
			if !slices {
				require.Equal(t, "10.0.0.3", w.address("p0"))
			}
			require.Nil(t, w.Store.Get("Pod", "ns", "p1"))
			require.NotNil(t, w.Store.Get("Namespace", "", "ns"))
			require.Len(t, w.Store.List("CiliumIdentity"), 1)
			require.Len(t, w.Recorded(), 4)
		})
	}
}

// A pod has its own identity though the identity's object is still being made, or an
// earlier one of the same labels deleted.
func TestPodsWaitForTheIdentityThatTheyShare(t *testing.T) {
	p := alone(create(0, "p0", "web", "10.0.0.1"), create(0, "p1", "web", "10.0.0.2"), remove(10*time.Second, "p0"), remove(10*time.Second, "p1"),
		create(22*time.Second, "p2", "web", "10.0.0.3"))
	simulate(t, p, func(w *world) {
		w.slow("ciliumidentities", "", 4*time.Second)
		simtest.Pass(3 * time.Second)
		require.Empty(t, w.Store.List("Pod"), "the identity comes first")
		simtest.Pass(2 * time.Second)
		require.Len(t, w.Store.List("Pod"), 2)
		simtest.Pass(16 * time.Second) // the identity is being deleted
		require.Len(t, w.Store.List("CiliumIdentity"), 1)
		simtest.Pass(20 * time.Second)
		require.Equal(t, "  65793", w.state("ns", "p2"), "the number of the old one was still in use")
		require.Len(t, w.Store.List("CiliumIdentity"), 1)
	})
}

func TestSliceIsWrittenOnceForChangesThatComeTogether(t *testing.T) {
	p := alone()
	p.Options.EndpointSlices = true
	for i := range 5 {
		p.Ops = append(p.Ops, create(0, fmt.Sprintf("p%d", i), "web", fmt.Sprintf("10.0.0.%d", i)))
	}
	writes := 0
	simulate(t, p, func(w *world) {
		w.intercept = func(q *kube.Request) *kube.Fail {
			if q.Resource == "ciliumendpointslices" {
				writes++
				return &kube.Fail{Delay: time.Second}
			}
			return nil
		}
		simtest.Pass(20 * time.Second)
		require.Len(t, w.Recorded(), 5)
		require.Len(t, w.Store.List("CiliumEndpointSlice"), 1)
		require.Equal(t, 2, writes, "one for the first pod, and one for the others that came meanwhile")
	})
}

func TestALateOperationIsAnErrorOfTheTestBed(t *testing.T) {
	ops := []fault.Op{create(0, "p0", "web", "10.0.0.1"), remove(time.Second, "p0"), create(time.Minute, "p1", "web", "10.0.0.2")}
	simulateLate(t, alone(ops...), 50*time.Millisecond, func(w *world) {
		simtest.Pass(2 * time.Minute)
		require.NoError(t, w.err)
		require.Len(t, w.Recorded(), 3)
	})
	simulateLate(t, alone(ops...), 150*time.Millisecond, func(w *world) {
		simtest.Pass(2 * time.Second)
		require.True(t, w.isDone())
		require.EqualError(t, w.err, "the workload is late: step 1 (pod-create ns/p0), planned for -150ms of the run, began 150ms after that, and no server is the reason; this is an error of the test bed")
		require.Empty(t, w.Recorded())
	})
}

func TestOperationThatAnotherSupersedes(t *testing.T) {
	simulate(t, operated(create(0, "p0", "web", "10.0.0.1"), remove(2*time.Second, "p0")), func(w *world) {
		simtest.Pass(5 * time.Second)
		require.True(t, w.isDone())
		operations := w.Recorded()
		require.Len(t, operations, 2)
		require.Equal(t, "superseded", operations[0].Err)
		require.Equal(t, history.Operation, operations[0].Verb)
		require.Equal(t, int64(1), operations[0].Rev)
		require.Empty(t, operations[1].Err)
	})
}
