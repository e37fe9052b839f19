package liveness

// trap is a strongly connected set of states, without an exit in the second mode,
// that a fair behaviour violating the property may visit for ever.
type trap struct {
	comp   uint32
	states []uint32
	// standing, if not none, is a state at which the behaviour may even stop.
	standing uint32
}

// fairTrap decides whether a fair behaviour can stay in the second mode of the
// product for ever, and returns the trap that is nearest to the start. The
// components are left as they were found, so that trap.comp is valid.
//
// A component is fair if every constraint of fairness either has a step within
// it, or is disabled often enough: for weak fairness in some state of it, for
// strong fairness in all. A component that fails a weak constraint has no fair
// part, since the constraint is enabled everywhere in it. One that fails only
// strong constraints may have fair parts without the states where these are
// enabled: the parts are decomposed in turn.
func (p *product) fairTrap() (*trap, *components) {
	c := newComponents(p.g)
	regions := [][]uint32{p.trapped}
	for _, s := range p.trapped {
		c.region[s] = 1
	}
	var best *trap
	for i := 0; i < len(regions); i++ {
		c.forget(regions[i])
		c.find(regions[i], func(comp uint32, states []uint32) {
			t := &trap{comp: comp, states: states, standing: none}
			switch rest, verdict := p.judge(c, t); {
			case verdict == fairPart:
				if best == nil || p.dist[p.nearest(t)] < p.dist[p.nearest(best)] {
					best = t
				}
			case verdict == unfairPart && len(rest) > 0:
				regions = append(regions, rest)
				for _, s := range rest {
					c.region[s] = uint32(len(regions))
				}
			}
		})
	}
	return best, c
}

// nearest returns the state of a trap that is closest to the start, or the state
// at which the behaviour may stop.
func (p *product) nearest(t *trap) uint32 {
	if t.standing != none {
		return t.standing
	}
	near := t.states[0]
	for _, s := range t.states {
		if p.dist[s] < p.dist[near] || p.dist[s] == p.dist[near] && s < near {
			near = s
		}
	}
	return near
}

type judgement int

const (
	unfairAll  judgement = iota // the component has no fair part
	unfairPart                  // the rest may have one
	fairPart                    // it is fair
)

// judge decides whether a component is fair, and if not, which of its states may
// still be part of a fair one.
func (p *product) judge(c *components, t *trap) (rest []uint32, j judgement) {
	again := false
	for _, s := range t.states {
		again = again || p.n.again(p.g.atoms[s])
	}
	if !again {
		return nil, unfairAll
	}
	u := p.usage(c, t)
	failed := make([]bool, len(p.g.fair)) // strong constraints
	fails := false
	for f, con := range p.g.fair {
		switch {
		case u.taken[f]:
		case con.Strong:
			failed[f] = u.enabled[f] > 0
			fails = fails || failed[f]
		case u.enabled[f] == len(t.states):
			return nil, unfairAll
		}
	}
	if !fails {
		p.findStanding(t)
		return nil, fairPart
	}
	for _, s := range t.states {
		blocked := false
		p.g.enabled(s, func(f int) { blocked = blocked || failed[f] })
		if !blocked {
			rest = append(rest, s)
		}
	}
	return rest, unfairPart
}

// usage is how the constraints fare in a component.
type usage struct {
	enabled []int  // by constraint: in how many states
	taken   []bool // by constraint: by a step within the component
}

func (p *product) usage(c *components, t *trap) usage {
	u := usage{make([]int, len(p.g.fair)), make([]bool, len(p.g.fair))}
	for _, s := range t.states {
		p.g.enabled(s, func(f int) { u.enabled[f]++ })
		p.g.edges(s, func(to uint32, action uint16) {
			if c.comp[to] == t.comp {
				for _, f := range p.g.fairsOf[action] {
					u.taken[f] = true
				}
			}
		})
	}
	return u
}

// enabled calls ask once with each constraint of which an action is enabled in s.
func (g *Graph) enabled(s uint32, ask func(f int)) {
	g.asked++
	g.edges(s, func(_ uint32, action uint16) {
		for _, f := range g.fairsOf[action] {
			if g.asker[f] != g.asked {
				g.asker[f] = g.asked
				ask(f)
			}
		}
	})
}

// findStanding looks for a state of a trap in which no fairness constraint is
// enabled: the simplest way to stay for ever is to do nothing there.
func (p *product) findStanding(t *trap) {
	for _, s := range t.states {
		moves := false
		p.g.enabled(s, func(int) { moves = true })
		if moves || !p.n.again(p.g.atoms[s]) {
			continue
		}
		if t.standing == none || p.dist[s] < p.dist[t.standing] || p.dist[s] == p.dist[t.standing] && s < t.standing {
			t.standing = s
		}
	}
}
