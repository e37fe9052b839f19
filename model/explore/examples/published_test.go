package examples

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/explore"
)

// exhaustive explores without reductions, as the others have.
var exhaustive = explore.Options{NoSymmetry: true, NoPartialOrder: true}

func check[S any](t *testing.T, m *explore.Model[S], o explore.Options) *explore.Result {
	t.Helper()
	r, err := explore.Check(t.Context(), m, o)
	require.NoError(t, err)
	return r
}

// published is what TLC prints: states generated, distinct states, and the depth
// of the graph, which counts states where explore counts steps.
type published struct {
	generated, distinct int64
	depth               int
}

func assertPublished(t *testing.T, want published, r *explore.Result) {
	t.Helper()
	assert.Equal(t, want, published{r.Stats.Generated, r.Stats.Distinct, r.Stats.Depth + 1}, "%v", r)
}

// https://github.com/tlaplus/Examples at 32a32c7, specifications/
// transaction_commit/manifest.json, TwoPhase.cfg (3 resource managers): success,
// 288 distinct states, 1146 states, depth 11.
//
// https://github.com/stateright/stateright at ab8c8be, examples/2pc.rs, line 188
// (5 resource managers): 8,832 states, "consistent" holds.
func TestTwoPhase(t *testing.T) {
	r := check(t, TwoPhase(3), exhaustive)
	assertPublished(t, published{1146, 288, 11}, r)
	assert.Equal(t, explore.Holds, r.Verdict())
	assert.Empty(t, r.Dead)

	r = check(t, TwoPhase(5), exhaustive)
	assert.EqualValues(t, 8832, r.Stats.Distinct)
	assert.Equal(t, explore.Holds, r.Verdict())
}

// https://github.com/tlaplus/Examples at 32a32c7, specifications/DieHard/
// manifest.json, DieHard.cfg: safety failure; the solution has 6 steps. Without the
// invariant TLC prints "97 states generated, 16 distinct states found" and "depth
// of the complete state graph search is 8", as tutorials quote it. 16 are the
// pairs of 0 to 5 and 0 to 3 gallons in which a jug is full or empty.
func TestDieHard(t *testing.T) {
	r := check(t, DieHard(), exhaustive)
	assertPublished(t, published{97, 16, 8}, r)
	o := r.Outcome("not solved")
	assert.Equal(t, explore.Broken, o.Verdict)
	assert.Len(t, o.Trace.Steps, 6)
}

// https://github.com/tlaplus/Examples at 32a32c7, specifications/
// DiningPhilosophers/manifest.json, DiningPhilosophers.cfg (5 philosophers):
// success, 67 distinct states, 336 states, depth 29; its properties are
// ExclusiveAccess and, under weak fairness of each philosopher, NobodyStarves.
func TestCleanForks(t *testing.T) {
	r := check(t, CleanForks(5, true), exhaustive)
	assertPublished(t, published{336, 67, 29}, r)
	assert.Equal(t, explore.Holds, r.Verdict(), "%v", r)

	r = check(t, CleanForks(5, false), exhaustive)
	o := r.Outcome("p0 does not starve")
	assert.Equal(t, explore.Broken, o.Verdict, "without fairness nobody need move")
	assert.Empty(t, o.Trace.Steps)
	assert.Zero(t, o.Trace.Loop)
}

// https://github.com/tlaplus/Examples at 32a32c7, specifications/
// PaxosHowToWinATuringAward/manifest.json, MCPaxosTiny.cfg (3 acceptors, 2
// values, 2 ballots): success, 3921 distinct states, depth 17.
func TestPaxos(t *testing.T) {
	r := check(t, Paxos(2, 2), exhaustive)
	assert.EqualValues(t, 3921, r.Stats.Distinct)
	assert.Equal(t, 17, r.Stats.Depth+1)
	assert.Equal(t, explore.Holds, r.Verdict(), "%v", r)
}

// https://github.com/stateright/stateright at ab8c8be, examples/
// linearizable-register.rs, lines 266-293 (2 clients, 2 servers): 544 states,
// linearizable, and "value chosen" after 11 deliveries.
func TestABD(t *testing.T) {
	r := check(t, ABD(2, 0, 2, true), exhaustive)
	assert.EqualValues(t, 544, r.Stats.Distinct)
	assert.Equal(t, explore.Holds, r.Verdict(), "%v", r)
	assert.Len(t, r.Outcome("value chosen").Trace.Steps, 11)
}
