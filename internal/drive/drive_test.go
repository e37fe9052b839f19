package drive

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/sim/det"
)

func TestEachHandsEverySeedToDoneOnce(t *testing.T) {
	seeds := Seeds{First: 10, Last: 109}
	var running, most atomic.Int64
	work := func(_ context.Context, seed uint64) (uint64, error) {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer running.Add(-1)
		return 2 * seed, nil
	}
	got := map[uint64]uint64{}
	require.NoError(t, Each(t.Context(), seeds.All(), 3, work, func(seed, result uint64) error {
		got[seed] = result
		return nil
	}))
	require.Len(t, got, 100)
	for seed, result := range got {
		require.Equal(t, 2*seed, result)
	}
	require.LessOrEqual(t, most.Load(), int64(3))
}

func TestEachStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := 0
	err := Each(ctx, Seeds{Last: 1_000_000_000}.All(), 2, func(ctx context.Context, _ uint64) (bool, error) { return true, nil }, func(uint64, bool) error {
		if done++; done == 5 {
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.GreaterOrEqual(t, done, 5)
	require.Less(t, done, 10)
}

func TestEachEndsWithTheFirstError(t *testing.T) {
	var begun, dropped int
	items := func(yield func(int) bool) {
		for yield(begun) {
			begun++
		}
	}
	fails := func(_ context.Context, item int) (int, error) {
		if item == 3 {
			return 0, errors.New("item 3 is wrong")
		}
		return item, nil
	}
	err := Each(t.Context(), items, 1, fails, func(item, _ int) error {
		dropped = item
		return nil
	})
	require.EqualError(t, err, "item 3 is wrong")
	require.Equal(t, 3, begun)
	require.Equal(t, 2, dropped)

	begun = 0
	err = Each(t.Context(), items, 1, fails, func(int, int) error { return errors.New("the disk is full") })
	require.EqualError(t, err, "the disk is full")
	require.Equal(t, 0, begun)
}

func TestSeedsCount(t *testing.T) {
	require.Equal(t, 1, Seeds{First: 7, Last: 7}.Count())
	require.Equal(t, 1, Seeds{First: 1<<64 - 1, Last: 1<<64 - 1}.Count())
	require.Equal(t, 100, Seeds{Last: 99}.Count())
}

// A history that cannot be judged is a failure of the harness, not a verdict.
func TestMistakeIsAFailure(t *testing.T) {
	v := checker.Verdict{Results: []checker.Result{
		{Property: "integrity", Outcome: checker.Fail}, {Property: "staleness", Outcome: checker.Mistake, Evidence: "two algorithms disagree"},
	}}
	require.Equal(t, &det.Failure{Kind: det.Mistake, Message: "staleness cannot be judged: two algorithms disagree", Output: "staleness", History: []byte("h")},
		mistaken(v, []byte("h")))
}
