package clustermesh

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// origins returns where what was recorded of entries came from, in order.
func (w *testWorld) origins(keys ...string) []string {
	return w.Lines(func(r history.Record) string {
		if r.Actor != "a0" || !slices.Contains(keys, r.Key) {
			return ""
		}
		require.Regexp(w.T, "^[0-9a-f]{16}$", r.Store)
		return fmt.Sprintf("%s %s %s %s %s %d", r.Verb, r.Key, r.Op, r.Source, r.Peer, r.Session)
	})
}

func (w *testWorld) delete(t *testing.T, kind, name string) {
	t.Helper()
	var err error
	if kind == "CiliumNode" {
		err = w.clients.CiliumV2().CiliumNodes().Delete(t.Context(), name, metav1.DeleteOptions{})
	} else {
		err = w.clients.CiliumV2().CiliumIdentities().Delete(t.Context(), name, metav1.DeleteOptions{})
	}
	require.NoError(t, err)
}

func TestWhatAnOldConnectionDeliveredIsToldApart(t *testing.T) {
	for _, c := range []struct {
		kind   string
		names  [4]string
		create func(name string) []byte
	}{
		{"CiliumNode", [4]string{"n0", "n1", "n2", "n3"}, func(name string) []byte { return simtest.Node(name, "192.168.0.1") }},
		{"CiliumIdentity", [4]string{"66010", "66011", "66012", "66013"}, func(name string) []byte { return simtest.Identity(name, 0) }},
	} {
		t.Run(c.kind, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *testWorld) {
				names := c.names
				goOn := w.HoldAt(names[0])
				for _, name := range names[:3] {
					w.Create(c.create(name))
					time.Sleep(time.Second)
				}
				w.delete(t, c.kind, names[1])
				time.Sleep(time.Second)
				w.Net.Reset("a0", "r0") // what was delivered waits in the agent
				time.Sleep(10 * time.Second)
				w.Create(c.create(names[3]))
				time.Sleep(10 * time.Second)
				goOn()
				time.Sleep(10 * time.Second)
				got := w.origins(names[:]...)
				old, rest := "watch clustermesh r0 1", "watch clustermesh r0 2"
				want := []string{"see " + names[0] + " " + old, "see " + names[1] + " " + old, "see " + names[2] + " " + old, "drop " + names[1] + " " + old, "see " + names[3] + " " + rest}
				if c.kind == "CiliumIdentity" { // Cilium hands on at once what it got meanwhile
					want = []string{want[0], want[2], want[4]}
				}
				require.Equal(t, want, got)
			})
		})
	}
}

func TestWhatAListLacksIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		w.Create(simtest.Node("n0", "192.168.0.1"))
		w.Create(simtest.Identity("66010", 0))
		time.Sleep(time.Second)
		require.ElementsMatch(t, []string{"see n0 watch clustermesh r0 1", "see 66010 watch clustermesh r0 1"}, w.origins("n0", "66010"))
		heal := w.Net.Partition("a0", "r0", false)
		w.delete(t, "CiliumNode", "n0")
		w.delete(t, "CiliumIdentity", "66010")
		w.replica.KillPod()
		require.NoError(t, w.replica.StartPod(true))
		time.Sleep(time.Minute)
		heal()
		time.Sleep(2 * time.Minute)
		got := w.origins("n0", "66010")
		require.Len(t, got, 2)
		for _, line := range got {
			require.Regexp(t, "^drop (n0|66010) list clustermesh r0 [2-9]$", line)
		}
	})
}

func TestSyncedHasTheOriginOfItsList(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		w.Kill()
		w.origins()
		require.NoError(t, w.Start())
		time.Sleep(time.Minute)
		for _, r := range w.Recorded() {
			if r.Verb == history.Synced {
				require.Equal(t, history.Origin{Source: "clustermesh", Server: "r0", Store: w.replica.Etcd.Store(), Session: 1}, r.Origin())
				return
			}
		}
		t.Fatal("the agent has not synced")
	})
}
