package examples

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/explore"
)

func TestModelsKeepTheirPromises(t *testing.T) {
	require.NoError(t, TwoPhase(4).Audit(5000))
	require.NoError(t, DieHard().Audit(100))
	require.NoError(t, CleanForks(5, true).Audit(1000))
	require.NoError(t, Philosophers(5, false).Audit(1000))
	require.NoError(t, Philosophers(5, true).Audit(1000))
	require.NoError(t, Paxos(2, 2).Audit(2000))
	require.NoError(t, ABD(2, 0, 3, true).Audit(2000))
}

// A reader may be told a value that only one server has, and another one, later,
// not find it any more: Attiya, Bar-Noy and Dolev let readers write for that.
func TestABDReadersMustTell(t *testing.T) {
	o := check(t, ABD(1, 2, 3, false), explore.Options{FirstBroken: true}).Outcome("linearizable")
	require.Equal(t, explore.Broken, o.Verdict, o.Why)
	assert.Len(t, o.Trace.Steps, 13)
	t.Logf("%v", o.Trace)

	o = check(t, ABD(1, 2, 3, true), explore.Options{MaxDepth: 13}).Outcome("linearizable")
	assert.Equal(t, explore.Unknown, o.Verdict, "no counterexample within 13 steps: %s", o.Why)
}

func TestPaxosNeedsQuorumsThatMeet(t *testing.T) {
	r := check(t, Paxos(2, 1), explore.Options{FirstBroken: true})
	o := r.Outcome("one value is chosen")
	require.Equal(t, explore.Broken, o.Verdict, "%v", r)
	t.Logf("%v", o.Trace)
}

func TestPartialOrderReducesPhilosophers(t *testing.T) {
	o := explore.Options{NoSymmetry: true, Properties: []string{"nobody waits for ever"}}
	r := check(t, Philosophers(7, false), o)
	assert.Equal(t, []string{"partial order"}, r.Reductions)
	assert.Less(t, r.Stats.Distinct, int64(2186), "of 3^7-1 states")
}

func TestPhilosophersDeadlock(t *testing.T) {
	for n := 2; n <= 6; n++ {
		r := check(t, Philosophers(n, false), explore.Options{})
		o := r.Outcome("nobody waits for ever")
		require.Equal(t, explore.Broken, o.Verdict)
		assert.Len(t, o.Trace.Steps, n, "each takes one fork")
		assert.Equal(t, explore.Holds, r.Outcome("neighbours do not eat at once").Verdict)

		r = check(t, Philosophers(n, true), explore.Options{})
		assert.Equal(t, explore.Holds, r.Verdict(), "%v", r)
	}
}

// variants are the ways to explore a model that must all give the same verdicts.
var variants = map[string]explore.Options{
	"plain":                         {NoSymmetry: true, NoPartialOrder: true},
	"symmetry":                      {NoPartialOrder: true},
	"partial order":                 {NoSymmetry: true},
	"symmetry and partial order":    {},
	"depth-first":                   {Search: explore.DepthFirst, NoSymmetry: true, NoPartialOrder: true},
	"depth-first symmetry":          {Search: explore.DepthFirst, NoPartialOrder: true},
	"depth-first partial order":     {Search: explore.DepthFirst, NoSymmetry: true},
	"depth-first with both reduced": {Search: explore.DepthFirst},
}

func TestReductionsKeepVerdicts(t *testing.T) {
	agree(t, "two-phase commit", TwoPhase(5))
	agree(t, "philosophers", Philosophers(6, false))
	agree(t, "ordered philosophers", Philosophers(6, true))
	agree(t, "paxos", Paxos(2, 2))
	agree(t, "paxos with single quorums", Paxos(1, 1))
	agree(t, "ABD", ABD(2, 0, 2, true))
	agree(t, "ABD without telling", ABD(2, 0, 2, false))
}

func TestReducedResultsDoNotDependOnWorkers(t *testing.T) {
	for way, o := range variants {
		t.Run(way, func(t *testing.T) {
			var first *explore.Result
			for _, workers := range []int{1, 2, 5} {
				o.Workers = workers
				r := check(t, Philosophers(8, false), o)
				r.Stats.Elapsed = 0
				if first == nil {
					first = r
				}
				assert.Equal(t, first, r, "%d workers", workers)
			}
		})
	}
}

func agree[S any](t *testing.T, name string, m *explore.Model[S]) {
	t.Run(name, func(t *testing.T) {
		plain := check(t, m, variants["plain"])
		for way, o := range variants {
			r := check(t, m, o)
			for i, want := range plain.Outcomes {
				got := r.Outcomes[i]
				assert.Equal(t, want.Verdict, got.Verdict, "%s: %s", way, want.Property)
				if o.Search == explore.BreadthFirst && o.NoPartialOrder && want.Trace != nil {
					assert.Len(t, got.Trace.Steps, len(want.Trace.Steps), "%s: %s", way, want.Property)
				}
			}
			assert.LessOrEqual(t, r.Stats.Distinct, plain.Stats.Distinct, way)
			t.Logf("%-30s %7d states", way, r.Stats.Distinct)
		}
	})
}
