package liveness

import (
	"math"

	"github.com/meshcheck/meshcheck/model/explore/internal/states"
)

// Graph is the state graph: states are numbered by ascending fingerprint, which
// does not depend on the order of exploration.
type Graph struct {
	fps    []uint64 // by state
	bucket []uint32 // first state whose fingerprint begins with the bits of the index
	shift  uint

	start  []uint64 // edges of the state i are start[i] to start[i+1]
	to     []uint32
	action []uint16
	atoms  []uint64 // by state: which atoms are true
	init   []uint32

	// constraints of fairness, and by action those that it is part of.
	fair    []Constraint
	fairsOf [][]int
	// asker holds, by constraint, the call of enabled that last met it, and asked
	// counts the calls.
	asker []uint64
	asked uint64
}

// Constraint is a fairness constraint on some actions together: weak, or strong.
type Constraint struct {
	Strong  bool
	Actions []int
}

func (g *Graph) states() int { return len(g.fps) }

// Size is how many states and edges the graph has.
func (g *Graph) Size() (states, edges int) { return len(g.fps), len(g.to) }

// edges calls f with each edge of a state.
func (g *Graph) edges(s uint32, f func(to uint32, action uint16)) {
	for e := g.start[s]; e < g.start[s+1]; e++ {
		f(g.to[e], g.action[e])
	}
}

// index returns the number of the state with that fingerprint, which must exist.
func (g *Graph) index(fp uint64) uint32 {
	i := g.bucket[fp>>g.shift]
	for g.fps[i] != fp {
		i++
	}
	return i
}

// Bytes is what a graph and one analysis of it take.
func Bytes(states, edges int64) int64 {
	const perState = 8 + 4 + 8 + 8 + 4*9 // fps, bucket, start, atoms, and the search's and Tarjan's arrays
	return states*perState + edges*6
}

// New makes the graph of a finished search of a model with so many actions.
func New(t *states.Table, logs []*Log, actions int, fair []Constraint) *Graph {
	n := int(t.Len())
	g := &Graph{fps: make([]uint64, 0, n), start: make([]uint64, n+1), atoms: make([]uint64, n)}
	t.All(func(s states.Slot) {
		if s.Round() == 0 {
			g.init = append(g.init, uint32(len(g.fps)))
		}
		g.fps = append(g.fps, s.FP)
	})
	g.makeBuckets()
	g.fair, g.fairsOf, g.asker = fair, make([][]int, actions), make([]uint64, len(fair))
	for f, c := range fair {
		for _, a := range c.Actions {
			g.fairsOf[a] = append(g.fairsOf[a], f)
		}
	}
	for _, l := range logs {
		l.states(func(fp, atoms uint64, n int, _ func(func(uint64, int))) {
			i := g.index(fp)
			g.start[i+1] = uint64(n)
			g.atoms[i] = atoms
		})
	}
	for i := range n {
		g.start[i+1] += g.start[i]
	}
	g.to, g.action = make([]uint32, g.start[n]), make([]uint16, g.start[n])
	for _, l := range logs {
		l.states(func(fp, _ uint64, _ int, edges func(func(uint64, int))) {
			at := g.start[g.index(fp)]
			edges(func(to uint64, action int) {
				g.to[at], g.action[at] = g.index(to), uint16(action)
				at++
			})
		})
	}
	return g
}

// makeBuckets prepares index: about one state to a bucket.
func (g *Graph) makeBuckets() {
	width := uint(1)
	for 1<<width < len(g.fps) {
		width++
	}
	g.shift = 64 - width
	g.bucket = make([]uint32, 1<<width)
	for i := len(g.fps) - 1; i >= 0; i-- {
		g.bucket[g.fps[i]>>g.shift] = uint32(i)
	}
}

// MaxStates is the number of states that a graph can have.
const MaxStates = none - 1

// none marks the absence of a state.
const none = math.MaxUint32
