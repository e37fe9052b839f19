package reduction

import "math/bits"

// Reducer chooses, in a state, a part of the enabled actions such that what the
// others do can wait: the enabled part of a strong stubborn set (A. Valmari,
// "Stubborn sets for reduced state space generation", Advances in Petri Nets
// 1990, LNCS 483). That is a set of actions such that
//   - with an enabled action it has all that are dependent on it;
//   - with a disabled action it has all that may enable it, by changing what it
//     reads or, if one of its conditions is false, by making that one true.
//
// Nothing outside of it can then disable, enable or be in the way of what is in
// it. If it is not all that is enabled, no action in it is visible to a property,
// and one of its steps leads ahead, to a state that is explored later than this
// one: what is put off for ever would have to be put off in ever later states (D.
// Bosnacki, S. Leue, A. Lluch Lafuente, "Partial-order reduction for general state
// exploring algorithms", STTT 11(1), 2009). A Reducer is owned by one goroutine.
type Reducer[S any] struct {
	*Independence
	actions []*Action[S]
	enabled bitset
	forward bitset // enabled actions with a step that leads ahead
	set     bitset // stubborn set being built
	todo    []int
	best    bitset
	size    int // enabled actions in best
}

// NewReducer returns a reducer for the actions that the independence is of.
func NewReducer[S any](actions []*Action[S], ind *Independence) *Reducer[S] {
	n := len(actions)
	return &Reducer[S]{
		Independence: ind, actions: actions,
		enabled: newBitset(n), forward: newBitset(n), set: newBitset(n), best: newBitset(n),
	}
}

// Begin forgets the state before.
func (r *Reducer[S]) Begin() {
	clear(r.enabled)
	clear(r.forward)
}

// Enable notes that an action is enabled in the state. It returns whether it is not known
// yet that one of the action's steps leads ahead.
func (r *Reducer[S]) Enable(action int) bool {
	r.enabled.set(action)
	return !r.forward.has(action)
}

// Ahead notes that a step of the action leads ahead.
func (r *Reducer[S]) Ahead(action int) { r.forward.set(action) }

// Choose finds the smallest stubborn set in the state s, with each enabled action tried
// as its first. It returns false if all enabled actions must be followed.
func (r *Reducer[S]) Choose(s *S) bool {
	total := r.enabled.len()
	r.size = total
	r.enabled.each(func(first int) {
		if n, ok := r.close(s, first); ok && r.set.meets(r.forward) {
			r.size = n
			copy(r.best, r.set)
		}
	})
	return r.size < total
}

// Chosen reports whether an action is in the set that Choose found.
func (r *Reducer[S]) Chosen(action int) bool { return r.best.has(action) }

// close builds the stubborn set of one action and returns the number of enabled
// actions in it. It reports false if one of them is visible, or if the set is not
// smaller than the best so far.
func (r *Reducer[S]) close(s *S, first int) (n int, ok bool) {
	clear(r.set)
	r.set.set(first)
	r.todo = append(r.todo[:0], first)
	for len(r.todo) > 0 {
		a := r.todo[len(r.todo)-1]
		r.todo = r.todo[:len(r.todo)-1]
		var more bitset
		if r.enabled.has(a) {
			n++
			if n >= r.size || r.visible.has(a) {
				return n, false
			}
			more = r.dependent[a]
		} else {
			more = r.awaited(s, a)
		}
		for w := range more {
			for x := more[w] &^ r.set[w]; x != 0; x &= x - 1 {
				r.todo = append(r.todo, w<<6+bits.TrailingZeros64(x))
			}
			r.set[w] |= more[w]
		}
	}
	return n, true
}

// awaited returns actions of which one must happen before the disabled action a
// can be enabled. Of its false conditions it takes the one that brings the fewest
// enabled actions into the set, and of those the fewest actions.
func (r *Reducer[S]) awaited(s *S, a int) bitset {
	best := r.enabling[a]
	enabled, all := r.brings(best)
	for i, g := range r.actions[a].Guards {
		if g.OK(s) {
			continue
		}
		if e, n := r.brings(r.opening[a][i]); e < enabled || e == enabled && n < all {
			best, enabled, all = r.opening[a][i], e, n
		}
	}
	return best
}

// brings counts the enabled actions and the actions that a set would add.
func (r *Reducer[S]) brings(b bitset) (enabled, all int) {
	for w, x := range b {
		enabled += bits.OnesCount64(x & r.enabled[w] &^ r.set[w])
		all += bits.OnesCount64(x &^ r.set[w])
	}
	return enabled, all
}
