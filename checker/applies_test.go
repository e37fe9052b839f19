package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
)

func TestWhatDoesNotApplyIsNeitherPassNorUnknown(t *testing.T) {
	for mode, outcome := range map[string]Outcome{"crd": NotApplicable, "clustermesh": Unknown} {
		v := Check(&history.History{Plan: `{"mode":"` + mode + `"}`}, Config{})
		r, _ := v.Result("leases")
		require.Equal(t, outcome, r.Outcome, mode)
		require.NotEmpty(t, r.Evidence)
	}
	known := map[string]bool{}
	for _, p := range Properties() {
		known[p.Name] = true
	}
	for _, all := range notApplicable {
		for name := range all {
			require.True(t, known[name], name)
		}
	}
	require.Equal(t, Pass, Verdict{Results: []Result{{Outcome: Pass}, {Outcome: NotApplicable}}}.Outcome())
}
