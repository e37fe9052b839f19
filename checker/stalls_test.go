package checker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
)

func TestStallsAreSummedUp(t *testing.T) {
	records, err := history.Parse(`1.000000000 a0 stall - f value=f.go:1 owner=g rev=1 from=0.999000000 bytes=7
2.000000000 a1 stall - f value=f.go:1 owner=g rev=2 from=1.900000000 bytes=7
2.000000000 r0 stall - f value=f.go:2 owner=g rev=1 from=1.999000000 bytes=9
`)
	require.NoError(t, err)
	require.Equal(t, &Stalls{Count: 3, Places: 2, Total: 102 * time.Millisecond, Longest: 100 * time.Millisecond, Host: "a1", Line: "f.go:1"}, stalls(records))
	require.Equal(t, "3 stalls at 2 places, 0.1 s in all; the longest, 100.0 ms, on a1 at f.go:1", stalls(records).String())
	require.Nil(t, stalls(nil))
}
