package explore

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// spot is the state of a drawn graph: its number.
type spot struct{ At uint8 }

// drawn is a graph of few states with labelled edges, predicates and fairness,
// small enough that a reference may try everything.
type drawn struct {
	n     int
	init  []int
	edges [][3]int // action, from, to
	p, q  uint     // sets of states
	fair  []drawnFairness
}

type drawnFairness struct {
	strong  bool
	actions []int
}

const drawnActions = 3

func drawGraph(t *rapid.T) *drawn {
	g := &drawn{n: rapid.IntRange(1, 6).Draw(t, "states")}
	state := rapid.IntRange(0, g.n-1)
	action := rapid.IntRange(0, drawnActions-1)
	g.init = rapid.SliceOfNDistinct(state, 1, 2, rapid.ID).Draw(t, "init")
	for range rapid.IntRange(0, 3*g.n).Draw(t, "edges") {
		g.edges = append(g.edges, [3]int{action.Draw(t, "action"), state.Draw(t, "from"), state.Draw(t, "to")})
	}
	g.p = rapid.UintRange(0, 1<<g.n-1).Draw(t, "p")
	g.q = rapid.UintRange(0, 1<<g.n-1).Draw(t, "q")
	for range rapid.IntRange(0, 3).Draw(t, "constraints") {
		g.fair = append(g.fair, drawnFairness{rapid.Bool().Draw(t, "strong"), rapid.SliceOfNDistinct(action, 1, 2, rapid.ID).Draw(t, "of")})
	}
	return g
}

func (g *drawn) model() *Model[spot] {
	m := New[spot]("drawn")
	for _, i := range g.init {
		m.Init(spot{uint8(i)})
	}
	var actions []*Action[spot]
	for a := range drawnActions {
		actions = append(actions, m.Choice(strconv.Itoa(a), func(*spot) int { return len(g.edges) }, func(s *spot, i int) bool {
			e := g.edges[i]
			if e[0] != a || e[1] != int(s.At) {
				return false
			}
			s.At = uint8(e[2])
			return true
		}))
	}
	for _, f := range g.fair {
		var of []*Action[spot]
		for _, a := range f.actions {
			of = append(of, actions[a])
		}
		if f.strong {
			m.StrongFair(of...)
		} else {
			m.WeakFair(of...)
		}
	}
	p := func(s *spot) bool { return g.p>>s.At&1 != 0 }
	q := func(s *spot) bool { return g.q>>s.At&1 != 0 }
	m.Eventually(string(Eventually), p)
	m.AlwaysEventually(string(AlwaysEventually), p)
	m.EventuallyAlways(string(EventuallyAlways), p)
	m.LeadsTo(string(LeadsTo), p, q)
	return m
}

// reach returns the states reachable from a set within a set.
func (g *drawn) reach(from, within uint) uint {
	for old := uint(0); old != from; {
		old = from
		for _, e := range g.edges {
			if from>>e[1]&1 != 0 && within>>e[2]&1 != 0 {
				from |= 1 << e[2]
			}
		}
	}
	return from
}

// fairSet reports whether a fair behaviour can visit exactly the states of a set
// again and again.
func (g *drawn) fairSet(set uint) bool {
	for s := range g.n {
		if set>>s&1 != 0 && g.reach(1<<s, set) != set {
			return false
		}
	}
	for _, f := range g.fair {
		taken, enabled := false, uint(0)
		for _, e := range g.edges {
			if e[1] != e[2] && slices.Contains(f.actions, e[0]) && set>>e[1]&1 != 0 {
				enabled |= 1 << e[1]
				taken = taken || set>>e[2]&1 != 0
			}
		}
		if !taken && (f.strong && enabled != 0 || !f.strong && enabled == set) {
			return false
		}
	}
	return true
}

// breaks decides a property by trying every set of states as that which a
// behaviour visits again and again.
func (g *drawn) breaks(k Kind) bool {
	all := uint(1)<<g.n - 1
	init := uint(0)
	for _, i := range g.init {
		init |= 1 << i
	}
	reachable := g.reach(init, all)
	var region uint // states that may be reached once the property is violated for good
	switch k {
	case Eventually:
		region = g.reach(init&^g.p, all&^g.p)
	case AlwaysEventually:
		region = reachable &^ g.p
	case EventuallyAlways:
		region = reachable
	case LeadsTo:
		region = g.reach(reachable&g.p&^g.q, all&^g.q)
	}
	for set := uint(1); set <= all; set++ {
		if set&^region == 0 && (k != EventuallyAlways || set&^g.p != 0) && g.fairSet(set) {
			return true
		}
	}
	return false
}

// assertViolates checks that a trace is a fair behaviour that violates a property.
func (g *drawn) assertViolates(t require.TestingT, k Kind, tr *trace.Trace) {
	at, err := strconv.Atoi(tr.Start[0].Value)
	require.NoError(t, err)
	require.Contains(t, g.init, at)
	states, actions := []int{at}, []int{}
	for _, st := range tr.Steps {
		name, _, _ := strings.Cut(st.Action, " ")
		a, _ := strconv.Atoi(name)
		require.Len(t, st.Changes, 1, "no step of a lasso stutters")
		to, err := strconv.Atoi(st.Changes[0].To)
		require.NoError(t, err)
		require.Contains(t, g.edges, [3]int{a, at, to})
		at = to
		states, actions = append(states, at), append(actions, a)
	}
	require.Equal(t, states[tr.Loop], at, "the cycle is closed")
	cycle := uint(0)
	for _, s := range states[tr.Loop:] {
		cycle |= 1 << s
	}
	for _, f := range g.fair {
		taken, enabled := false, uint(0)
		for _, a := range actions[tr.Loop:] {
			taken = taken || slices.Contains(f.actions, a)
		}
		for _, e := range g.edges {
			if e[1] != e[2] && slices.Contains(f.actions, e[0]) {
				enabled |= 1 << e[1] & cycle
			}
		}
		assert.True(t, taken || f.strong && enabled == 0 || !f.strong && enabled != cycle, "the cycle is fair to %+v", f)
	}
	in := func(set uint) func(int) bool { return func(s int) bool { return set>>s&1 != 0 } }
	switch k {
	case Eventually:
		assert.False(t, slices.ContainsFunc(states, in(g.p)))
	case AlwaysEventually:
		assert.Zero(t, cycle&g.p)
	case EventuallyAlways:
		assert.NotZero(t, cycle&^g.p)
	case LeadsTo:
		pending := false
		for _, s := range states {
			pending = (pending || in(g.p)(s)) && !in(g.q)(s)
		}
		assert.True(t, pending)
		assert.Zero(t, cycle&g.q)
	}
}

func TestLivenessAgreesWithTryingEverything(t *testing.T) {
	count := map[string]int{}
	defer func() { t.Logf("verdicts: %v", count) }()
	manyChecks(t, func(t *rapid.T) {
		g := drawGraph(t)
		r := mustCheck(t, g.model(), Options{})
		for _, o := range r.Outcomes {
			want := Holds
			if g.breaks(o.Kind) {
				want = Broken
				require.NotNil(t, o.Trace, "%s", o.Kind)
				g.assertViolates(t, o.Kind, o.Trace)
			}
			require.Equal(t, want, o.Verdict, "%s in %+v", o.Kind, g)
			count[fmt.Sprint(o.Kind, want)]++
		}
	})
	for _, k := range []Kind{Eventually, AlwaysEventually, EventuallyAlways, LeadsTo} {
		assert.Positive(t, count[fmt.Sprint(k, Holds)], "some draw holds: %v", count)
		assert.Positive(t, count[fmt.Sprint(k, Broken)], "some draw is broken: %v", count)
	}
}

func TestLivenessDoesNotDependOnWorkersOrSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawGraph(t).model()
		a := mustCheck(t, m, Options{Workers: 1})
		b := mustCheck(t, m, Options{Workers: 4})
		c := mustCheck(t, m, Options{Search: DepthFirst})
		assert.Equal(t, a.Outcomes, b.Outcomes)
		assert.Equal(t, verdicts(a), verdicts(c))
	})
}

func TestStrongFairnessInsideALargerComponent(t *testing.T) {
	// Around the ring the exit is enabled in state 0 only, so weak fairness of it
	// is satisfied elsewhere on the ring, and strong fairness is not.
	type ring struct{ At int }
	build := func(strong bool) *Model[ring] {
		m := New[ring]("ring")
		m.Init(ring{})
		step := m.Action("Step", func(s *ring) bool {
			if s.At > 4 {
				return false
			}
			s.At = (s.At + 1) % 5
			return true
		})
		exit := m.Action("Exit", func(s *ring) bool {
			if s.At != 0 {
				return false
			}
			s.At = 9
			return true
		})
		m.WeakFair(step)
		if strong {
			m.StrongFair(exit)
		} else {
			m.WeakFair(exit)
		}
		m.Eventually("out", func(s *ring) bool { return s.At == 9 })
		return m
	}
	assert.Equal(t, Holds, mustCheck(t, build(true), Options{}).Verdict())
	r := mustCheck(t, build(false), Options{})
	require.Equal(t, Broken, r.Verdict())
	assert.Equal(t, "counterexample of a cycle of 5 steps", r.Outcomes[0].Why)
}

func TestLivenessNeedsMemoryForItsGraph(t *testing.T) {
	m := grid(200)
	m.Eventually("far", func(s *struct{ X, Y uint16 }) bool { return s.X == 199 })
	r := mustCheck(t, m, Options{Memory: 5 << 20, Properties: []string{"far"}})
	assert.True(t, r.Finished)
	assert.Equal(t, Unknown, r.Verdict())
	assert.Contains(t, r.Outcomes[0].Why, "the graph of 40000 states and 79600 steps takes")
}

func TestSymmetryIsOffForLiveness(t *testing.T) {
	m := New[crowd]("crowd")
	m.Init(crowd{})
	m.Action("Move(0)", func(s *crowd) bool { s.Place[0] = 1; return true })
	m.Symmetry([]int{crowdSize}, permuteCrowd)
	m.Eventually("moved", func(s *crowd) bool { return bits.OnesCount8(s.Place[0]) == 1 })
	r := mustCheck(t, m, Options{})
	assert.Empty(t, r.Reductions)
	assert.Equal(t, []string{"symmetry reduction is off: fairness tells the members of a symmetric set apart"}, r.Notes)
	assert.Equal(t, Broken, r.Verdict())
	assert.Contains(t, r.Outcomes[0].Why, "counterexample of 0 steps, after which nothing happens")
}
