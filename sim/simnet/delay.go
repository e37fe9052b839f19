package simnet

import (
	"hash/fnv"
	"math/bits"
	"time"
)

// stream is a source of draws that are a pure function of the stream's key and
// the number of the draw.
type stream uint64

// newStream returns the stream of a seed, a purpose and what it is drawn for.
func newStream(seed uint64, purpose string, entities ...string) stream {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	for _, entity := range entities {
		h.Write([]byte{0}) // "a","bc" is not "ab","c"
		h.Write([]byte(entity))
	}
	return stream(mix(mix(seed) ^ h.Sum64()))
}

// draw returns the draw with a number.
func (s stream) draw(number uint64) uint64 {
	return mix(uint64(s) + (number+1)*0x9e3779b97f4a7c15)
}

// between returns the draw with a number, as a duration from low to high, both
// included.
func (s stream) between(number uint64, low, high time.Duration) time.Duration {
	share, _ := bits.Mul64(s.draw(number), uint64(high-low)+1)
	return low + time.Duration(share)
}

// mix is the output function of SplitMix64 (Steele, Lea and Flood, "Fast
// splittable pseudorandom number generators", 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
