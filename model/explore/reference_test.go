package explore

import (
	"fmt"
	"slices"
	"testing"

	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// tester is a *testing.T or a *rapid.T.
type tester interface {
	require.TestingT
	Helper()
}

func mustCheck[S any](t tester, m *Model[S], o Options) *Result {
	t.Helper()
	var r *Result
	var err error
	switch t := t.(type) {
	case *testing.T:
		r, err = Check(t.Context(), m, o)
	case *rapid.T:
		r, err = Check(t.Context(), m, o)
	}
	require.NoError(t, err)
	return r
}

// manyChecks is rapid.Check with twenty times as many draws.
func manyChecks(t *testing.T, f func(*rapid.T)) {
	for range 20 {
		rapid.Check(t, f)
	}
}

// naive explores a model with nothing but its functions and a Go map, for models
// whose states are comparable.
type naive[S comparable] struct {
	states  []S       // in breadth-first order
	depth   map[S]int // steps from the start
	deadend []S
	enabled map[string]bool
}

func explorePlainly[S comparable](m *Model[S]) *naive[S] {
	n := &naive[S]{depth: map[S]int{}, enabled: map[string]bool{}}
	see := func(s S, d int) {
		if _, ok := n.depth[s]; !ok {
			n.depth[s] = d
			n.states = append(n.states, s)
		}
	}
	for _, s := range m.init {
		see(s, 0)
	}
	for i := 0; i < len(n.states); i++ {
		s := n.states[i]
		stuck := true
		for _, a := range m.actions {
			choices := 1
			if a.count != nil {
				probe := s
				choices = a.count(&probe)
			}
			if probe := s; !a.open(&probe) {
				continue
			}
			for c := range choices {
				if next := s; a.step(&next, c) {
					stuck = false
					n.enabled[a.name] = true
					see(next, n.depth[s]+1)
				}
			}
		}
		if stuck {
			n.deadend = append(n.deadend, s)
		}
	}
	return n
}

// nearest returns the least depth of a state in which p is true, or -1.
func (n *naive[S]) nearest(p func(*S) bool) int {
	for _, s := range n.states {
		if p(&s) {
			return n.depth[s]
		}
	}
	return -1
}

// cells is the state of a drawn program.
type cells struct{ V [cellCount]uint8 }

const cellCount = 4

// values is the number of values of a cell.
const values = 3

// drawProgram draws a model of actions that test and set a few cells each, with
// its reads and writes declared.
func drawProgram(t *rapid.T) *Model[cells] {
	m := New[cells]("program")
	cell := rapid.IntRange(0, cellCount-1)
	value := rapid.Uint8Range(0, values-1)
	part := func(i int) string { return fmt.Sprintf("v%d", i) }
	m.Init(cells{})
	for i := range rapid.IntRange(2, 7).Draw(t, "actions") {
		guard := rapid.SliceOfN(cell, 0, 2).Draw(t, "guard")
		want := rapid.SliceOfN(value, len(guard), len(guard)).Draw(t, "want")
		target := rapid.SliceOfNDistinct(cell, 1, 2, rapid.ID).Draw(t, "target")
		source := rapid.SliceOfN(rapid.IntRange(-1, cellCount-1), len(target), len(target)).Draw(t, "source")
		plus := rapid.SliceOfN(value, len(target), len(target)).Draw(t, "plus")
		// The first of the tests are conditions, one may be left to the step.
		conditions := rapid.IntRange(max(0, len(guard)-1), len(guard)).Draw(t, "conditions")
		a := m.Action(fmt.Sprintf("A%d", i), func(s *cells) bool {
			if len(guard) > conditions && s.V[guard[conditions]] != want[conditions] {
				return false
			}
			old := *s
			for k, x := range target {
				s.V[x] = plus[k]
				if source[k] >= 0 {
					s.V[x] = (old.V[source[k]] + plus[k]) % values
				}
			}
			return true
		})
		for k, g := range guard {
			if k < conditions {
				a.When(part(g), func(s *cells) bool { return s.V[g] == want[k] })
			} else {
				a.Reads(part(g))
			}
		}
		for k, x := range target {
			a.Writes(part(x))
			if source[k] >= 0 {
				a.Reads(part(source[k]))
			}
		}
	}
	bad := rapid.SliceOfN(value, 2, 2).Draw(t, "bad")
	at := rapid.SliceOfNDistinct(cell, 2, 2, rapid.ID).Draw(t, "at")
	reached := func(s *cells) bool { return s.V[at[0]] == bad[0] && s.V[at[1]] == bad[1] }
	m.Invariant("never", func(s *cells) bool { return !reached(s) }).Reads(part(at[0]), part(at[1]))
	m.Sometimes("ever", reached).Reads(part(at[0]), part(at[1]))
	m.NoDeadlock("goes on", nil)
	m.Transition("kept", func(old, next *cells) bool { return !reached(old) || reached(next) }).Reads(part(at[0]), part(at[1]))
	return m
}

// verdicts lists the outcomes' verdicts.
func verdicts(r *Result) (v []Verdict) {
	for _, o := range r.Outcomes {
		v = append(v, o.Verdict)
	}
	return v
}

// follow checks that a trace of a drawn program is an execution of it, and
// returns its last two states.
func follow(t require.TestingT, m *Model[cells], tr *trace.Trace) (before, last cells) {
	last = cells{}
	for _, st := range tr.Steps {
		i := slices.IndexFunc(m.actions, func(a *Action[cells]) bool { return a.name == st.Action })
		require.GreaterOrEqual(t, i, 0, "unknown action %q", st.Action)
		before = last
		require.True(t, m.actions[i].open(&last) && m.actions[i].step(&last, 0), "%s is not enabled in %v", st.Action, before)
		require.Equal(t, trace.Diff(m.vars(&before), m.vars(&last)), st.Changes)
	}
	return before, last
}
