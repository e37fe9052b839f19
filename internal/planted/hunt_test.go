package planted

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// fake runs a plan by its seed.
type fake func(seed uint64) (*report.Run, error)

func (f fake) Run(_ context.Context, plan *fault.Plan) (*drive.Judged, error) {
	run, err := f(plan.Seed)
	if run != nil {
		run.Plan = plan
	}
	return &drive.Judged{Run: run}, err
}

func clean(uint64) (*report.Run, error) { return &report.Run{}, nil }

// breaks is a run that breaks the sample bug's property, by a rule.
func breaks(rule string) *report.Run {
	return &report.Run{Verdict: checker.Verdict{Results: []checker.Result{{
		Property: "monotonic", Outcome: checker.Fail, Violations: []checker.Violation{brokenBy("endpoint", rule)},
	}}}}
}

// brokenBy is a violation of a rule, about an entry of a kind.
func brokenBy(kind, rule string) checker.Violation {
	return checker.Violation{Rule: &checker.Rule{Name: rule}, Facts: checker.Facts{Kind: kind, At: time.Minute}}
}

func search(t *testing.T, parallel int, with, without fake) (Result, error) {
	t.Helper()
	bug, err := Read("sample", []byte(sample))
	require.NoError(t, err)
	done := 0
	result, err := Search(t.Context(), bug, Config{
		Planted: with, Clean: without, Parallel: parallel,
		Draw:   func(seed uint64) (*fault.Plan, error) { return &fault.Plan{Seed: seed}, nil },
		OnSeed: func(n int) { done++; require.Equal(t, done, n) },
	})
	if err == nil {
		require.GreaterOrEqual(t, done, result.Seeds)
	}
	return result, err
}

func TestTheLowestSeedThatCatchesCounts(t *testing.T) {
	with := func(seed uint64) (*report.Run, error) {
		switch {
		case seed == 17:
			time.Sleep(10 * time.Millisecond) // so that others overtake it
		case seed < 17:
			return clean(seed)
		}
		run := breaks("back-in-time")
		run.Verdict.Results[0].Violations[0].Note = fmt.Sprint("seed ", seed)
		return run, nil
	}
	for _, parallel := range []int{1, 4} {
		result, err := search(t, parallel, with, clean)
		require.NoError(t, err)
		require.True(t, result.Caught)
		require.EqualValues(t, 17, result.Seed)
		require.Equal(t, 18, result.Seeds)
		require.EqualValues(t, 17, result.Plan.Seed)
		require.Equal(t, "seed 17", result.Violation.Note)
		require.Zero(t, result.Known)
		require.Empty(t, result.Failed)
	}
}

func TestWhatIsNoCatch(t *testing.T) {
	both := func(uint64) (*report.Run, error) { return breaks("back-in-time"), nil }
	other := func(uint64) (*report.Run, error) { return breaks("another"), nil }
	undetermined := func(uint64) (*report.Run, error) {
		run := breaks("back-in-time")
		run.Deterministic, run.Unseeded = true, 3
		return run, nil
	}
	undeterminedClean := func(uint64) (*report.Run, error) {
		return &report.Run{Deterministic: true, Unseeded: 3}, nil
	}
	for _, c := range []struct {
		name          string
		with, without fake
		known         int
	}{
		{"the plan breaks nothing", clean, clean, 0},
		{"it breaks the property without the bug too", both, both, 100},
		{"without the bug for another reason", both, other, 100},
		{"the reason is not the bug", other, clean, 0},
		{"the seed did not determine the run", undetermined, clean, 0},
		{"the seed did not determine the run without the bug", both, undeterminedClean, 100},
	} {
		result, err := search(t, 3, c.with, c.without)
		require.NoError(t, err, c.name)
		require.False(t, result.Caught, c.name)
		require.Equal(t, 100, result.Seeds, c.name)
		require.Equal(t, c.known, result.Known, c.name)
	}
}

func TestFailedWorkers(t *testing.T) {
	failing := []uint64{3, 8}
	with := func(seed uint64) (*report.Run, error) {
		if slices.Contains(failing, seed) {
			return nil, &det.Failure{Kind: det.Crash, Message: fmt.Sprintf("seed %d crashes", seed)}
		}
		return clean(seed)
	}
	result, err := search(t, 2, with, clean)
	require.NoError(t, err)
	require.False(t, result.Caught)
	require.Len(t, result.Failed, 2)
	require.Equal(t, "seed 3 crashes", result.Failed[0].Message)
	require.EqualValues(t, 3, result.Failed[0].Plan.Seed)

	refusing := func(uint64) (*report.Run, error) {
		return nil, &det.Failure{Kind: det.Input, Message: "no such plan"}
	}
	_, err = search(t, 1, refusing, clean)
	require.EqualError(t, err, "seed 0: no such plan")

	crashing := func(uint64) (*report.Run, error) {
		return nil, &det.Failure{Kind: det.Crash, Message: "it crashes"}
	}
	_, err = search(t, 1, func(uint64) (*report.Run, error) { return breaks("back-in-time"), nil }, crashing)
	require.EqualError(t, err, "seed 0: the worker without the bug: it crashes")
}

func TestSearchEndsWithAnError(t *testing.T) {
	full := errors.New("the disk is full")
	_, err := search(t, 2, func(seed uint64) (*report.Run, error) {
		if seed == 5 {
			return nil, full
		}
		return clean(seed)
	}, clean)
	require.ErrorIs(t, err, full)

	bug, err := Read("sample", []byte(sample))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Search(ctx, bug, Config{Parallel: 2})
	require.ErrorIs(t, err, context.Canceled)
}

func TestWhatLooksLikeAFindingIsMeasured(t *testing.T) {
	explained := breaks("back-in-time")
	explained.Verdict.Results[0].Violations[0].Cause = &checker.Cause{Proofs: []checker.Proof{{Mechanism: "failover-to-stale-replica"}}}
	always := func(uint64) (*report.Run, error) { return explained, nil }
	every := func(n uint64) fake {
		return func(seed uint64) (*report.Run, error) {
			if seed%n == 0 {
				return explained, nil
			}
			return clean(seed)
		}
	}
	odd := func(seed uint64) (*report.Run, error) { return every(2)(seed + 1) }

	result, err := search(t, 1, always, clean)
	require.NoError(t, err)
	require.True(t, result.Caught, "without the bug no schedule breaks it")
	require.Equal(t, &Measured{With: report.Share{Broken: 5, Of: 5}, Without: report.Share{Of: 5}}, result.Measured)

	result, err = search(t, 1, every(100), clean)
	require.NoError(t, err)
	require.False(t, result.Caught, "no other schedule breaks it")
	require.Equal(t, []Taken{{0, "failover-to-stale-replica", Measured{report.Share{Of: 5}, report.Share{Of: 5}}}}, result.Taken)

	result, err = search(t, 1, every(2), odd)
	require.NoError(t, err)
	require.False(t, result.Caught, "without the bug as many schedules break it")
	require.Len(t, result.Taken, 50)
	require.Equal(t, Measured{report.Share{Broken: 10, Of: 20}, report.Share{Broken: 10, Of: 20}}, result.Taken[0].Measured)

	result, err = search(t, 1, always, always)
	require.NoError(t, err)
	require.False(t, result.Caught)
	require.Empty(t, result.Taken)
	require.Equal(t, result.Seeds, result.Known, "without the bug the plan breaks the property too")

	failing := func(seed uint64) (*report.Run, error) {
		if seed > 0 {
			return nil, &det.Failure{Kind: det.Crash}
		}
		return explained, nil
	}
	result, err = search(t, 1, failing, clean)
	require.NoError(t, err)
	require.False(t, result.Caught, "nothing is known of other schedules")
	require.Len(t, result.Taken, 1)
	require.Zero(t, result.Taken[0].With)
}
