package sim_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
)

// Every plan in testdata/findings breaks what its page says, by the mechanism that
// it tells of, and whatever else it breaks has a page too.
func TestFindings(t *testing.T) {
	findings := map[string][]string{
		"writer-restart-orphans":         {"convergence", "staleness"},
		"relist-loses-order":             {"no-spurious-deletion"},
		"failover-to-stale-replica":      {"monotonic", "no-spurious-deletion", "owner"},
		"cluster-config-comes-back-late": {"no-spurious-deletion"},
		"namespace-informer-behind":      {"no-spurious-deletion"},
		"lease-shorter-than-watchdog":    {"no-spurious-deletion"},
		"emptied-etcd-same-cluster-id":   {"convergence", "single-source", "staleness", "revision-origin"},
		"restart-while-no-source":        {"no-spurious-deletion"},
		"canaries-come-back-first":       {"no-spurious-deletion", "canaries"},

		"cancelled-subscriber-leaks-queue": {"leaks"},
	}
	plans, err := filepath.Glob("../testdata/findings/*.json")
	require.NoError(t, err)
	require.Len(t, plans, len(findings), "each plan has its row here")
	for name, want := range findings {
		t.Run(name, func(t *testing.T) {
			p, err := fault.ReadFile(filepath.Join("../testdata/findings", name+".json"))
			require.NoError(t, err)
			var broken []string
			for _, f := range checker.Check(read(t, run(t, p)), checker.Config{}).Findings() {
				require.NotEmpty(t, f.Cause, "%s", f)
				if f.Cause == name {
					broken = append(broken, f.Property)
				}
			}
			require.Subset(t, broken, want)
			require.FileExists(t, filepath.Join("../testdata/findings", name+".md"))
		})
	}
}
