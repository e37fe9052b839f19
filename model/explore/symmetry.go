package explore

import "bytes"

// Canonical declares that the model is symmetric and how: f turns s into the
// representative of the states that differ from it only by a renaming, such as
// the one with its agents in sorted order. Of two states f must make the same
// one only if a renaming of the model turns one into the other. Making more than
// one representative for them costs only speed. Properties must not tell such
// states apart. Model.Audit tests f.
func (m *Model[S]) Canonical(f func(s *S)) { m.canonical = f }

// Symmetry declares that the members of some sets (agents, replicas, objects) may
// be renamed at will, and lets the explorer find the representative: the least
// encoding under all renamings. The sets have the given sizes, at most 6 each;
// permute renames member i of set k to perm[k][i] everywhere in s. Each state
// costs as many calls as there are renamings. Otherwise it is as Canonical.
func (m *Model[S]) Symmetry(sizes []int, permute func(s *S, perm [][]int)) {
	m.sizes, m.permute = sizes, permute
}

// symmetric reports whether the model has declared a symmetry.
func (m *Model[S]) symmetric() bool { return m.canonical != nil || m.permute != nil }

// canonicalizer finds representatives. It is owned by one goroutine.
type canonicalizer[S any] struct {
	m     *Model[S]
	mem   memory[S]
	state S
	perms [][][]int
	try   []byte
}

func newCanonicalizer[S any](m *Model[S], c *codec[S]) *canonicalizer[S] {
	z := &canonicalizer[S]{m: m, mem: c.memory()}
	if m.permute != nil {
		z.perms = renamings(m.sizes)
	}
	return z
}

// appendTo appends the encoding of the representative of the state that enc
// encodes. b must not overlap enc.
func (z *canonicalizer[S]) appendTo(b, enc []byte) []byte {
	if z.m.permute == nil {
		z.mem.load(enc, &z.state)
		z.m.canonical(&z.state)
		return z.mem.append(b, &z.state)
	}
	start := len(b)
	b = append(b, enc...)
	for _, perm := range z.perms {
		z.mem.load(enc, &z.state)
		z.m.permute(&z.state, perm)
		z.try = z.mem.append(z.try[:0], &z.state)
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
