package draw

import (
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/internal/stream"
)

// A source is where the choices of a plan come from: a stream per purpose, keyed
// by the seed, or one stream of bits that rapid supplies, as in a fuzz test.
type source struct {
	seed uint64
	bits *rapid.T
}

// draw returns the value of a generator for a purpose and the numbers of the
// thing that it is for. With a seed every part of a plan has a stream of its own,
// so that adding a part, or a choice to a part, leaves the others as they were.
func draw[T any](from source, g *rapid.Generator[T], purpose string, numbers ...int) T {
	if from.bits != nil {
		return g.Draw(from.bits, purpose)
	}
	return g.Example(int(streamKey(from.seed, purpose, numbers...)))
}

func streamKey(seed uint64, purpose string, numbers ...int) uint64 {
	key := stream.New().Number(seed).Text(purpose)
	for _, n := range numbers {
		key = key.Number(uint64(n))
	}
	return key.Draw()
}

// uniform draws from 0 to n-1, each as likely as the others. Rapid's own ranges
// prefer small numbers and ends of a range: right for sizes, wrong for instants
// and hosts, which must be spread. Its coins are fair; 16 more of them than n
// needs keep the bias of the remainder below 1 in 65,536.
func uniform(t *rapid.T, n int, label string) int {
	var bits uint64
	for range bitsFor(n) + 16 {
		bits <<= 1
		if coin.Draw(t, label) {
			bits |= 1
		}
	}
	return int(bits % uint64(n))
}

func bitsFor(n int) (count int) {
	for n > 0 {
		n >>= 1
		count++
	}
	return count
}

// oneOf draws one of a few values, each as likely as the others.
func oneOf[T any](t *rapid.T, label string, values ...T) T {
	return values[uniform(t, len(values), label)]
}

var coin = rapid.Bool()
