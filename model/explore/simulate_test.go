package explore

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSimulationFindsOnlyWhatIsThere(t *testing.T) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		m := drawProgram(t)
		exact := mustCheck(t, m, plain)
		r, err := Simulate(t.Context(), m, SimulateOptions{Seed: 7, Walks: 30, MaxDepth: 40})
		require.NoError(t, err)
		assert.False(t, r.Finished)
		for i, o := range r.Outcomes {
			if o.Verdict == Unknown {
				assert.Nil(t, o.Trace)
				continue
			}
			found++
			assert.Equal(t, exact.Outcomes[i].Verdict, o.Verdict)
			require.NotNil(t, o.Trace)
			before, last := follow(t, m, o.Trace)
			switch p := m.props[i]; o.Kind {
			case Invariant:
				assert.Equal(t, Broken, o.Verdict)
				assert.False(t, p.p(&last))
			case Sometimes:
				assert.Equal(t, Holds, o.Verdict)
				assert.True(t, p.p(&last))
			case Transition:
				assert.Equal(t, Broken, o.Verdict)
				assert.False(t, p.step(&before, &last))
			}
		}
	})
	assert.Positive(t, found)
}

func TestSimulationIsDeterminedBySeed(t *testing.T) {
	run := func(seed uint64, workers int) *Result {
		r, err := Simulate(t.Context(), grid(40), SimulateOptions{Seed: seed, Walks: 50, MaxDepth: 100, Workers: workers})
		require.NoError(t, err)
		r.Stats.Elapsed = 0
		return r
	}
	a := run(1, 1)
	assert.Equal(t, a, run(1, 4))
	assert.NotEqual(t, a, run(2, 1))
	assert.Equal(t, Broken, a.Verdict())
	assert.Contains(t, a.Outcomes[0].Why, "of seed 1")
	assert.Equal(t, "50 random walks of at most 100 steps", a.Stopped)
}

func TestSimulationNeverPasses(t *testing.T) {
	m := New[cells]("still")
	m.Init(cells{})
	m.Invariant("true", func(*cells) bool { return true })
	m.Sometimes("false", func(*cells) bool { return false })
	m.Eventually("later", func(*cells) bool { return true })
	m.NoDeadlock("goes on", nil)
	r, err := Simulate(t.Context(), m, SimulateOptions{Walks: 5, MaxDepth: 5})
	require.NoError(t, err)
	assert.Equal(t, []Verdict{Unknown, Unknown, Unknown, Broken}, verdicts(r))
	assert.Contains(t, r.Outcomes[0].Why, "5 random walks")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err = Simulate(ctx, m, SimulateOptions{Walks: 5, MaxDepth: 5})
	require.NoError(t, err)
	assert.Contains(t, r.Stopped, "0 random walks of at most 5 steps, interrupted")

	_, err = Simulate(t.Context(), m, SimulateOptions{Walks: 0, MaxDepth: 5})
	assert.ErrorContains(t, err, "Walks 0")
}
