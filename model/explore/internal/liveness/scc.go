package liveness

// components finds the strongly connected components of parts of a graph, by
// Tarjan's algorithm without recursion. A state without a cycle through it is a
// component of its own.
type components struct {
	g *Graph
	// region of each state; edges between states of different regions do not
	// exist. Zero: the state is in no region.
	region []uint32
	// comp is the number of the component that a state is in, once known.
	comp  []uint32
	count uint32

	order   []uint32 // by state: when it was first visited, from 1; zero: not yet
	low     []uint32 // by state: the least order known to be reachable
	visited uint32
	stack   []uint32
	frames  []frame
}

// frame is a state whose edges are being followed.
type frame struct {
	state uint32
	edge  uint64
}

func newComponents(g *Graph) *components {
	n := g.states()
	return &components{
		g: g, region: make([]uint32, n), comp: make([]uint32, n),
		order: make([]uint32, n), low: make([]uint32, n),
	}
}

// find calls f with each component of the region of the given states, which are
// all of its states and not yet visited. f may keep the states, and may put them
// into another region.
func (c *components) find(states []uint32, f func(comp uint32, states []uint32)) {
	for _, s := range states {
		if c.order[s] == 0 {
			c.visit(s, f)
		}
	}
}

// forget makes states unvisited.
func (c *components) forget(states []uint32) {
	for _, s := range states {
		c.order[s], c.comp[s] = 0, 0
	}
}

func (c *components) open(s uint32) {
	c.visited++
	c.order[s], c.low[s] = c.visited, c.visited
	c.stack = append(c.stack, s)
	c.frames = append(c.frames, frame{s, c.g.start[s]})
}

func (c *components) visit(root uint32, f func(comp uint32, states []uint32)) {
	region := c.region[root]
	c.open(root)
	for len(c.frames) > 0 {
		top := &c.frames[len(c.frames)-1]
		s := top.state
		if top.edge < c.g.start[s+1] {
			t := c.g.to[top.edge]
			top.edge++
			switch {
			case c.comp[t] != 0 || c.region[t] != region:
			case c.order[t] == 0:
				c.open(t)
			default:
				c.low[s] = min(c.low[s], c.order[t])
			}
			continue
		}
		c.frames = c.frames[:len(c.frames)-1]
		if len(c.frames) > 0 {
			up := c.frames[len(c.frames)-1].state
			c.low[up] = min(c.low[up], c.low[s])
		}
		if c.low[s] == c.order[s] {
			states := c.close(s)
			f(c.count, states)
		}
	}
}

// close takes a component, of which s was visited first, off the stack.
func (c *components) close(s uint32) []uint32 {
	c.count++
	i := len(c.stack) - 1
	for c.stack[i] != s {
		i--
	}
	states := append([]uint32(nil), c.stack[i:]...)
	c.stack = c.stack[:i]
	for _, t := range states {
		c.comp[t] = c.count
	}
	return states
}
