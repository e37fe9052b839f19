package simnet

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestBufferIsAQueue compares a buffer with a plain slice.
func TestBufferIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b buffer[int]
		var want []int
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				items := rapid.SliceOfN(rapid.Int(), 0, 20).Draw(t, "items")
				b.push(items...)
				want = append(want, items...)
			},
			"drop": func(t *rapid.T) {
				count := rapid.IntRange(0, len(want)).Draw(t, "count")
				b.drop(count)
				want = want[count:]
			},
			"cut": func(t *rapid.T) {
				count := rapid.IntRange(0, len(want)).Draw(t, "count")
				b.cut(count)
				want = want[:count:count]
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(want), b.len())
				require.Equal(t, append([]int{}, want...), append([]int{}, b.all()...))
			},
		})
	})
}
