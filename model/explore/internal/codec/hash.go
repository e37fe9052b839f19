package codec

import (
	"encoding/binary"
	"math/bits"
)

// Odd constants with about as many ones as zeros: the fractions of the golden
// ratio, of the square roots of 2 and 3, and of pi.
const (
	mixPhi   = 0x9e3779b97f4a7c15
	mixRoot2 = 0x6a09e667f3bcc909
	mixRoot3 = 0xbb67ae8584caa73b
	mixPi    = 0x243f6a8885a308d3
)

// Fingerprint returns a 64-bit hash of a state's encoding, never zero. It is the
// same in every process: the choice among several shortest counterexamples rests
// on it. Of n distinct encodings two share a fingerprint with a probability of
// about n*n/2^65.
func Fingerprint(b []byte) uint64 {
	h := uint64(len(b))*mixPhi ^ mixPi
	for ; len(b) >= 16; b = b[16:] {
		h = absorb(h, binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]))
	}
	if len(b) > 0 {
		var tail [16]byte
		copy(tail[:], b)
		h = absorb(h, binary.LittleEndian.Uint64(tail[:]), binary.LittleEndian.Uint64(tail[8:]))
	}
	h = multiply(h^mixRoot2, mixRoot3) ^ h
	h = multiply(h^mixPi, mixPhi)
	return max(h, 1)
}

// absorb mixes two words into h. The old h is kept in the sum, since a product
// with a factor of zero would forget it.
func absorb(h, a, b uint64) uint64 {
	return multiply(a^h^mixRoot2, b^bits.RotateLeft64(h, 32)^mixRoot3) + bits.RotateLeft64(h, 23)
}

// multiply returns the two halves of the 128-bit product, folded.
func multiply(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
