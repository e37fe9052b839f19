package sim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
)

// A run whose processes are stopped as they should be leaves nothing behind, and
// its history ends with it.
func TestNothingIsLeft(t *testing.T) {
	p := quiet(t, 1)
	p.Topology.Operators = 2
	h := play(t, p)
	require.Equal(t, "settled", ends(t, h))
	require.Len(t, times(h, verb(history.Left)), 1)
	last := h.Records[len(h.Records)-1]
	last.At = 0
	require.Equal(t, history.Record{Actor: "world", Verb: history.Left}, last, "what is left is nothing")
}
