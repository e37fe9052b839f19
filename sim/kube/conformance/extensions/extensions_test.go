// Package extensions asks the script of package conformance, as far as it is about custom resources, of
// a running server: k8s.io/apiextensions-apiserver, the part of a kube-apiserver that serves them, with an
// etcd. Unlike the golden it is there whenever the test runs, built from the versions in go.mod. It is a
// module of its own, so that the project's build does not grow.
package extensions

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/sim/kube/conformance"
)

func TestTheStandInAnswersAsTheRunningServer(t *testing.T) {
	s := start(t)
	time.Sleep(3 * time.Second) // until every kind is served without 429
	real, err := conformance.Run(conformance.Target{URL: s.url, Token: s.token, Client: s.client, Compact: s.compact, Custom: true})
	require.NoError(t, err)
	require.Greater(t, len(real), 400, "answers")
	rows, err := conformance.Table()
	require.NoError(t, err)
	differing := 0
	for _, d := range conformance.Compare(real, conformance.Ask(t, true)) {
		differing++
		explained := slices.ContainsFunc(rows, func(r conformance.Row) bool { return r.Explains(d) })
		if !explained {
			t.Errorf("step %q differs from the running server in %s, and differences.md does not say so:\n  real: %.600s\n  ours: %.600s", d.Step, d.Where, d.Real, d.Ours)
		}
	}
	t.Logf("%d steps, %d differences, each of them in differences.md", len(real), differing)
}
