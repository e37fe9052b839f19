package service

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Where clients choose themselves, the Service holds what is said of endpoints, and counts for
// faults who goes by something else than what is.
func TestTables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("mesh", 1, 2379, true)
		told := 0
		s.OnChange(func() { told++ })
		s.SetReady("r0", true)
		require.Equal(t, 1, told)
		require.True(t, s.Published("r0"))
		require.False(t, s.Published("r1"))

		named := s.Name("a0", []string{"r1"})
		require.Equal(t, 2, told)
		require.True(t, s.Published("r1"), "ready or not")
		s.Dialled("a0", "r0", []string{"r0", "r1"})
		s.Dialled("a0", "r1", []string{"r0", "r1"})
		require.EqualValues(t, 1, named())
		require.False(t, s.Published("r1"))

		require.Zero(t, s.Lag("a0"))
		late := s.Delay("a0", time.Minute)
		require.Equal(t, time.Minute, s.Lag("a0"))
		s.Dialled("a0", "r0", []string{"r0"})
		s.SetReady("r0", false)
		s.Dialled("a0", "r0", []string{"r0"})
		s.Dialled("a1", "r0", []string{"r0"})
		require.EqualValues(t, 1, late(), "a0 alone is late")
		require.Zero(t, s.Lag("a0"))
	})
}
