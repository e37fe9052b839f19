package explore

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// plain turns reductions off.
var plain = Options{NoSymmetry: true, NoPartialOrder: true}

func TestSearchAgreesWithPlainExploration(t *testing.T) {
	manyChecks(t, func(t *rapid.T) {
		m := drawProgram(t)
		want := explorePlainly(m)
		o := plain
		o.Search = rapid.SampledFrom([]Search{BreadthFirst, DepthFirst}).Draw(t, "search")
		r := mustCheck(t, m, o)
		assert.True(t, r.Finished)
		assert.EqualValues(t, len(want.states), r.Stats.Distinct)
		assert.EqualValues(t, 0, r.Stats.Waiting)

		ever := r.Outcome("ever")
		at := want.nearest(m.props[1].p)
		assert.Equal(t, at >= 0, ever.Verdict == Holds)
		assert.Equal(t, at >= 0, r.Outcome("never").Verdict == Broken)
		if at >= 0 {
			_, last := follow(t, m, ever.Trace)
			assert.True(t, m.props[1].p(&last), "the witness ends where it should")
			if o.Search == BreadthFirst {
				assert.Len(t, ever.Trace.Steps, at, "the witness is as short as can be")
				assert.Equal(t, want.depth[want.states[len(want.states)-1]], r.Stats.Depth)
			}
		}
		assert.Equal(t, len(want.deadend) > 0, r.Outcome("goes on").Verdict == Broken)
		if kept := r.Outcome("kept"); kept.Verdict == Broken {
			before, last := follow(t, m, kept.Trace)
			assert.False(t, m.props[3].step(&before, &last))
		}
		for _, a := range m.actions {
			assert.Equal(t, !want.enabled[a.name], contains(r.Dead, a.name))
		}
	})
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// grid is a model of two counters, large enough for several workers.
func grid(n uint16) *Model[struct{ X, Y uint16 }] {
	type state = struct{ X, Y uint16 }
	m := New[state]("grid")
	m.Init(state{})
	m.Action("Right", func(s *state) bool { s.X++; return s.X < n || undo(&s.X) })
	m.Action("Up", func(s *state) bool { s.Y++; return s.Y < n || undo(&s.Y) })
	m.Invariant("not there", func(s *state) bool { return s.X+s.Y != n || s.X%3 != 1 })
	m.Transition("not that way", func(old, next *state) bool { return old.X != n/2 || next.X == old.X })
	return m
}

func undo(x *uint16) bool { *x--; return false }

func TestResultsDoNotDependOnWorkers(t *testing.T) {
	for _, search := range []Search{BreadthFirst, DepthFirst} {
		for _, o := range []Options{{}, {FirstBroken: true}, {MaxDepth: 100}, {MaxStates: 20_000}, {Memory: 2 << 20}} {
			t.Run(fmt.Sprintf("search %d %+v", search, o), func(t *testing.T) {
				o.Search = search
				var first *Result
				for workers := 1; workers <= 5; workers++ {
					o.Workers = workers
					r := mustCheck(t, grid(300), o)
					r.Stats.Elapsed = 0
					if first == nil {
						first = r
					}
					assert.Equal(t, first, r, "%d workers", workers)
				}
				assert.Equal(t, first.Finished, o.MaxDepth == 0 && o.MaxStates == 0 && o.Memory == 0 && !o.FirstBroken)
			})
		}
	}
}

func TestUnfinishedSearchNeverPasses(t *testing.T) {
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("lunch"))
	for name, c := range map[string]struct {
		ctx  context.Context
		o    Options
		want string
	}{
		"depth":     {t.Context(), Options{MaxDepth: 10}, "10 steps from the start"},
		"states":    {t.Context(), Options{MaxStates: 50}, "MaxStates 50"},
		"memory":    {t.Context(), Options{Memory: 50_000}, "memory bound"},
		"cancelled": {cancelled, Options{}, "lunch"},
	} {
		t.Run(name, func(t *testing.T) {
			type state struct{ N int }
			m := New[state]("count")
			m.Init(state{})
			m.Action("Up", func(s *state) bool { s.N++; return true })
			m.Action("Double", func(s *state) bool { s.N *= 2; return true })
			m.Invariant("natural", func(s *state) bool { return s.N >= 0 })
			m.Sometimes("negative", func(s *state) bool { return s.N < 0 })
			m.Eventually("a thousand", func(s *state) bool { return s.N >= 1000 })
			m.NoDeadlock("goes on", nil)
			r, err := Check(c.ctx, m, c.o)
			require.NoError(t, err)
			assert.False(t, r.Finished)
			assert.Contains(t, r.Stopped, c.want)
			assert.Equal(t, Unknown, r.Verdict())
			assert.Equal(t, []Verdict{Unknown, Unknown, Unknown, Unknown}, verdicts(r))
			assert.Empty(t, r.Dead)
			assert.Positive(t, r.Stats.Waiting)
		})
	}
}

func TestSearchWithoutPropertiesIsUnknownUntilFinished(t *testing.T) {
	m := New[cells]("nothing claimed")
	m.Init(cells{})
	m.Action("Up", func(s *cells) bool { s.V[0] = (s.V[0] + 1) % 9; return true })
	assert.Equal(t, Holds, mustCheck(t, m, Options{}).Verdict())
	assert.Equal(t, Unknown, mustCheck(t, m, Options{MaxDepth: 3}).Verdict())
}

func TestFirstBrokenStopsAtThatDepth(t *testing.T) {
	r := mustCheck(t, grid(300), Options{FirstBroken: true})
	assert.Equal(t, 151, r.Stats.Depth)
	assert.Equal(t, Broken, r.Outcome("not that way").Verdict)
	assert.Equal(t, Unknown, r.Outcome("not there").Verdict)
	assert.Equal(t, Broken, r.Verdict())
}

func TestDepthFirstGoesDeepAndWaitsLess(t *testing.T) {
	type state struct{ N uint32 }
	m := New[state]("binary tree")
	m.Init(state{1})
	m.Action("Left", func(s *state) bool { s.N *= 2; return s.N < 1<<20 || undoLeft(&s.N) })
	m.Action("Right", func(s *state) bool {
		if s.N >= 1<<19 {
			return false
		}
		s.N = 2*s.N + 1
		return true
	})
	m.Invariant("no leaf 3 mod 4", func(s *state) bool { return s.N < 1<<19 || s.N%4 != 3 })
	deep := mustCheck(t, m, Options{Search: DepthFirst, FirstBroken: true})
	broad := mustCheck(t, m, Options{FirstBroken: true})
	assert.Equal(t, []Verdict{Broken, Broken}, append(verdicts(deep), verdicts(broad)...))
	assert.Less(t, deep.Stats.Distinct, int64(5000))
	assert.Less(t, deep.Stats.Waiting, int64(2000))
	assert.Greater(t, broad.Stats.Distinct, int64(500_000))
}

func undoLeft(n *uint32) bool { *n /= 2; return false }

func TestProgress(t *testing.T) {
	var calls []Progress
	r := mustCheck(t, grid(600), Options{Progress: func(p Progress) { calls = append(calls, p) }, ProgressEvery: time.Millisecond})
	require.NotEmpty(t, calls)
	last := calls[len(calls)-1]
	assert.Equal(t, r.Stats.Generated, last.Generated)
	assert.Equal(t, r.Stats.Distinct, last.Distinct)
	assert.Zero(t, last.Queue)
	assert.Contains(t, last.String(), "360000 distinct")
	for i := 1; i < len(calls); i++ {
		assert.GreaterOrEqual(t, calls[i].Generated, calls[i-1].Generated)
	}
}

func TestPanicsOfAModelAreErrors(t *testing.T) {
	m := New[cells]("faulty")
	m.Init(cells{})
	m.Action("Up", func(s *cells) bool { s.V[0]++; return true })
	m.Action("Index(7)", func(s *cells) bool { return s.V[int(s.V[0])] > 0 })
	_, err := Check(t.Context(), m, Options{})
	assert.ErrorContains(t, err, `model "faulty" panicked in the action Index(7) (choice 0) from the state {V:[4 0 0 0]}`)
	assert.ErrorContains(t, err, "index out of range")
}

func TestNondeterministicModelIsAnError(t *testing.T) {
	m := New[cells]("fickle")
	m.Init(cells{})
	calls := uint8(0)
	m.Action("Count", func(s *cells) bool { calls++; s.V[0] = calls; return true })
	m.Invariant("small", func(s *cells) bool { return s.V[0] < 5 })
	_, err := Check(t.Context(), m, Options{Workers: 1, FirstBroken: true})
	assert.ErrorContains(t, err, "cannot be reached a second time")
}

func TestWrongModelsAndOptionsAreErrors(t *testing.T) {
	up := func(s *cells) bool { s.V[0] = 1; return true }
	ok := func(*cells) bool { return true }
	for want, build := range map[string]func(m *Model[cells]) Options{
		"no initial state":              func(m *Model[cells]) Options { m.init = nil; return Options{} },
		`two actions named "Up"`:        func(m *Model[cells]) Options { m.Action("Up", up); return Options{} },
		`two properties named "p"`:      func(m *Model[cells]) Options { m.Invariant("p", ok); m.Sometimes("p", ok); return Options{} },
		`has no property "q"`:           func(m *Model[cells]) Options { return Options{Properties: []string{"q"}} },
		"none may be negative":          func(m *Model[cells]) Options { return Options{MaxDepth: -1} },
		"neither BreadthFirst":          func(m *Model[cells]) Options { return Options{Search: 7} },
		`the action "Other" of another`: func(m *Model[cells]) Options { m.WeakFair(New[cells]("x").Action("Other", up)); return Options{} },
		"both a Canonical and a Symmetry": func(m *Model[cells]) Options {
			m.Canonical(func(*cells) {})
			m.Symmetry(nil, func(*cells, [][]int) {})
			return Options{}
		},
		"sizes [7], each must have 1 to 6": func(m *Model[cells]) Options { m.Symmetry([]int{7}, func(*cells, [][]int) {}); return Options{} },
		"have 65 predicates, at most 64": func(m *Model[cells]) Options {
			for i := range 65 {
				m.Eventually(fmt.Sprint(i), ok)
			}
			return Options{}
		},
	} {
		m := New[cells]("m")
		m.Init(cells{})
		m.Action("Up", up)
		_, err := Check(t.Context(), m, build(m))
		assert.ErrorContains(t, err, want)
	}
	_, err := Check(t.Context(), func() *Model[struct{ F func() }] {
		m := New[struct{ F func() }]("m")
		m.Init(struct{ F func() }{})
		return m
	}(), Options{})
	assert.ErrorContains(t, err, "cannot be part of a state")
}
