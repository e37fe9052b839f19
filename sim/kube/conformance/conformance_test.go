package conformance

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/cacher"
	"github.com/meshcheck/meshcheck/sim/kube/crds"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

// ask runs the script against the stand-in.
func ask(t *testing.T) (answers []Answer) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := simnet.New(simnet.Config{Seed: 1, LatencyMin: time.Millisecond, LatencyMax: 3 * time.Millisecond})
		store := storage.New(storage.Config{Seed: 1, Resources: crds.Resources()})
		require.NoError(t, store.CreateSystemNamespaces())
		listener, err := network.Host("k0").Listen(6443)
		require.NoError(t, err)
		server := kube.NewServer(store, kube.Config{Name: "k0", Cache: cacher.Config{ProgressInterval: 10 * time.Minute}}) // as the etcd of the golden
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		transport := &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return network.Host("client").Dial(ctx, "k0:6443")
		}}
		answers, err = Run(Target{URL: "http://k0:6443", Client: &http.Client{Transport: transport}, Compact: func() error {
			store.Compact()
			return nil
		}})
		require.NoError(t, err)
		transport.CloseIdleConnections()
		require.NoError(t, server.Close())
		require.NoError(t, <-served)
		network.Close()
		time.Sleep(time.Hour)
	})
	return answers
}

// TestTheStandInAnswersAsRecorded compares both ways: what differs is in the table, and
// the table says nothing that does not.
func TestTheStandInAnswersAsRecorded(t *testing.T) {
	golden, err := Recorded()
	require.NoError(t, err)
	require.Greater(t, len(golden.Answers), 600, "answers in the golden")
	rows, err := table()
	require.NoError(t, err)
	ours := ask(t)
	differing := map[string]bool{}
	for _, d := range Compare(golden.Answers, ours) {
		differing[d.Step] = true
		explained := false
		for i := range rows {
			explained = rows[i].explains(d) || explained
		}
		if !explained {
			t.Errorf("step %q differs from %s in %s, and differences.md does not say so:\n  real: %.600s\n  ours: %.600s", d.Step, golden.Server, d.Where, d.Real, d.Ours)
		}
	}
	for _, r := range rows {
		if names := r.unneeded(); len(names) > 0 {
			t.Errorf("differences.md:%d: nothing differs any more at %q: take it out", r.line, names)
		}
	}
	t.Logf("%d steps, %d of them answered alike in everything", len(golden.Answers), len(golden.Answers)-len(differing))
}

func TestTwoRunsAnswerAlike(t *testing.T) {
	require.Equal(t, ask(t), ask(t))
}
