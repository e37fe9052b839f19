// Package liveness decides liveness properties under fairness on the state graph of a
// finished search.
//
// A liveness property is broken by a fair behaviour that its negation accepts.
// The automaton of each negation has two modes: in the first the property is not
// yet violated for good, in the second it is if the behaviour never leaves the
// second mode. So a behaviour that breaks the property enters the second mode at
// some state and from there goes for ever through states that may stay in it;
// since there are finitely many states, it ends in a strongly connected part of
// them, all of whose states and edges it may as well visit again and again.
// Whether fairness allows that depends on nothing but the part.
package liveness

// Negation is the automaton of the negation of a property whose predicates are given
// as bits among the atoms.
type Negation struct {
	// anywhere: the second mode may be entered at any state, else only at an
	// initial one.
	anywhere bool
	// enter and stay say, for the atoms of a state, whether the second mode may
	// be entered there and whether it may be kept.
	enter, stay func(atoms uint64) bool
	// again must be true of the atoms of a state that is visited again and again.
	again func(atoms uint64) bool
}

func always(uint64) bool { return true }

func not(x uint64) func(uint64) bool { return func(atoms uint64) bool { return atoms&x == 0 } }

// Never negates that p is eventually true.
func Never(p uint64) Negation { return Negation{false, not(p), not(p), always} }

// EventuallyNever negates that p is true again and again.
func EventuallyNever(p uint64) Negation { return Negation{true, not(p), not(p), always} }

// AgainNot negates that p is true from some time on for ever.
func AgainNot(p uint64) Negation { return Negation{false, always, always, not(p)} }

// Unanswered negates that p leads to q: at some time p is true, and from then on q never.
func Unanswered(p, q uint64) Negation {
	return Negation{true, func(atoms uint64) bool { return atoms&p != 0 && atoms&q == 0 }, not(q), always}
}

// product is the reachable part of graph x automaton, as far as needed: how each
// state is reached in the second mode, on a path as short as possible.
type product struct {
	g *Graph
	n Negation
	// first and second hold, by state, the state before it on a shortest path in
	// that mode; itself if the path begins there; none if there is no path. In
	// the second mode, entered says that the step into it was made in the first
	// mode at the same state.
	first, second []uint32
	entered       []bool
	dist          []uint32 // in the second mode, in steps
	trapped       []uint32 // all states reached in the second mode
}

// newProduct explores the product breadth-first.
func newProduct(g *Graph, n Negation) *product {
	p := &product{g: g, n: n, first: unreached(g), second: unreached(g),
		entered: make([]bool, g.states()), dist: make([]uint32, g.states())}
	var now, next []node
	for _, s := range g.init {
		if p.first[s] = s; n.enter(g.atoms[s]) {
			p.trap(s, s, 0, true)
			now = append(now, node{s, true})
		}
		now = append(now, node{s, false})
	}
	for dist := uint32(1); len(now) > 0; dist++ {
		next = next[:0]
		for _, from := range now {
			g.edges(from.state, func(to uint32, _ uint16) { next = p.step(from, to, dist, next) })
		}
		now, next = next, now
	}
	return p
}

// node is a state in the first or the second mode.
type node struct {
	state  uint32
	second bool
}

// step makes one step of the product and adds what is new to next.
func (p *product) step(from node, to, dist uint32, next []node) []node {
	atoms := p.g.atoms[to]
	if from.second {
		if p.second[to] == none && p.n.stay(atoms) {
			p.trap(to, from.state, dist, false)
			next = append(next, node{to, true})
		}
		return next
	}
	if p.n.anywhere && p.first[to] == none {
		p.first[to] = from.state
		next = append(next, node{to, false})
		if p.second[to] == none && p.n.enter(atoms) {
			p.trap(to, from.state, dist, true)
			next = append(next, node{to, true})
		}
	}
	return next
}

func (p *product) trap(s, from, dist uint32, entered bool) {
	p.second[s], p.dist[s], p.entered[s] = from, dist, entered
	p.trapped = append(p.trapped, s)
}

func unreached(g *Graph) []uint32 {
	a := make([]uint32, g.states())
	for i := range a {
		a[i] = none
	}
	return a
}

// stem returns the states of a shortest path to s in the second mode, with s.
func (p *product) stem(s uint32) []uint32 {
	var back []uint32
	second := true
	for {
		back = append(back, s)
		from := p.first[s]
		if second {
			from, second = p.second[s], !p.entered[s]
		}
		if from == s {
			break
		}
		s = from
	}
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return back
}
