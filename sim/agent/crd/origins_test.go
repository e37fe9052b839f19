package crd

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// takeOrigins returns where what was recorded of an agent's view since the last call
// came from.
func (w *testWorld) takeOrigins() []string {
	return w.Lines(func(r history.Record) string {
		if r.Verb != history.See && r.Verb != history.Drop {
			return ""
		}
		return fmt.Sprintf("%s %s %s %s %s %s %d", r.Verb, r.Kind, r.Key, r.Op, r.Source, r.Peer, r.Session)
	})
}

func TestWhatAnOldConnectionDeliveredIsToldApart(t *testing.T) {
	inBubble(t, func(w *testWorld) {
		w.start("a0", false)
		require.ElementsMatch(t, []string{"see identity 66001 list crd k0 1", "see endpoint 10.0.0.1 list crd k0 1", "see node n0 list crd k0 1"}, w.takeOrigins())
		goOn := w.HoldAt("n1")
		w.Create(simtest.Node("n1", "192.168.0.2"), simtest.Node("n2", "192.168.0.3"), simtest.Node("n3", "192.168.0.4"))
		time.Sleep(time.Second)
		w.Net.Reset("a0", "k0") // what was delivered waits in the agent
		time.Sleep(30 * time.Second)
		w.Create(simtest.Node("n4", "192.168.0.5"))
		require.NoError(t, w.clients.CiliumV2().CiliumNodes().Delete(w.T.Context(), "n3", metav1.DeleteOptions{}))
		time.Sleep(10 * time.Second)
		goOn()
		time.Sleep(10 * time.Second)
		w.Create(simtest.Identity("66002", 0), simtest.Endpoint("p1", "10.0.0.2", 66002))
		time.Sleep(time.Second)
		got := w.takeOrigins()
		require.Len(t, got, 5, "what is gone before the agent came to it was never seen")
		require.Equal(t, []string{"see node n1 watch crd k0 1", "see node n2 watch crd k0 1"}, got[:2])
		for _, line := range got[2:] {
			require.Regexp(t, "^see (node n4|identity 66002|endpoint 10.0.0.2) watch crd k0 [2-9]$", line)
		}
	})
}

func TestWhatAListLacksIsGone(t *testing.T) {
	for _, slices := range []bool{false, true} {
		inBubble(t, func(w *testWorld) {
			w.Create(simtest.Slice("s0", "p0", "10.0.0.1"))
			w.start("a0", slices)
			w.takeOrigins()
			heal := w.Net.Partition("a0", "k0", false)
			w.deleteAll()
			require.NoError(t, w.clients.CiliumV2alpha1().CiliumEndpointSlices().Delete(w.T.Context(), "s0", metav1.DeleteOptions{}))
			w.Create(simtest.Node("n1", "192.168.0.2"))
			w.Store.Compact()
			time.Sleep(2 * time.Minute)
			heal()
			time.Sleep(2 * time.Minute)
			got := w.takeOrigins()
			require.Len(t, got, 4)
			for _, line := range got {
				require.Regexp(t, "^(drop (identity 66001|endpoint 10.0.0.1|node n0)|see node n1) list crd k0 [2-9]$", line)
			}
		})
	}
}

func TestSameVersionAgainChangesNothing(t *testing.T) {
	inBubble(t, func(w *testWorld) {
		w.start("a0", false)
		w.takeOrigins()
		w.Net.Reset("a0", "k0")
		w.Kube.ExpireWatches()
		time.Sleep(time.Minute)
		require.NoError(t, w.clients.CiliumV2().CiliumNodes().Delete(w.T.Context(), "n0", metav1.DeleteOptions{}))
		time.Sleep(time.Second)
		got := w.takeOrigins()
		require.Len(t, got, 1)
		require.Regexp(t, "^drop node n0 watch crd k0 [2-9]$", got[0])
	})
}
