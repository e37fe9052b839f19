package simnet

import (
	"math/bits"
	"time"

	"github.com/meshcheck/meshcheck/internal/stream"
)

// draws are numbers of a stream, each a function of the stream and its own number.
type draws uint64

// newDraws returns the draws of a seed, for a purpose and what they are for.
func newDraws(seed uint64, purpose string, entities ...string) draws {
	key := stream.New().Text(purpose)
	for _, entity := range entities {
		key = key.Text("\x00").Text(entity) // "a","bc" is not "ab","c"
	}
	return draws(stream.Mix(stream.Mix(seed) ^ uint64(key)))
}

// draw returns the draw with a number.
func (d draws) draw(number uint64) uint64 {
	return stream.Mix(uint64(d) + (number+1)*0x9e3779b97f4a7c15)
}

// between returns the draw with a number, as a duration from low to high, both
// included.
func (d draws) between(number uint64, low, high time.Duration) time.Duration {
	share, _ := bits.Mul64(d.draw(number), uint64(high-low)+1)
	return low + time.Duration(share)
}
