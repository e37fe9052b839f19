package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// fake runs a plan without running it: the plan of seed s is named by its churn, s
// seconds, and its seed is its schedule.
type fake func(plan, schedule uint64) (*report.Run, error)

func (f fake) Run(_ context.Context, plan *fault.Plan) (*drive.Judged, error) {
	run, err := f(uint64(plan.Churn)/uint64(time.Second), plan.Seed)
	if err != nil {
		return nil, err
	}
	run.Plan = plan
	return &drive.Judged{Run: run}, nil
}

func plan(seed uint64) (*fault.Plan, error) {
	return &fault.Plan{Seed: seed, Churn: fault.Duration(seed) * fault.Duration(time.Second)}, nil
}

func says(text string) *checker.Rule {
	return &checker.Rule{Name: "says", Text: func(*checker.Facts) string { return text }}
}

// run is one that breaks properties, each "property" or "property by mechanism"; one that
// begins with ? is undecided.
func run(broken ...string) *report.Run {
	r := &report.Run{Hash: "of " + strings.Join(broken, ", "), Deterministic: true}
	for _, text := range append(broken, "integrity of nothing") {
		name, mechanism, known := strings.Cut(text, " by ")
		result := checker.Result{Property: name, Outcome: checker.Fail, Promised: true}
		violation := checker.Violation{Rule: says(name + " is broken"), Facts: checker.Facts{Agent: "a0"}}
		if known {
			violation.Cause = &checker.Cause{Proofs: []checker.Proof{{Mechanism: mechanism, Rule: says("so")}}}
		}
		result.Violations = []checker.Violation{violation}
		if rest, unknown := strings.CutPrefix(name, "?"); unknown {
			result = checker.Result{Property: rest, Outcome: checker.Unknown}
		}
		if text == "integrity of nothing" {
			result = checker.Result{Property: "integrity", Outcome: checker.Pass}
		}
		r.Verdict.Results = append(r.Verdict.Results, result)
	}
	return r
}

func compare(t *testing.T, seeds uint64, baseline, branch fake) *Report {
	t.Helper()
	r, err := Compare(t.Context(), Config{Baseline: baseline, Branch: branch, Seeds: drive.Seeds{Last: seeds - 1}, Plan: plan, Parallel: 2, Around: 12})
	require.NoError(t, err)
	return r
}

func outcomes(r *Report) (all []Outcome) {
	for _, s := range r.Seeds {
		all = append(all, s.Outcome)
	}
	return all
}

func TestOutcomes(t *testing.T) {
	r := compare(t, 7, func(plan, _ uint64) (*report.Run, error) {
		return []*report.Run{run(), run("owner"), run("owner"), run("owner by orphans"), run(), run("?leases"), run()}[plan], nil
	}, func(plan, _ uint64) (*report.Run, error) {
		return []*report.Run{run(), run("owner"), run(), run("owner by orphans", "staleness by orphans"), run("?leases"), run("?leases"), run("canaries")}[plan], nil
	})
	require.Equal(t, []Outcome{Same, Same, Fixed, Changed, Undecided, Same, Regressed}, outcomes(r))
	require.Equal(t, "the branch keeps what the baseline breaks: owner", r.Seeds[2].Why)
	require.Equal(t, "the same mechanism breaks other properties: on the baseline owner; on the branch owner, staleness", r.Seeds[3].Why)
	require.Equal(t, "undecided on the baseline: none; on the branch: leases", r.Seeds[4].Why)
	require.Equal(t, "the branch breaks what the baseline keeps: canaries", r.Seeds[6].Why)
	require.Equal(t, 3, r.EqualTraces())
	require.Len(t, r.Findings, 1)
	require.Equal(t, Around{Branch: 12, BranchRuns: 12, BaselineRuns: 12, Chance: r.Findings[0].Around.Chance}, r.Findings[0].Around)
	require.InDelta(t, 1/2704156., r.Findings[0].Around.Chance, 1e-12)
	require.Equal(t, "breaks canaries", r.Findings[0].OnBranch)
	require.Equal(t, "passes", r.Findings[0].OnBase)
}

// A race that both lose now and then, but in other seeds, is no regression.
func TestShiftedSchedule(t *testing.T) {
	race := func(shift uint64) fake {
		return func(plan, schedule uint64) (*report.Run, error) {
			if (plan*3+schedule+shift)%5 == 0 {
				return run("owner by relist"), nil
			}
			return run(), nil
		}
	}
	r := compare(t, 20, race(0), race(2))
	require.Zero(t, r.Count(Regressed))
	require.Zero(t, r.Count(Undecided))
	require.NotZero(t, r.Count(Changed))
	require.NotZero(t, r.Count(Fixed))
	require.Len(t, r.Findings, 1)
	require.Greater(t, r.Findings[0].Around.Chance, 0.1)
	require.Equal(t, 36, r.Findings[0].Around.BranchRuns, "three seeds were tried")
}

// What only the branch breaks, but seldom, is not told from chance: that is no pass.
func TestTooSeldomToTell(t *testing.T) {
	r := compare(t, 5, func(_, _ uint64) (*report.Run, error) { return run(), nil }, func(plan, schedule uint64) (*report.Run, error) {
		if plan == 3 && schedule == 3 {
			return run("owner"), nil
		}
		return run(), nil
	})
	require.Equal(t, []Outcome{Same, Same, Same, Undecided, Same}, outcomes(r))
	require.Contains(t, r.Findings[0].advice(), "too few of the branch do to tell it from chance")
}

// A worker that dies on the branch is a regression; one that hangs decides nothing.
func TestWorkersThatFail(t *testing.T) {
	r := compare(t, 3, func(_, _ uint64) (*report.Run, error) { return run(), nil }, func(plan, _ uint64) (*report.Run, error) {
		switch plan {
		case 1:
			return nil, &det.Failure{Kind: det.Crash, Message: "the worker ended", Output: "panic: index out of range\n\ngoroutine 1:\n"}
		case 2:
			return nil, &det.Failure{Kind: det.Hang, Message: "the worker hangs"}
		}
		return run(), nil
	})
	require.Equal(t, []Outcome{Same, Regressed, Undecided}, outcomes(r))
	require.Equal(t, "the worker ends: panic: index out of range", r.Findings[0].Name)
	_, err := Compare(t.Context(), Config{Baseline: fake(func(_, _ uint64) (*report.Run, error) {
		return nil, &det.Failure{Kind: det.Input, Message: "no"}
	}), Seeds: drive.Seeds{}, Plan: plan, Parallel: 1})
	require.ErrorContains(t, err, "no")
}

// A regression is shrunk to what the baseline passes.
func TestShrunk(t *testing.T) {
	baseline := fake(func(plan, _ uint64) (*report.Run, error) { return run(), nil })
	branch := fake(func(plan, _ uint64) (*report.Run, error) { return run("owner"), nil })
	cfg := Config{Baseline: baseline, Branch: branch, Plan: plan, Parallel: 1, Around: 9, Seeds: drive.Seeds{First: 4, Last: 4}}
	cfg.Shrink = func(ctx context.Context, plan *fault.Plan, finding checker.Finding, counts func(context.Context, *report.Run) (bool, error)) (*report.Shrunk, error) {
		require.Equal(t, checker.Finding{Property: "owner"}, finding)
		smaller := run("owner")
		smaller.Plan = &fault.Plan{Seed: 77}
		is, err := counts(ctx, smaller)
		require.True(t, is)
		return &report.Shrunk{Run: smaller, Before: shrink.Size{Faults: 9}, After: shrink.Size{Faults: 1}, Runs: 5}, err
	}
	r, err := Compare(t.Context(), cfg)
	require.NoError(t, err)
	require.EqualValues(t, 77, r.Findings[0].Plan.Seed)
	require.Equal(t, "9 decisions to 1 in 5 runs", r.Findings[0].Shrunk)

	baseline = func(plan, _ uint64) (*report.Run, error) {
		if plan == 0 {
			return run("staleness"), nil
		}
		return run(), nil
	}
	cfg.Baseline = baseline
	shrunk := cfg.Shrink
	cfg.Shrink = func(ctx context.Context, plan *fault.Plan, finding checker.Finding, counts func(context.Context, *report.Run) (bool, error)) (*report.Shrunk, error) {
		smaller := run("owner")
		smaller.Plan = &fault.Plan{}
		is, err := counts(ctx, smaller)
		require.False(t, is, "the baseline passes the whole plan, so it must pass the smaller one")
		require.NoError(t, err)
		return shrunk(ctx, plan, finding, func(context.Context, *report.Run) (bool, error) { return true, nil })
	}
	_, err = Compare(t.Context(), cfg)
	require.NoError(t, err)
}

func TestChance(t *testing.T) {
	for _, row := range []struct {
		a, n, c, m int
		want       float64
	}{{0, 12, 0, 12, 1}, {12, 12, 12, 12, 1}, {6, 12, 0, 12, 924. / 134596}, {3, 4, 1, 4, 17. / 70}, {0, 0, 0, 0, 1}, {0, 5, 3, 5, 1}} {
		require.InDelta(t, row.want, chance(row.a, row.n, row.c, row.m), 1e-9, "%v", row)
	}
}

func TestWritten(t *testing.T) {
	r := compare(t, 3, func(plan, _ uint64) (*report.Run, error) {
		return []*report.Run{run(), run(), run("owner by orphans")}[plan], nil
	}, func(plan, _ uint64) (*report.Run, error) {
		return []*report.Run{run(), run("no|one <sees>"), run()}[plan], nil
	})
	r.Elapsed, r.Baseline, r.Branch = 90*time.Second, &report.Code{Cilium: "v1", Worker: "w", Hash: "1"}, &report.Code{Cilium: "../cilium", Worker: "x", Hash: "2"}
	r.Findings[0].File = "compare/regressed-1.json"
	var b bytes.Buffer
	require.NoError(t, r.WriteText(&b, report.Style{}, func(d *Difference, branch bool) string {
		return "simrun -plan " + d.File + map[bool]string{true: " -worker x", false: " -worker w"}[branch]
	}))
	require.Equal(t, `REGRESSED   no|one <sees> (no known mechanism): seeds 1
            on the branch: no|one <sees> is broken
            with other schedules of the same plans the branch breaks so in 12 of 12, the baseline in 0 of 12: not by chance with a confidence of more than 99.99 %
            a regression
            seed 1: the branch breaks no|one <sees>; the baseline passes
  branch    simrun -plan compare/regressed-1.json -worker x
  baseline  simrun -plan compare/regressed-1.json -worker w
fixed       seed 2: the branch keeps what the baseline breaks: orphans
compared    3 seeds of 3: 1 regressed, 1 fixed, 1 same (1 of them with equal traces)
baseline    cilium v1, worker w (1)
branch      cilium ../cilium, worker x (2)
time        1m30s
`, b.String())

	b.Reset()
	require.NoError(t, r.WriteMarkdown(&b))
	require.Contains(t, b.String(), "## meshcheck: 1 seed regressed\n")
	require.Contains(t, b.String(), "| regressed | no\\|one &lt;sees> | 1 | 12 of 12, 0 of 12 | more than 99.99 % | no\\|one &lt;sees> is broken |\n")
	require.Contains(t, b.String(), "\n- fixed, seed 2: the branch keeps")

	b.Reset()
	require.NoError(t, r.WriteJUnit(&b))
	var s suite
	require.NoError(t, xml.Unmarshal(b.Bytes(), &s))
	require.Equal(t, []int{3, 1, 0, 3}, []int{s.Tests, s.Failures, s.Errors, len(s.Cases)})
	require.Nil(t, s.Cases[0].Failure)
	require.Contains(t, s.Cases[1].Failure.Text, "a regression")

	b.Reset()
	require.NoError(t, r.WriteJSON(&b))
	var form map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &form))
	require.Equal(t, "compare", form["kind"])
	require.NotContains(t, b.String(), "null")
}
