package repairs

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
)

// breaking breaks convergence in the seeds that it is given, and counts its runs.
type breaking struct {
	in   func(seed uint64) bool
	open bool
	runs int
}

func (b *breaking) Run(_ context.Context, plan *fault.Plan) (*drive.Judged, error) {
	b.runs++
	result := checker.Result{Property: "convergence", Outcome: property.Pass, Promised: true}
	if b.open {
		result.Outcome = property.Unknown
	}
	if b.in(plan.Seed) {
		result.Outcome = property.Fail
		result.Violations = []checker.Violation{{Rule: &property.Rule{Name: "agent-differs", Text: func(*property.Facts) string { return "a ghost" }}, Facts: property.Facts{Kind: "endpoint"}}}
	}
	return &drive.Judged{Run: &report.Run{Verdict: checker.Verdict{Results: []checker.Result{result}}}}, nil
}

func config(kept *Kept, without *breaking) Config {
	return Config{Kept: kept, Without: Worker{without, "without"}, Parallel: 1, OnRun: func(int, int) {}}
}

func TestTryCountsSeedsWithAndWithout(t *testing.T) {
	even := &breaking{in: func(seed uint64) bool { return seed%2 == 0 }}
	never := &breaking{in: func(uint64) bool { return false }}
	show := Show{Plan: "ghosts", Breaks: []string{"convergence"}}
	r := &Repair{Name: "broom"}

	shown, err := Try(t.Context(), config(new(Kept), even), r, show, &fault.Plan{Seed: 100}, Worker{never, "with"})
	require.NoError(t, err)
	require.Equal(t, Shown{Repair: "broom", Plan: "ghosts", Seeds: 21, Without: 11}, shown)
	require.True(t, shown.Done())

	shown, err = Try(t.Context(), config(new(Kept), even), r, show, &fault.Plan{Seed: 4}, Worker{even, "with"})
	require.NoError(t, err)
	require.Equal(t, 20, shown.Seeds, "its own seed is one of them")
	require.Equal(t, 10, shown.With)
	require.Contains(t, shown.First, "a ghost")
	require.False(t, shown.Done())

	shown, err = Try(t.Context(), config(new(Kept), never), r, show, &fault.Plan{}, Worker{never, "with"})
	require.NoError(t, err)
	require.False(t, shown.Done(), "nothing was shown")

	shown, err = Try(t.Context(), config(new(Kept), even), r, show, &fault.Plan{}, Worker{&breaking{in: never.in, open: true}, "with"})
	require.NoError(t, err)
	require.Equal(t, 20, shown.Open)
	require.False(t, shown.Done(), "a run that says nothing is no pass")
}

func TestKeptRunsAreNotRunAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runs")
	even := &breaking{in: func(seed uint64) bool { return seed%2 == 0 }}
	run := func() Outcome {
		kept, err := Open(file)
		require.NoError(t, err)
		defer kept.Close()
		o, err := kept.Run(t.Context(), Worker{even, "w"}, &fault.Plan{Seed: 2})
		require.NoError(t, err)
		return o
	}
	first := run()
	require.Equal(t, first, run())
	require.Equal(t, 1, even.runs)
	require.False(t, first.Promises())

	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data[:len(data)-3], 0o666))
	require.Equal(t, first, run(), "a line that was cut off is run again")
	require.Equal(t, 2, even.runs)

	kept, err := Open(file)
	require.NoError(t, err)
	defer kept.Close()
	_, err = kept.Run(t.Context(), Worker{even, "another"}, &fault.Plan{Seed: 2})
	require.NoError(t, err)
	require.Equal(t, 3, even.runs, "of another worker nothing is known")

	require.NoError(t, os.WriteFile(file, []byte("rubbish\n"), 0o666))
	_, err = Open(file)
	require.ErrorContains(t, err, "is not a file of runs")
}

func TestSweepTellsWhatIsLeft(t *testing.T) {
	third := &breaking{in: func(seed uint64) bool { return seed%3 == 0 }}
	sixth := &breaking{in: func(seed uint64) bool { return seed%6 == 0 }}
	swept, err := Sweep(t.Context(), config(new(Kept), sixth), nil, Worker{third, "with"}, drive.Seeds{Last: 9},
		func(seed uint64) (*fault.Plan, error) { return &fault.Plan{Seed: seed}, nil })
	require.NoError(t, err)
	require.Equal(t, 10, swept.Seeds)
	require.Equal(t, 6, swept.Keep)
	require.False(t, swept.Promises())
	require.Len(t, swept.Left, 1)
	require.Equal(t, []uint64{0, 3, 6, 9}, swept.Left[0].Seeds)
	require.Equal(t, []uint64{0, 6}, swept.Left[0].Without)
}
