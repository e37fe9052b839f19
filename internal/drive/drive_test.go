package drive

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachHandsEverySeedToDoneOnce(t *testing.T) {
	seeds := Seeds{First: 10, Last: 109}
	var running, most atomic.Int64
	work := func(_ context.Context, seed uint64) uint64 {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer running.Add(-1)
		return 2 * seed
	}
	got := map[uint64]uint64{}
	Each(t.Context(), seeds, 3, work, func(seed, result uint64) { got[seed] = result })
	require.Len(t, got, 100)
	for seed, result := range got {
		require.Equal(t, 2*seed, result)
	}
	require.LessOrEqual(t, most.Load(), int64(3))
}

func TestEachStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := 0
	Each(ctx, Seeds{Last: 1_000_000_000}, 2, func(ctx context.Context, _ uint64) bool { return true }, func(uint64, bool) {
		if done++; done == 5 {
			cancel()
		}
	})
	require.GreaterOrEqual(t, done, 5)
	require.Less(t, done, 10)
}

func TestSeedsCount(t *testing.T) {
	require.Equal(t, 1, Seeds{First: 7, Last: 7}.Count())
	require.Equal(t, 1, Seeds{First: 1<<64 - 1, Last: 1<<64 - 1}.Count())
	require.Equal(t, 100, Seeds{Last: 99}.Count())
}
