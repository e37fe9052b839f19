package explore

import (
	"fmt"
	"math/bits"
)

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

// independence is what a model's declarations say about pairs of actions.
type independence struct {
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

// newIndependence derives the relations from what actions and properties read
// and write. It returns nil if there can be no reduction; the string says why if
// the model has declared something nevertheless.
func newIndependence[S any](m *Model[S], props []*Property[S]) (*independence, string) {
	names, declared := parts{}, false
	for _, a := range m.actions {
		declared = declared || a.declared
		names.add(a.reads)
		names.add(a.writes)
	}
	if !declared {
		return nil, ""
	}
	for _, p := range props {
		if p.kind != NoDeadlock && len(p.reads) == 0 {
			return nil, fmt.Sprintf("partial-order reduction is off: the property %q does not declare what it reads", p.name)
		}
		names.add(p.reads)
	}
	n := len(m.actions)
	reads, writes := make([]bitset, n), make([]bitset, n)
	for i, a := range m.actions {
		reads[i], writes[i] = names.set(a.reads...), names.set(a.writes...)
	}
	// touching returns the actions that may change some of the parts.
	touching := func(set bitset) bitset {
		b := newBitset(n)
		for i, a := range m.actions {
			if !a.declared || writes[i].meets(set) {
				b.set(i)
			}
		}
		return b
	}
	ind := &independence{visible: newBitset(n)}
	for i, a := range m.actions {
		dependent, enabling := newBitset(n), touching(reads[i])
		for j, b := range m.actions {
			if i == j || !a.declared || !b.declared || writes[i].meets(reads[j]) || writes[j].meets(reads[i]) || writes[i].meets(writes[j]) {
				dependent.set(j)
			}
			if !a.declared {
				enabling.set(j)
			}
		}
		var opening []bitset
		for _, g := range a.guards {
			opening = append(opening, touching(names.set(g.part)))
		}
		ind.dependent, ind.enabling, ind.opening = append(ind.dependent, dependent), append(ind.enabling, enabling), append(ind.opening, opening)
	}
	for _, p := range props {
		// A reduced set of steps is never empty where the full one is not, so
		// deadlocks need no care.
		if p.kind != NoDeadlock {
			touching(names.set(p.reads...)).each(ind.visible.set)
		}
	}
	return ind, ""
}
