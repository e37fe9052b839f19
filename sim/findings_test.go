package sim_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
)

// Every plan in testdata/findings breaks what its page says, by the mechanism that
// it tells of, and nothing else.
func TestFindings(t *testing.T) {
	const (
		emptied = "emptied-etcd-same-cluster-id"
		orphans = "writer-restart-orphans"
		stale   = "failover-to-stale-replica"
		canary  = "canaries-come-back-first"
	)
	by := func(cause string, properties ...string) (all []string) {
		for _, p := range properties {
			all = append(all, p+" by "+cause)
		}
		return all
	}
	findings := map[string][]string{
		orphans:                          by(orphans, "convergence", "staleness"),
		stale:                            by(stale, "monotonic", "no-spurious-deletion", "owner"),
		emptied:                          by(emptied, "convergence", "single-source", "staleness", "revision-origin"),
		canary:                           append(append(by(canary, "no-spurious-deletion"), by(emptied, "revision-origin")...), by(canary, "canaries")...),
		"relist-loses-order":             by("relist-loses-order", "no-spurious-deletion"),
		"cluster-config-comes-back-late": append(append(by("cluster-config-comes-back-late", "no-spurious-deletion"), by(emptied, "revision-origin")...), by(canary, "canaries")...),
		"namespace-informer-behind":      by("namespace-informer-behind", "no-spurious-deletion"),
		"lease-shorter-than-watchdog":    by("lease-shorter-than-watchdog", "no-spurious-deletion"),
		"restart-while-no-source":        by("restart-while-no-source", "no-spurious-deletion"),
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
				broken = append(broken, checker.Finding{Property: f.Property, Cause: f.Cause}.String())
			}
			require.Equal(t, want, slices.Compact(broken))
			require.FileExists(t, filepath.Join("../testdata/findings", name+".md"))
		})
	}
}
