package mesh

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/mode"
)

// small are bounds that break and keep what the default ones do, in a second.
var small = Bounds{Replicas: 2, Agents: 1, Objects: 2, Reuses: 1, Faults: 2}

// run explores a mode.
func run(t *testing.T, md string, b Bounds) *Row {
	t.Helper()
	m, err := mode.Parse(md)
	require.NoError(t, err)
	row, err := Run(t.Context(), Config{Mode: m, Bounds: b}, Options{})
	require.NoError(t, err)
	return row
}

func (r *Row) cell(t *testing.T, property string) Cell {
	t.Helper()
	for _, c := range r.Cells {
		if c.Property == property {
			return c
		}
	}
	t.Fatalf("mode %s has no cell %s", r.Mode, property)
	return Cell{}
}

func newForTest(t *testing.T, md mode.Mode, b Bounds) *mesh {
	t.Helper()
	m, err := newMesh(Config{Mode: md, Bounds: b})
	require.NoError(t, err)
	return m
}

func TestModelsKeepWhatTheyDeclare(t *testing.T) {
	for _, md := range MatrixModes() {
		x, err := New(Config{Mode: md, Bounds: Bounds{Replicas: 2, Agents: 2, Objects: 2, Reuses: 1, Faults: 2}})
		require.NoError(t, err)
		require.NoError(t, x.Audit(2000), "mode %s", md)
	}
}

func TestSymmetryChangesNoVerdict(t *testing.T) {
	b := Bounds{Replicas: 2, Agents: 2, Objects: 1, Reuses: 1, Faults: 1}
	for _, md := range MatrixModes() {
		x, err := New(Config{Mode: md, Bounds: b})
		require.NoError(t, err)
		reduced, err := explore.Check(t.Context(), x, explore.Options{})
		require.NoError(t, err)
		full, err := explore.Check(t.Context(), x, explore.Options{NoSymmetry: true})
		require.NoError(t, err)
		require.Greater(t, full.Stats.Distinct, reduced.Stats.Distinct)
		for i, o := range reduced.Outcomes {
			require.Equal(t, o.Verdict, full.Outcomes[i].Verdict, "mode %s, %s", md, o.Property)
			if o.Verdict == explore.Broken {
				require.Len(t, full.Outcomes[i].Trace.Steps, len(o.Trace.Steps), "mode %s, %s", md, o.Property)
			}
		}
	}
}

// Agents do not influence each other, so a second one changes no verdict.
func TestASecondAgentChangesNoVerdict(t *testing.T) {
	for _, md := range []string{"crd", "clustermesh", "clustermesh+fence", "clustermesh+sweep+token+fence+kept", "direct"} {
		one, two := run(t, md, small), run(t, md, Default)
		for i, c := range one.Cells {
			require.Equal(t, c.Verdict, two.Cells[i].Verdict, "mode %s, %s", md, c.Property)
		}
	}
}

func TestWorkloadReachesItsEnd(t *testing.T) {
	for _, b := range []Bounds{small, {1, 1, 3, 2, 0}, {1, 1, 1, 0, 0}} {
		for _, base := range mode.Bases() {
			m := newForTest(t, mode.Mode{Base: base}, b)
			x := m.model()
			x.Sometimes("last write", func(s *State) bool { return s.RV == b.last() })
			x.Invariant("one address to a pod", func(s *State) bool {
				pods := map[uint8]int{}
				for _, created := range s.truth(s.RV) {
					if created != 0 {
						pods[s.at(created).Pod]++
					}
				}
				return len(pods) == 0 || slices.Max(slices.Collect(maps.Values(pods))) == 1
			})
			r, err := explore.Check(t.Context(), x, explore.Options{Properties: []string{"last write", "one address to a pod"}, MaxDepth: 9})
			require.NoError(t, err)
			require.Equal(t, explore.Holds, r.Outcome("last write").Verdict, "%s, %s", base, b)
			require.NotEqual(t, explore.Broken, r.Outcome("one address to a pod").Verdict, "%s, %s", base, b)
		}
	}
}

func TestInterruptedSearchDecidesNothing(t *testing.T) {
	md, err := mode.Parse("clustermesh+sweep+token+fence+kept")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	row, err := Run(ctx, Config{Mode: md, Bounds: Default}, Options{})
	require.NoError(t, err)
	require.False(t, row.Finished)
	require.Equal(t, explore.Unknown, row.Verdict())
	require.Equal(t, explore.Unknown, row.cell(t, integrity).Verdict)
	require.Contains(t, row.Line(), "unfinished: ")
}

func TestMemoryBoundDecidesNothing(t *testing.T) {
	md, err := mode.Parse("handover+sweep+token+fence+kept+cutover")
	require.NoError(t, err)
	row, err := Run(t.Context(), Config{Mode: md, Bounds: Default}, Options{Memory: 1 << 16, Properties: []string{monotonic}})
	require.NoError(t, err)
	require.False(t, row.Finished)
	require.Equal(t, explore.Unknown, row.cell(t, monotonic).Verdict)
}

// R14: how long do two replicas answer differently? As long as the workload lasts.
func TestReplicasAreApartThroughoutTheWorkload(t *testing.T) {
	row := run(t, "central", small)
	require.Equal(t, apart, row.Situations[1].Name)
	require.NotNil(t, row.Situations[1].Trace)
}
