package hosts

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the deterministic runtime makes of it is tested in sim/det (testdata/probe),
// and by every run: the network refuses who dials from another host than its own.
func TestRunOnGosOwnRuntime(t *testing.T) {
	failed := errors.New("failed")
	err := Run("a0", func() error {
		name, tracked := Current()
		require.Empty(t, name)
		require.False(t, tracked)
		return failed
	})
	require.ErrorIs(t, err, failed)
}

func TestNumbersStay(t *testing.T) {
	first := number("a1")
	require.NotZero(t, first, "zero is no host")
	require.NotEqual(t, first, number("a2"))
	require.Equal(t, first, number("a1"))
	require.NotEqual(t, first, NewProcess("a1"))
	require.Equal(t, first, number("a1"))
}
