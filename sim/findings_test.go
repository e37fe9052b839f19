package sim_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
)

// Every plan in testdata/findings breaks what its page says, and nothing else.
func TestFindings(t *testing.T) {
	findings := map[string][]string{
		"writer-restart-orphans":         {"convergence"},
		"relist-loses-order":             {"no-spurious-deletion"},
		"failover-to-stale-replica":      {"monotonic", "no-spurious-deletion"},
		"cluster-config-comes-back-late": {"no-spurious-deletion"},
		"namespace-informer-behind":      {"no-spurious-deletion"},
		"lease-shorter-than-watchdog":    {"no-spurious-deletion"},
		"emptied-etcd-same-cluster-id":   {"convergence"},
	}
	plans, err := filepath.Glob("../testdata/findings/*.json")
	require.NoError(t, err)
	require.Len(t, plans, len(findings), "each plan has its row here")
	for name, want := range findings {
		t.Run(name, func(t *testing.T) {
			p, err := fault.ReadFile(filepath.Join("../testdata/findings", name+".json"))
			require.NoError(t, err)
			var broken []string
			for _, r := range checker.Check(read(t, run(t, p)), checker.Config{}).Results {
				if r.Outcome == checker.Fail {
					broken = append(broken, r.Property)
				}
			}
			require.Equal(t, want, broken)
			require.FileExists(t, filepath.Join("../testdata/findings", name+".md"))
		})
	}
}
