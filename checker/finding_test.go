package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// about is a violation about an entry.
func about(kind, key string) property.Violation {
	return property.Violation{Facts: property.Facts{Kind: kind, Key: key}}
}

func TestFindings(t *testing.T) {
	orphan := about("endpoint", "10.0.0.3")
	orphan.Cause = &property.Cause{Proofs: []property.Proof{{Mechanism: "writer-restart-orphans"}}}
	v := Verdict{Results: []property.Result{
		{Property: "integrity", Outcome: property.Pass},
		{Property: "monotonic", Outcome: property.Fail, Violations: []property.Violation{
			about("node", "n1"), about("endpoint", "10.0.0.1"), about("endpoint", "10.0.0.2"), orphan,
		}},
		{Property: "convergence", Outcome: property.Unknown},
	}}
	require.Equal(t, []Finding{{"monotonic", "endpoint", ""}, {"monotonic", "endpoint", "writer-restart-orphans"}, {"monotonic", "node", ""}}, v.Findings())
	first, found := v.First(Finding{"monotonic", "endpoint", ""})
	require.True(t, found)
	require.Equal(t, "10.0.0.1", first.Key)
	first, found = v.First(Finding{"monotonic", "endpoint", "writer-restart-orphans"})
	require.True(t, found)
	require.Equal(t, "10.0.0.3", first.Key)
	_, found = v.First(Finding{"integrity", "endpoint", ""})
	require.False(t, found)
	require.Equal(t, "monotonic of node", Finding{"monotonic", "node", ""}.String())
	require.Equal(t, "monotonic of node by writer-restart-orphans", Finding{"monotonic", "node", "writer-restart-orphans"}.String())
}

func TestUnfiredFaultsAreNamed(t *testing.T) {
	records, err := history.Parse("1.0 world unfired replica-loss r2 value=\"r2 did not exist\" rev=3\n")
	require.NoError(t, err)
	v := Check(index.New(&history.History{Records: records}), Config{})
	require.Equal(t, []Unfired{{3, "replica-loss", "r2 did not exist"}}, v.Unfired)
}

// A fault that happened and did nothing is no fault that the run survived.
func TestIdleFaultsAreNamed(t *testing.T) {
	records, err := history.Parse(`1.0 world fault partition r0 value=x op=cut peer=k0 rev=3
1.0 world fault reset a0 value=x op=connections-reset peer=r0 rev=4
1.0 world effect reset a0 value=connections-reset:2 op=connections-reset peer=r0 rev=4
2.0 world effect partition r0 value=cut:0 op=cut peer=k0 rev=3
`)
	require.NoError(t, err)
	v := Check(index.New(&history.History{Records: records}), Config{})
	require.Equal(t, []Unfired{{3, "partition", "cut:0"}}, v.Idle)
}
