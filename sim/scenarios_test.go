package sim_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/testdata/scenarios"
)

// Scenarios of modes without a finding that breaks them: everything that is planned happens, and what is
// promised is kept.
func TestScenariosKeepTheirPromises(t *testing.T) {
	for _, name := range []string{
		"shared-etcd-leader-cut", "shared-etcd-majority-lost", "shared-etcd-member-replaced",
		"handover-agents-first", "handover-mid-stream", "handover-gone", "handover-return",
	} {
		t.Run(name, func(t *testing.T) {
			data, err := scenarios.Files.ReadFile(name + ".json")
			require.NoError(t, err)
			p, err := fault.Read(name, data)
			require.NoError(t, err)
			r := run(t, p)
			for _, happened := range r.Index.Records {
				require.NotEqual(t, history.Unfired, happened.Verb, "%v", happened)
			}
			require.NotEmpty(t, p.Promise)
			for _, f := range r.Verdict.Findings() {
				require.NotContains(t, p.Promise, f.Property, "%s", f)
			}
			for _, property := range p.Promise {
				result, judged := r.Verdict.Result(property)
				require.True(t, judged, property)
				require.Empty(t, result.Violations, strings.Join(p.Promise, ", "))
			}
		})
	}
}
