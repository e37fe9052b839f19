package planted

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	require.Equal(t, 0.0, median[int](nil))
	require.Equal(t, 2.0, median([]int{3, 1, 2}))
	require.Equal(t, 2.5, median([]int{4, 3, 1, 2}))
}
