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
	"github.com/meshcheck/meshcheck/report/junit"
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
		require.InDelta(t, row.want, Chance(row.a, row.n, row.c, row.m), 1e-9, "%v", row)
	}
}

func TestConfidence(t *testing.T) {
	for want, a := range map[string]Around{
		"too few runs":      {Branch: 3, BranchRuns: 3, Chance: 1},
		"no difference":     {Branch: 4, BranchRuns: 12, Baseline: 4, BaselineRuns: 12, Chance: 0.6},
		"more than 99.99 %": {Branch: 12, BranchRuns: 12, BaselineRuns: 12},
		"98.57 %, too few runs for the 99 % that a regression needs": {Branch: 4, BranchRuns: 4, BaselineRuns: 4, Chance: Chance(4, 4, 0, 4)},
		"99.50 %": {Branch: 6, BranchRuns: 12, BaselineRuns: 12, Chance: 0.005},
	} {
		require.Equal(t, want, a.Confidence())
	}
	require.Equal(t, Undecided, Around{Branch: 4, BranchRuns: 4, BaselineRuns: 4, Chance: Chance(4, 4, 0, 4)}.outcome())
	require.NotContains(t, Around{Branch: 1, BranchRuns: 9, Baseline: 1, BaselineRuns: 9, Chance: 1}.String(), "%")
}

// What no seed could show is no pass, in any of the forms.
func TestNothingTested(t *testing.T) {
	held := func(uint64, uint64) (*report.Run, error) { return run(), nil }
	r := compare(t, 100, held, held)
	require.Equal(t, "no regression", r.Title())
	require.Contains(t, r.Worth(), "little: every seed has the same trace")
	r.Seeds[7].Branch.Hash = "another"
	require.Contains(t, r.Worth(), "(1-p)^100; this excludes, at 95 %, what shows in 3 % of them or more")
	r.Changes = &det.Changes{Worker: []string{"pkg/ipcache"}, Outside: []string{"daemon/cmd"}, Hash: "12"}
	require.True(t, r.Passes())
	require.Equal(t, "changed packages in the worker, of which it may not run all code (a panic put there shows which seeds do): pkg/ipcache; not tested: daemon/cmd (changes 12)", r.Tested())
	for want, change := range map[string]func(){
		"what the branch changes is not in what meshcheck runs (packages daemon/cmd)": func() { r.Changes.Worker = nil },
		"the source of the branch is that of the baseline":                            func() { r.Changes = &det.Changes{} },
		"the worker of the branch is that of the baseline": func() {
			r.Changes, r.Baseline, r.Branch = nil, &report.Code{Hash: "1"}, &report.Code{Hash: "1"}
		},
	} {
		r.Changes, r.Baseline, r.Branch = &det.Changes{Outside: []string{"daemon/cmd"}}, nil, nil
		change()
		require.False(t, r.Passes())
		require.Empty(t, r.Worth())
		var out [4]bytes.Buffer
		require.NoError(t, r.WriteText(&out[0], report.Style{}, nil))
		require.NoError(t, r.WriteJSON(&out[1]))
		require.NoError(t, r.WriteJUnit(&out[2]))
		require.NoError(t, r.WriteMarkdown(&out[3]))
		for i := range out {
			require.Contains(t, out[i].String(), "nothing was tested: "+want)
		}
		require.Contains(t, out[2].String(), `errors="1"`)
	}
	r = &Report{Asked: 3, Failed: "pkg/x/x.go:1: syntax error"}
	var b bytes.Buffer
	require.NoError(t, r.WriteJUnit(&b))
	require.Contains(t, b.String(), "pkg/x/x.go:1: syntax error</error>")
	require.NoError(t, r.WriteMarkdown(&b))
	require.Contains(t, b.String(), "## meshcheck: nothing was tested: it could not be built")
}

// A comparison that is interrupted says what it found and how to go on.
func TestInterrupted(t *testing.T) {
	held := fake(func(uint64, uint64) (*report.Run, error) { return run(), nil })
	for stopAt, want := range map[uint64]string{4: "interrupted; go on with -seeds 4-9", 9: "interrupted before all differences were told from chance; go on with -seeds 2-2"} {
		ctx, stop := context.WithCancel(t.Context())
		cfg := Config{Baseline: held, Plan: plan, Parallel: 1, Around: 9, Seeds: drive.Seeds{Last: 9}}
		cfg.Branch = fake(func(plan, schedule uint64) (*report.Run, error) {
			if plan == stopAt && stopAt < 9 || plan != schedule {
				stop()
			}
			if plan == 2 {
				return run("owner"), nil
			}
			return run(), nil
		})
		r, err := Compare(ctx, cfg)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, want, r.Note)
		require.Equal(t, "interrupted", r.Title())
		require.Equal(t, Undecided, r.Seeds[2].Outcome)
		var b bytes.Buffer
		require.NoError(t, r.WriteText(&b, report.Style{}, func(*Difference, bool) string { return "simrun -seed 2" }))
		require.Contains(t, b.String(), "undecided   owner (looks like no finding): seeds 2\n")
		require.Contains(t, b.String(), "not tried with other schedules")
		require.Contains(t, b.String(), "seed 2: the branch breaks owner; the baseline passes\n")
	}
}

// What the smallest plan of a regression breaks besides is no regression of its own.
func TestOneCause(t *testing.T) {
	tried := 0
	cfg := Config{Plan: plan, Parallel: 1, Around: 9, Seeds: drive.Seeds{Last: 2}}
	cfg.Baseline = fake(func(uint64, uint64) (*report.Run, error) { return run(), nil })
	cfg.Branch = fake(func(plan, _ uint64) (*report.Run, error) {
		tried++
		switch plan {
		case 0:
			return run("leases by orphans", "owner"), nil
		case 1:
			return run("staleness"), nil
		case 77:
			return run("owner", "staleness"), nil
		}
		return run(), nil
	})
	cfg.Shrink = func(context.Context, *fault.Plan, checker.Finding, func(context.Context, *report.Run) (bool, error)) (*report.Shrunk, error) {
		smaller := run("owner")
		smaller.Plan, _ = plan(77)
		return &report.Shrunk{Run: smaller}, nil
	}
	r, err := Compare(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, 3+9+1, tried, "the seeds, the schedules of the first, its smallest plan")
	require.Equal(t, 2, r.Count(Regressed))
	var b bytes.Buffer
	require.NoError(t, r.WriteText(&b, report.Style{}, func(*Difference, bool) string { return "simrun" }))
	require.Equal(t, 1, strings.Count(b.String(), "REGRESSED"))
	require.Contains(t, b.String(), "            also broken by the same plan: staleness: seeds 1\n")
	require.Contains(t, b.String(), "            together with the regression above: orphans: seeds 0\n")
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
	require.Equal(t, `REGRESSED   no|one <sees> (looks like no finding): seeds 1
            on the branch: no|one <sees> is broken
            with other schedules of the same plans the branch breaks so in 12 of 12, the baseline in 0 of 12: not by chance with a confidence of more than 99.99 %
            a regression
            seed 1: the branch breaks no|one <sees>; the baseline passes
  branch    simrun -plan compare/regressed-1.json -worker x
  baseline  simrun -plan compare/regressed-1.json -worker w
next        run these with -v for each violation and the records that show it, -log FILE for Cilium's log, -write-history FILE for simrun validate FILE; after a fix, simrun compare -plan FILE
fixed       seed 2: the branch keeps what the baseline breaks: orphans
result      1 seed regressed
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
	var s junit.Suite
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
