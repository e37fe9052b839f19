package clustermesh

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
)

func (w *testWorld) createNode(t *testing.T, name string) {
	t.Helper()
	_, err := w.store.Create(fmt.Appendf(nil, `{"kind":"CiliumNode","apiVersion":"cilium.io/v2","metadata":{"name":%q},"spec":{"addresses":[{"type":"InternalIP","ip":"192.168.0.1"}]}}`, name))
	require.NoError(t, err)
}

// holdAt makes the agent wait while it is told of an entry, until it may go on.
func (w *testWorld) holdAt(key string) (goOn func()) {
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

// origins returns where what was recorded of entries came from, in order.
func (w *testWorld) origins(keys ...string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := []string{}
	for _, r := range w.records {
		if r.Actor == "a0" && slices.Contains(keys, r.Key) {
			told = append(told, fmt.Sprintf("%s %s %s %s %s %d", r.Verb, r.Key, r.Op, r.Source, r.Peer, r.Session))
			require.Regexp(w.t, "^[0-9a-f]{16}$", r.Store)
		}
	}
	w.records = nil
	return told
}

func (w *testWorld) delete(t *testing.T, kind, name string) {
	t.Helper()
	clients, closeIdle, err := kubeclient.New("w0", func(ctx context.Context, _ string) (net.Conn, error) { return w.net.Host("w0").Dial(ctx, "k0:6443") })
	require.NoError(t, err)
	defer closeIdle()
	if kind == "CiliumNode" {
		err = clients.CiliumV2().CiliumNodes().Delete(t.Context(), name, metav1.DeleteOptions{})
	} else {
		err = clients.CiliumV2().CiliumIdentities().Delete(t.Context(), name, metav1.DeleteOptions{})
	}
	require.NoError(t, err)
}

func TestWhatAnOldConnectionDeliveredIsToldApart(t *testing.T) {
	for _, c := range []struct {
		kind   string
		names  [4]string
		create func(w *testWorld, name string)
	}{
		{"CiliumNode", [4]string{"n0", "n1", "n2", "n3"}, func(w *testWorld, name string) { w.createNode(w.t, name) }},
		{"CiliumIdentity", [4]string{"66010", "66011", "66012", "66013"}, func(w *testWorld, name string) { w.create(w.t, name, "") }},
	} {
		t.Run(c.kind, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *testWorld) {
				names := c.names
				goOn := w.holdAt(names[0])
				for _, name := range names[:3] {
					c.create(w, name)
					time.Sleep(time.Second)
				}
				w.delete(t, c.kind, names[1])
				time.Sleep(time.Second)
				w.net.Reset("a0", "r0") // what was delivered waits in the agent
				time.Sleep(10 * time.Second)
				c.create(w, names[3])
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
		w.createNode(t, "n0")
		w.create(t, "66010", "")
		time.Sleep(time.Second)
		require.ElementsMatch(t, []string{"see n0 watch clustermesh r0 1", "see 66010 watch clustermesh r0 1"}, w.origins("n0", "66010"))
		heal := w.net.Partition("a0", "r0", false)
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
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, r := range w.records {
			if r.Verb == history.Synced {
				require.Equal(t, history.Origin{Source: "clustermesh", Server: "r0", Store: w.replica.Store(), Session: 1}, r.Origin())
				return
			}
		}
		t.Fatal("the agent has not synced")
	})
}
