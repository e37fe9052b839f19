package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/coverage"
)

// Go's fuzzer keeps an input if it makes code run that did not run before, or made
// it run in another power of two of times: it counts in each block of the test's
// own process. A world runs in another process, so that what it reached would be
// invisible. Here each coverage mark has a block of its own, a function that does
// nothing of use, which is run as often as the coverage mark was reached: a coverage mark that
// was never reached, and one that was reached twice as often as ever, are new
// coverage. They are separate functions in the source because each has its own
// counter only then.

// mostHits is the greatest count that is shown: counters have eight bits.
const mostHits = 128

// showCoverage runs the blocks of the coverage marks that a run has reached.
func showCoverage(reached []int) {
	for i, times := range reached {
		for range min(times, mostHits) {
			blocks[i]()
		}
	}
}

// hits counts runs of blocks, so that they are not empty.
var hits int

var blocks = [...]func(){
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
	func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ }, func() { hits++ },
}

func TestEachMarkHasABlock(t *testing.T) {
	require.LessOrEqual(t, len(coverage.New(faultKinds()).Marks()), len(blocks))
	hits = 0
	reached := make([]int, len(blocks))
	for i := range reached {
		reached[i] = 1
	}
	reached[7], reached[9] = 0, 3*mostHits
	showCoverage(reached)
	require.Equal(t, len(blocks)-2+mostHits, hits)
}

// Package coverage names some kinds of faults, of which it knows nothing else.
func TestMarksNameKindsThatExist(t *testing.T) {
	for _, kind := range []string{"partition", "partition-group", "partition-ring", "black-hole", "pause", "writer-pause", "etcd-compaction"} {
		require.Contains(t, faultKinds(), kind)
	}
}
