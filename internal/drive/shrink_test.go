package drive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

var (
	endpoints   = checker.Finding{Property: "monotonic", Kind: "endpoint"}
	nodes       = checker.Finding{Property: "monotonic", Kind: "node"}
	convergent  = checker.Finding{Property: "convergence"}
	allFindings = []checker.Finding{endpoints, nodes, convergent}
)

// verdictWith is one whose findings are these; monotonic is not promised.
func verdictWith(findings ...checker.Finding) (v checker.Verdict) {
	for _, f := range findings {
		if n := len(v.Results); n == 0 || v.Results[n-1].Property != f.Property {
			v.Results = append(v.Results, checker.Result{Property: f.Property, Outcome: checker.Fail, Promised: f.Property != "monotonic"})
		}
		r := &v.Results[len(v.Results)-1]
		r.Violations = append(r.Violations, checker.Violation{Facts: checker.Facts{Kind: f.Kind}})
	}
	return v
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		asked checker.Finding
		want  int
	}{
		{checker.Finding{}, 2}, // the first that is promised
		{endpoints, 0},
		{nodes, 1},
		{checker.Finding{Kind: "node"}, 1},
		{checker.Finding{Property: "convergence"}, 2},
	} {
		i, err := choose(verdictWith(allFindings...), c.asked)
		require.NoError(t, err)
		require.Equal(t, c.want, i, c.asked)
	}
	i, err := choose(verdictWith(endpoints, nodes), checker.Finding{})
	require.NoError(t, err)
	require.Zero(t, i, "none is promised")
	for _, c := range []struct {
		all   []checker.Finding
		asked checker.Finding
		want  string
	}{
		{nil, checker.Finding{}, "the run breaks no property, so there is nothing to shrink"},
		{allFindings, checker.Finding{Property: "integrity", Kind: "node"}, "the run does not break integrity of node; it breaks monotonic of endpoint, monotonic of node, convergence"},
		{allFindings[:1], checker.Finding{Kind: "identity"}, "the run does not break anything of identity; it breaks monotonic of endpoint"},
	} {
		_, err := choose(verdictWith(c.all...), c.asked)
		var nothing *NothingToShrink
		require.ErrorAs(t, err, &nothing)
		require.Equal(t, c.want, err.Error())
	}
}

// judgedRun is a run of a plan with three faults, of which the second never begins,
// that breaks a property 3.5 s after the start of the churn.
func judgedRun(t *testing.T, convergence checker.Outcome) (*index.Index, *report.Run) {
	t.Helper()
	plan, err := draw.Plan(1, draw.Config{Reference: true})
	require.NoError(t, err)
	plan.Faults = plan.Faults[:3]
	records, err := history.Parse(`
0 world phase - start
10 world phase - churn
11 world fault reset a0 peer=r0 rev=1
12 world unfired reset a0 peer=r0 rev=2
13 world fault reset a0 peer=r0 rev=3
`)
	require.NoError(t, err)
	return index.New(&history.History{Records: records}), &report.Run{Plan: plan, Verdict: checker.Verdict{Results: []checker.Result{
		{Property: "monotonic", Outcome: checker.Fail, Violations: []checker.Violation{{Facts: checker.Facts{Kind: "endpoint", At: 13500 * time.Millisecond}}}},
		{Property: "convergence", Outcome: convergence},
	}}}
}

func TestOutcome(t *testing.T) {
	h, run := judgedRun(t, checker.Pass)
	o := newOracle(&Simulator{}, endpoints, run, nil)
	seen := o.outcome(h, run)
	require.True(t, seen.Shows)
	require.Equal(t, fault.Duration(3500*time.Millisecond), seen.First)
	require.Equal(t, []fault.Duration{fault.Duration(time.Second), shrink.Never, fault.Duration(3 * time.Second)}, seen.Begun)
	require.Same(t, run, o.shown[run.Plan.Line()])

	require.False(t, newOracle(&Simulator{}, nodes, run, nil).outcome(h, run).Shows, "the same property of another kind")
}

func TestShorterSettleMayNotBreakConvergence(t *testing.T) {
	h, run := judgedRun(t, checker.Fail)
	o := newOracle(&Simulator{}, endpoints, run, nil)
	require.True(t, o.outcome(h, run).Shows, "the given plan breaks it too")
	shorter := *run.Plan
	shorter.Settle /= 2
	run.Plan = &shorter
	require.False(t, o.outcome(h, run).Shows)
	_, converged := judgedRun(t, checker.Pass)
	converged.Plan = &shorter
	require.True(t, o.outcome(h, converged).Shows)
}

func TestFailedWorkerIsNotTheFinding(t *testing.T) {
	_, given := judgedRun(t, checker.Pass)
	var failed []det.FailureKind
	o := newOracle(&Simulator{Worker: det.Worker{Path: "/bin/false"}}, endpoints, given, func(plan *fault.Plan, failure *det.Failure) {
		require.Same(t, given.Plan, plan)
		failed = append(failed, failure.Kind)
	})
	seen, err := o.run(t.Context(), given.Plan)
	require.NoError(t, err)
	require.False(t, seen.Shows)
	require.Equal(t, []det.FailureKind{det.Crash}, failed)
	require.Equal(t, 1, o.runs)
	require.Equal(t, 1, o.failed)
}
