// Package stream gives numbers that are a pure function of what they are drawn for: a
// seed, a purpose, an entity. Streams do not disturb each other: who draws more, or for
// one thing more, leaves what others draw as it was.
package stream

// Key names a stream, or one draw of it, by all that was appended to it in order. It is
// the hash FNV-1a.
type Key uint64

// The constants of FNV-1a with 64 bits.
const (
	offset Key = 14695981039346656037
	prime  Key = 1099511628211
)

// New returns the key of nothing.
func New() Key { return offset }

// Text appends a text. Texts run into each other: "a", "bc" is "ab", "c".
func (k Key) Text(text string) Key {
	for i := range len(text) {
		k = (k ^ Key(text[i])) * prime
	}
	return k
}

// Number appends a number, as eight bytes.
func (k Key) Number(x uint64) Key {
	for range 8 {
		k = (k ^ Key(x&0xff)) * prime
		x >>= 8
	}
	return k
}

// Draw returns the number of the key, all of whose bits depend on all of the key: FNV
// alone leaves the keys of neighbouring seeds alike.
func (k Key) Draw() uint64 { return Mix(uint64(k)) }

// Mix is the output function of SplitMix64 (Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", 2014).
func Mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
