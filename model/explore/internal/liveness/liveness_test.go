package liveness

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/explore/internal/states"
)

// The predicates of the states below, and the actions of their edges.
const p, q = 1, 2

const (
	step = iota
	spin
	actions
)

// edge is one of a state graph whose states have the numbers 1, 2, ... as fingerprints.
type edge struct {
	from, to uint64
	action   int
}

// graph makes the graph in which state i+1 has the i-th atoms. State 1 is initial.
func graph(t *testing.T, atoms []uint64, edges []edge, fair ...Constraint) *Graph {
	var table states.Table
	t.Cleanup(table.Free)
	log := &Log{}
	for i, a := range atoms {
		fp := uint64(i + 1)
		table.Insert(fp, 0, uint64(i)) // round 0 is that of initial states
		var out []edge
		for _, e := range edges {
			if e.from == fp {
				out = append(out, e)
			}
		}
		log.State(fp, a, len(out))
		for _, e := range out {
			log.Edge(e.to, e.action)
		}
	}
	g := New(&table, []*Log{log}, actions, fair)
	n, m := g.Size()
	require.Equal(t, []int{len(atoms), len(edges)}, []int{n, m})
	return g
}

// Without fairness a behaviour may stop anywhere.
func TestStopping(t *testing.T) {
	edges := []edge{{1, 2, step}}
	require.Equal(t, &Lasso{Stem: []uint64{1}}, graph(t, []uint64{0, p}, edges).Violation(Never(p)))
	require.Nil(t, graph(t, []uint64{0, p}, edges, Constraint{Actions: []int{step}}).Violation(Never(p)))
	require.Nil(t, graph(t, []uint64{p, 0}, edges).Violation(Never(p)), "it is true at the start")
}

// A step that is enabled all the time is taken under weak fairness; one that is enabled again
// and again only under strong fairness.
func TestFairness(t *testing.T) {
	always := []edge{{1, 2, spin}, {2, 1, spin}, {1, 3, step}, {2, 3, step}}
	again := []edge{{1, 2, spin}, {2, 1, spin}, {2, 3, step}}
	weak := []Constraint{{Actions: []int{step}}, {Actions: []int{spin}}}
	strong := []Constraint{{Strong: true, Actions: []int{step}}, {Actions: []int{spin}}}
	atoms := []uint64{0, 0, p}
	require.Nil(t, graph(t, atoms, always, weak...).Violation(Never(p)))
	require.Nil(t, graph(t, atoms, again, strong...).Violation(Never(p)))
	l := graph(t, atoms, again, weak...).Violation(Never(p))
	require.Equal(t, &Lasso{Stem: []uint64{1}, Cycle: []Step{{2, spin}, {1, spin}}}, l)
}

// Each negation finds the behaviour that breaks its property, and none where it holds.
func TestNegations(t *testing.T) {
	fair := Constraint{Actions: []int{step}}
	round := []edge{{1, 2, step}, {2, 1, step}}
	ends := []edge{{1, 2, step}, {2, 3, step}}
	for _, test := range []struct {
		name     string
		atoms    []uint64
		edges    []edge
		negation Negation
		broken   *Lasso
	}{
		{"again and again", []uint64{p, 0}, round, EventuallyNever(p), nil},
		{"not again", []uint64{0, p, 0}, ends, EventuallyNever(p), &Lasso{Stem: []uint64{1, 2, 3}}},
		{"for ever", []uint64{0, 0, p}, ends, AgainNot(p), nil},
		{"not for ever", []uint64{p, 0}, round, AgainNot(p), &Lasso{Stem: []uint64{1}, Cycle: []Step{{2, step}, {1, step}}}},
		{"answered", []uint64{p, 0, q}, ends, Unanswered(p, q), nil},
		{"answered at once", []uint64{0, 0, p | q}, ends, Unanswered(p, q), nil},
		{"unanswered", []uint64{q, p, 0}, ends, Unanswered(p, q), &Lasso{Stem: []uint64{1, 2, 3}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.broken, graph(t, test.atoms, test.edges, fair).Violation(test.negation))
		})
	}
}
