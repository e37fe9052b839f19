package sim

import (
	"encoding/binary"
	"hash/fnv"
)

// streamAt returns the n-th number of the stream for a purpose and an entity:
// streams do not disturb each other.
func streamAt(seed uint64, purpose, entity string, n int) uint64 {
	h := fnv.New64a()
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], seed)
	binary.LittleEndian.PutUint64(b[8:], uint64(n))
	h.Write(b[:])
	h.Write([]byte(purpose + "\x00" + entity))
	// FNV's low bits are weak for short inputs: mix them (splitmix64's finalizer).
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
