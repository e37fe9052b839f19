package sim

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// wait and waitElsewhere start goroutines that wait.
func wait(over <-chan struct{}) { go func() { <-over }() }

func waitElsewhere(over <-chan struct{}) { go func() { <-over }() }

func TestGoroutines(t *testing.T) {
	outside := make(chan struct{})
	defer close(outside)
	wait(outside)
	synctest.Test(t, func(t *testing.T) {
		require.Empty(t, goroutines(), "those outside of the bubble do not count")
		over := make(chan struct{})
		wait(over)
		wait(over)
		waitElsewhere(over)
		synctest.Wait()
		require.Equal(t, map[string]int64{
			"github.com/meshcheck/meshcheck/sim.wait":          2,
			"github.com/meshcheck/meshcheck/sim.waitElsewhere": 1,
		}, goroutines())
		close(over)
		synctest.Wait()
		require.Empty(t, goroutines())
	})
}
