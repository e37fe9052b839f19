package reduction

import (
	"bytes"

	"github.com/meshcheck/meshcheck/model/explore/internal/codec"
)

// MaxPermuted is the greatest size of a set whose members Symmetry permutes.
const MaxPermuted = 6

// Symmetry is how the states of a model may be renamed.
type Symmetry[S any] struct {
	Canonical func(s *S)               // turns s into its representative; nil: none given
	Sizes     []int                    // of the sets that Permute permutes
	Permute   func(s *S, perm [][]int) // nil: none given
}

// Declared reports whether there is one.
func (y *Symmetry[S]) Declared() bool { return y.Canonical != nil || y.Permute != nil }

// Canonicalizer finds representatives. It is owned by one goroutine.
type Canonicalizer[S any] struct {
	sym   *Symmetry[S]
	mem   codec.Memory[S]
	state S
	perms [][][]int
	try   []byte
}

// NewCanonicalizer returns one for a symmetry that is declared.
func NewCanonicalizer[S any](y *Symmetry[S], c *codec.Codec[S]) *Canonicalizer[S] {
	z := &Canonicalizer[S]{sym: y, mem: c.Memory()}
	if y.Permute != nil {
		z.perms = renamings(y.Sizes)
	}
	return z
}

// AppendTo appends the encoding of the representative of the state that enc
// encodes. b must not overlap enc.
func (z *Canonicalizer[S]) AppendTo(b, enc []byte) []byte {
	if z.sym.Permute == nil {
		z.mem.Load(enc, &z.state)
		z.sym.Canonical(&z.state)
		return z.mem.Append(b, &z.state)
	}
	start := len(b)
	b = append(b, enc...)
	for _, perm := range z.perms {
		z.mem.Load(enc, &z.state)
		z.sym.Permute(&z.state, perm)
		z.try = z.mem.Append(z.try[:0], &z.state)
		if bytes.Compare(z.try, b[start:]) < 0 {
			b = append(b[:start], z.try...)
		}
	}
	return b
}

// renamings returns every combination of permutations of sets of the given
// sizes, without the identity, which comes first.
func renamings(sizes []int) [][][]int {
	all := [][][]int{nil}
	for _, n := range sizes {
		var more [][][]int
		for _, head := range all {
			for _, p := range permutations(n) {
				more = append(more, append(append([][]int(nil), head...), p))
			}
		}
		all = more
	}
	return all[1:]
}

// permutations returns the permutations of 0..n-1 in lexicographic order.
func permutations(n int) [][]int {
	var all [][]int
	perm, used := make([]int, 0, n), make([]bool, n)
	var extend func()
	extend = func() {
		if len(perm) == n {
			all = append(all, append([]int(nil), perm...))
			return
		}
		for i := range n {
			if used[i] {
				continue
			}
			used[i] = true
			perm = append(perm, i)
			extend()
			perm, used[i] = perm[:len(perm)-1], false
		}
	}
	extend()
	return all
}
