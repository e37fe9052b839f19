// Package reduction says which of the next states a search may leave out: by partial
// order, where actions are independent, and by symmetry, where states differ only by
// a renaming.
package reduction

import "math/bits"

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset    { return make(bitset, (n+63)/64) }
func (b bitset) has(i int) bool { return b[i>>6]>>(i&63)&1 != 0 }
func (b bitset) set(i int)      { b[i>>6] |= 1 << (i & 63) }

func (b bitset) meets(c bitset) bool {
	for i := range b {
		if b[i]&c[i] != 0 {
			return true
		}
	}
	return false
}

func (b bitset) len() (n int) {
	for _, x := range b {
		n += bits.OnesCount64(x)
	}
	return n
}

func (b bitset) each(f func(i int)) {
	for w, x := range b {
		for ; x != 0; x &= x - 1 {
			f(w<<6 + bits.TrailingZeros64(x))
		}
	}
}

// Action is what a model declares about one of its actions.
type Action[S any] struct {
	Declared      bool // else it is taken to read and write everything
	Reads, Writes []string
	Guards        []Guard[S]
}

// Guard is a condition without which an action is not enabled. It depends on no other
// part of the state than the one named.
type Guard[S any] struct {
	Part string
	OK   func(s *S) bool
}

// Independence is what a model's declarations say about pairs of actions.
type Independence struct {
	// dependent, by action: the actions that do not commute with it, or that
	// may enable or disable it.
	dependent []bitset
	// enabling, by action: all actions that may enable it.
	enabling []bitset
	// opening, by action and its conditions: all actions that may make the
	// condition true.
	opening [][]bitset
	// visible are the actions that may change what a checked property reads.
	visible bitset
}

// parts numbers the names of parts of the state.
type parts map[string]int

func (p parts) add(names []string) {
	for _, n := range names {
		if _, ok := p[n]; !ok {
			p[n] = len(p)
		}
	}
}

func (p parts) set(names ...string) bitset {
	b := newBitset(len(p))
	for _, n := range names {
		b.set(p[n])
	}
	return b
}

// NewIndependence derives the relations from what actions and properties read and
// write; properties are what each of them reads.
func NewIndependence[S any](actions []*Action[S], properties [][]string) *Independence {
	names := parts{}
	for _, a := range actions {
		names.add(a.Reads)
		names.add(a.Writes)
	}
	for _, reads := range properties {
		names.add(reads)
	}
	n := len(actions)
	reads, writes := make([]bitset, n), make([]bitset, n)
	for i, a := range actions {
		reads[i], writes[i] = names.set(a.Reads...), names.set(a.Writes...)
	}
	// touching returns the actions that may change some of the parts.
	touching := func(set bitset) bitset {
		b := newBitset(n)
		for i, a := range actions {
			if !a.Declared || writes[i].meets(set) {
				b.set(i)
			}
		}
		return b
	}
	ind := &Independence{visible: newBitset(n)}
	for i, a := range actions {
		dependent, enabling := newBitset(n), touching(reads[i])
		for j, b := range actions {
			if i == j || !a.Declared || !b.Declared || writes[i].meets(reads[j]) || writes[j].meets(reads[i]) || writes[i].meets(writes[j]) {
				dependent.set(j)
			}
			if !a.Declared {
				enabling.set(j)
			}
		}
		var opening []bitset
		for _, g := range a.Guards {
			opening = append(opening, touching(names.set(g.Part)))
		}
		ind.dependent, ind.enabling, ind.opening = append(ind.dependent, dependent), append(ind.enabling, enabling), append(ind.opening, opening)
	}
	for _, reads := range properties {
		touching(names.set(reads...)).each(ind.visible.set)
	}
	return ind
}

// Independent reports whether two actions commute and neither enables nor disables the
// other.
func (ind *Independence) Independent(a, b int) bool { return !ind.dependent[a].has(b) }

// Visible reports whether an action may change what a property reads.
func (ind *Independence) Visible(action int) bool { return ind.visible.has(action) }

// Opens reports whether an action may change a condition of another one.
func (ind *Independence) Opens(action, other, guard int) bool {
	return ind.opening[other][guard].has(action)
}
