package liveness

// Lasso is an infinite behaviour: the fingerprints of the states of the stem, of which
// the last one begins the cycle, and the steps of the cycle, of which the last one
// leads to that state again. An empty cycle means that nothing happens any more.
type Lasso struct {
	Stem  []uint64
	Cycle []Step
}

// Step is a step of a cycle: the fingerprint of the state it leads to, and the action
// that makes it.
type Step struct {
	To     uint64
	Action int
}

// Violation returns a fair behaviour that the negation of a property accepts; nil if
// there is none.
func (g *Graph) Violation(n Negation) *Lasso {
	p := newProduct(g, n)
	t, c := p.fairTrap()
	if t == nil {
		return nil
	}
	var l Lasso
	stem, cycle := p.lasso(t, c)
	for _, s := range stem {
		l.Stem = append(l.Stem, g.fps[s])
	}
	for _, h := range cycle {
		l.Cycle = append(l.Cycle, Step{g.fps[h.to], int(h.action)})
	}
	return &l
}

// hop is a step as the graph has it: the state it leads to, and the action that makes it.
type hop struct {
	to     uint32
	action uint16
}

// lasso returns a behaviour that reaches a trap on a shortest path and then goes
// round in it, fairly. Each round visits, nearest first, what is still needed for
// it to be fair.
func (p *product) lasso(t *trap, c *components) (stem []uint32, cycle []hop) {
	entry := p.nearest(t)
	stem = p.stem(entry)
	if t.standing != none {
		return stem, nil
	}
	needs := p.needs(t, c)
	at := entry
	needs.visit(at)
	for needs.left() {
		cycle = append(cycle, p.walk(t, c, at, needs.serves)...)
		at = cycle[len(cycle)-1].to
		needs.take(cycle)
	}
	if at != entry {
		cycle = append(cycle, p.walk(t, c, at, func(h hop) bool { return h.to == entry })...)
	}
	return stem, cycle
}

// needs is what a cycle must still do to be fair and to violate the property.
type needs struct {
	g     *Graph
	step  []bool // by constraint: a step of it must be taken
	pause []bool // by constraint: a step of it must be taken, or it must be disabled in a state
	again func(atoms uint64) bool
	seen  bool // a state of which again is true was visited
}

func (p *product) needs(t *trap, c *components) *needs {
	u := p.usage(c, t)
	n := &needs{g: p.g, again: p.n.again, step: make([]bool, len(p.g.fair)), pause: make([]bool, len(p.g.fair))}
	for f, con := range p.g.fair {
		n.step[f] = con.Strong && u.enabled[f] > 0 || !con.Strong && u.enabled[f] == len(t.states)
		n.pause[f] = !con.Strong && !n.step[f]
	}
	return n
}

// left reports whether something is still needed.
func (n *needs) left() bool {
	if !n.seen {
		return true
	}
	for f := range n.step {
		if n.step[f] || n.pause[f] {
			return true
		}
	}
	return false
}

// visit notes that a state is on the cycle.
func (n *needs) visit(s uint32) {
	n.seen = n.seen || n.again(n.g.atoms[s])
	for f := range n.pause {
		n.pause[f] = n.pause[f] && !n.disabled(s, f)
	}
}

// take notes that steps are on the cycle.
func (n *needs) take(hops []hop) {
	for _, h := range hops {
		for _, f := range n.g.fairsOf[h.action] {
			n.step[f], n.pause[f] = false, false
		}
		n.visit(h.to)
	}
}

// serves reports whether a step does something that is needed.
func (n *needs) serves(h hop) bool {
	if !n.seen && n.again(n.g.atoms[h.to]) {
		return true
	}
	for _, f := range n.g.fairsOf[h.action] {
		if n.step[f] || n.pause[f] {
			return true
		}
	}
	for f := range n.pause {
		if n.pause[f] && n.disabled(h.to, f) {
			return true
		}
	}
	return false
}

// disabled reports whether no action of a constraint is enabled in s.
func (n *needs) disabled(s uint32, f int) bool {
	enabled := false
	n.g.enabled(s, func(e int) { enabled = enabled || e == f })
	return !enabled
}

// walk returns a shortest path within a trap from a state to a step that serves.
// There is one, since the trap is strongly connected and fair.
func (p *product) walk(t *trap, c *components, from uint32, serves func(hop) bool) []hop {
	type visit struct {
		hop
		back int // index of the visit before
	}
	seen := map[uint32]bool{from: true}
	queue := []visit{{hop{to: from}, -1}}
	for i := 0; ; i++ {
		end := -1
		p.g.edges(queue[i].to, func(to uint32, action uint16) {
			if end >= 0 || c.comp[to] != t.comp {
				return
			}
			h := hop{to, action}
			if serves(h) {
				queue = append(queue, visit{h, i})
				end = len(queue) - 1
			} else if !seen[to] {
				seen[to] = true
				queue = append(queue, visit{h, i})
			}
		})
		if end < 0 {
			continue
		}
		var path []hop
		for ; end > 0; end = queue[end].back {
			path = append(path, queue[end].hop)
		}
		for a, b := 0, len(path)-1; a < b; a, b = a+1, b-1 {
			path[a], path[b] = path[b], path[a]
		}
		return path
	}
}
