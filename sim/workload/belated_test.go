package workload

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/kube"
)

// A pod that comes of a request which nobody had answered, when the plan's pod has come and gone, is deleted after the
// heal, and one of a request that was refused is nobody's business.
func TestABelatedPodIsDeleted(t *testing.T) {
	for name, c := range map[string]struct {
		fail *kube.Fail
		left bool
	}{
		"not answered": {&kube.Fail{Abort: true}, false},
		"refused":      {&kube.Fail{Code: http.StatusServiceUnavailable}, true},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, operated(create(time.Second, "p", "a", "10.0.0.9"), op(20*time.Second, fault.PodDelete, fault.Pod{Namespace: "ns", Name: "p"})), func(w *world) {
				asked := 0
				w.intercept = func(q *kube.Request) *kube.Fail {
					if q.Verb == "create" && q.Resource == "pods" {
						if asked++; asked == 1 {
							return c.fail
						}
					}
					return nil
				}
				time.Sleep(40 * time.Second)
				require.Empty(t, w.state("ns", "p"), "it has come and gone")
				require.Equal(t, 2, asked)
				_, err := w.Store.Create(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "belated"}, Spec: corev1.PodSpec{NodeName: "n0"}})
				require.NoError(t, err)
				close(w.healed)
				time.Sleep(10 * time.Second)
				require.Equal(t, c.left, w.state("ns", "p") != "")
			})
		})
	}
}

// One that the plan is still at work on is left to the plan, though a later step ends it.
func TestAPodThatIsBeingMadeIsNotBelated(t *testing.T) {
	p := plan()
	p.Ops = []fault.Op{create(time.Second, "p", "a", "10.0.0.9"), op(2*time.Second, fault.PodDelete, fault.Pod{Namespace: "ns", Name: "p"})}
	simulate(t, p, func(w *world) {
		asked := 0
		w.intercept = func(q *kube.Request) *kube.Fail {
			switch {
			case q.Verb == "create" && q.Resource == "pods":
				if asked++; asked == 1 {
					return &kube.Fail{Abort: true}
				}
			case q.Verb == "create" && strings.HasPrefix(q.Resource, "ciliumendpoint"):
				return &kube.Fail{Code: http.StatusServiceUnavailable}
			}
			return nil
		}
		time.Sleep(20 * time.Second)
		require.Equal(t, 2, asked)
		close(w.healed)
		time.Sleep(10 * time.Second)
		require.NotEmpty(t, w.state("ns", "p"), "its endpoint is not made yet")
		w.intercept = nil
		time.Sleep(10 * time.Second)
		require.Empty(t, w.state("ns", "p"))
	})
}
