package campaign

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/coverage"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

var (
	orphans = checker.Finding{Property: "convergence", Kind: "endpoint"}
	stale   = checker.Finding{Property: "monotonic", Kind: "identity"}
)

// lab is a campaign whose runs are functions of the plan.
type lab struct {
	dir    string
	breaks func(*fault.Plan) []checker.Finding
	fails  func(*fault.Plan) error
	cfg    Config

	mu     sync.Mutex
	ran    []*fault.Plan
	shrunk int
	stop   context.CancelFunc
	after  int // runs, after which the campaign is stopped
}

func newLab(t *testing.T) *lab {
	return &lab{
		dir: t.TempDir(), after: 1 << 30,
		breaks: func(*fault.Plan) []checker.Finding { return nil },
		fails:  func(*fault.Plan) error { return nil },
	}
}

// run runs the campaign until so many plans have run.
func (l *lab) run(t *testing.T, plans int) (Result, *corpus.State) {
	t.Helper()
	kept, err := corpus.Open(l.dir)
	require.NoError(t, err)
	defer kept.Close()
	state, err := corpus.ReadState(kept.Dir())
	require.NoError(t, err)
	var ctx context.Context
	ctx, l.stop = context.WithCancel(t.Context())
	defer l.stop()
	l.ran, l.after = nil, plans
	result, err := Run(ctx, Config{
		Runner: l, Draw: l.draw, Shrink: l.shrink, Corpus: kept, State: state, Parallel: 2, For: time.Hour,
		Marks: coverage.New([]string{"reset", "writer-restart"}),
	})
	require.ErrorIs(t, err, context.Canceled)
	return result, state
}

// draw gives each seed one fault more than the seed before it, in turns.
func (l *lab) draw(seed uint64) (*fault.Plan, error) {
	plan, err := draw.Plan(seed, draw.Config{Reference: true})
	if err != nil {
		return nil, err
	}
	kinds := []fault.Fault{
		{Kind: fault.WriterRestart, Target: "r0", For: 1e9}, {Kind: fault.Pause, Target: "r1", For: 1e9},
		{Kind: fault.AgentRestart, Target: "a0", For: 1e9}, {Kind: fault.EtcdStall, Target: "r0", For: 1e9},
	}
	plan.Faults = kinds[:seed%5]
	return plan, plan.Validate()
}

func (l *lab) Run(ctx context.Context, plan *fault.Plan) (*drive.Judged, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	l.ran = append(l.ran, plan)
	if len(l.ran) == l.after {
		l.stop()
	}
	if err := l.fails(plan); err != nil {
		return nil, err
	}
	run := &report.Run{Plan: plan, Virtual: 100 * time.Second, Wall: time.Second}
	run.Verdict.Results = []checker.Result{{Property: "integrity", Outcome: checker.Pass}}
	for _, broken := range l.breaks(plan) {
		run.Verdict.Results = append(run.Verdict.Results, checker.Result{
			Property: broken.Property, Outcome: checker.Fail,
			Violations: []checker.Violation{{Rule: says(broken.String() + " is broken"), Facts: checker.Facts{Kind: broken.Kind, At: time.Duration(plan.Seed) * time.Second}}},
		})
	}
	return &drive.Judged{Run: run, Index: historyOf(plan)}, nil
}

// says is a rule whose violations read so.
func says(text string) *checker.Rule {
	return &checker.Rule{Name: "says", Text: func(*checker.Facts) string { return text }}
}

// historyOf is a history that says which faults there were.
func historyOf(plan *fault.Plan) *index.Index {
	h := &history.History{Plan: plan.Line()}
	for i := range plan.Faults {
		h.Records = append(h.Records, history.Record{Actor: "world", Verb: history.Fault, Kind: string(plan.Faults[i].Kind), Key: plan.Faults[i].Target, Rev: int64(i + 1)})
	}
	return index.New(h)
}

// shrink leaves out whatever fault can go.
func (l *lab) shrink(_ context.Context, plan *fault.Plan, broken checker.Finding) (Shrunk, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shrunk++
	small := *plan
	for i := 0; i < len(small.Faults); {
		without := small
		without.Faults = slices.Delete(slices.Clone(small.Faults), i, i+1)
		if slices.Contains(l.breaks(&without), broken) {
			small = without
		} else {
			i++
		}
	}
	small.Ops = nil
	return Shrunk{&small, "shrunk: " + broken.String(), true}, nil
}

func has(plan *fault.Plan, kinds ...fault.Kind) bool {
	for _, kind := range kinds {
		if !slices.ContainsFunc(plan.Faults, func(f fault.Fault) bool { return f.Kind == kind }) {
			return false
		}
	}
	return true
}

func (l *lab) folders(t *testing.T) (names []string) {
	t.Helper()
	findings, err := corpus.Read(l.dir)
	require.NoError(t, err)
	for _, f := range findings {
		names = append(names, f.Name())
	}
	return names
}

func TestDistinctFindings(t *testing.T) {
	l := newLab(t)
	l.breaks = func(p *fault.Plan) (all []checker.Finding) {
		if has(p, fault.WriterRestart) {
			all = append(all, orphans)
		}
		if has(p, fault.Pause, fault.AgentRestart) {
			all = append(all, stale)
		}
		return all
	}
	result, state := l.run(t, 70)
	require.Equal(t, []string{"convergence.endpoint.writer-restart", "monotonic.identity.agent-restart+pause"}, l.folders(t))
	require.Len(t, result.New, 2)
	require.Equal(t, result.Seeds, state.Done())
	require.LessOrEqual(t, l.shrunk, 4, "what is known is not shrunk again, except by goroutines that find it at the same time")

	findings, err := corpus.Read(l.dir)
	require.NoError(t, err)
	require.Len(t, findings[0].Plan.Faults, 1)
	require.Empty(t, findings[0].Plan.Ops)
	require.Equal(t, "shrunk: convergence of endpoint", findings[0].Sentence)
	require.True(t, findings[0].Minimal)
	require.Greater(t, findings[0].Count, 8)
	require.EqualValues(t, 1, findings[0].Seeds[0].Seed, "the fastest seed first")
	require.Equal(t, fault.Duration(1e9), findings[0].Seeds[0].Virtual)

	require.Equal(t, state.Pass, state.Done()-state.Fail)
	reached := state.Marks[slices.IndexFunc(state.Marks, func(m corpus.Reached) bool { return m.Mark == "happened.writer-restart" })]
	require.Equal(t, state.Fail, reached.Runs)
	never := state.Marks[slices.IndexFunc(state.Marks, func(m corpus.Reached) bool { return m.Mark == "happened.reset" })]
	require.Zero(t, never.Runs)
}

// The same property broken for two reasons is two findings.
func TestTwoMechanismsOfOneProperty(t *testing.T) {
	l := newLab(t)
	l.breaks = func(p *fault.Plan) []checker.Finding {
		if odd := p.Seed%2 == 1; odd && has(p, fault.WriterRestart) || !odd && has(p, fault.EtcdStall) {
			return []checker.Finding{orphans}
		}
		return nil
	}
	l.run(t, 70)
	require.Equal(t, []string{"convergence.endpoint.etcd-stall", "convergence.endpoint.writer-restart"}, l.folders(t))
}

func TestItGoesOnWhereItStopped(t *testing.T) {
	l := newLab(t)
	_, first := l.run(t, 20)
	require.GreaterOrEqual(t, first.Done(), 18)
	var again []uint64
	_, second := l.run(t, 20)
	for _, plan := range l.ran {
		if plan.Seed < first.Next || slices.Contains(first.Ahead, plan.Seed) {
			again = append(again, plan.Seed)
		}
	}
	require.Empty(t, again, "seeds that were done")
	require.GreaterOrEqual(t, second.Done(), first.Done()+18)
	require.GreaterOrEqual(t, second.Next, uint64(34))
	require.Equal(t, second.Done(), int(second.Next)+len(second.Ahead), "every seed once")
}

// A seed whose finding was not kept is not done: it runs again.
func TestNothingIsLostInAnInterrupt(t *testing.T) {
	l := newLab(t)
	l.breaks = func(p *fault.Plan) []checker.Finding {
		if has(p, fault.WriterRestart) {
			return []checker.Finding{orphans}
		}
		return nil
	}
	shrink := l.shrink
	kept, err := corpus.Open(l.dir)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	state := &corpus.State{}
	result, err := Run(ctx, Config{
		Runner: l, Draw: l.draw, Corpus: kept, State: state, Parallel: 1, For: time.Hour, Marks: coverage.New(nil),
		Shrink: func(ctx context.Context, plan *fault.Plan, broken checker.Finding) (Shrunk, error) {
			cancel()
			return shrink(ctx, plan, broken)
		},
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, kept.Close())
	require.Empty(t, result.New)
	require.Empty(t, l.folders(t))
	require.EqualValues(t, 1, state.Next, "seed 0 has no fault; seed 1 was interrupted")
	l.run(t, 5)
	require.Equal(t, []string{"convergence.endpoint.writer-restart"}, l.folders(t))
}

func TestAWorkerThatDiesIsAFinding(t *testing.T) {
	l := newLab(t)
	failure := &det.Failure{Kind: det.Crash, Message: "the worker ended at 3s of virtual time, before its run did: exit status 2", Output: "x\npanic: index 7 out of range\n\ngoroutine 1"}
	killed := &det.Failure{Kind: det.Crash, Message: "the worker ended at 3s of virtual time, before its run did: signal: killed"}
	l.fails = func(p *fault.Plan) error {
		switch {
		case has(p, fault.EtcdStall):
			return failure
		case has(p, fault.AgentRestart):
			return killed
		}
		return nil
	}
	_, state := l.run(t, 50)
	require.Equal(t, []string{"harness.crash-killed", "harness.crash-panic-index-out-of-range"}, l.folders(t))
	require.Equal(t, state.NoRun, state.Done()-state.Pass)
	require.Positive(t, state.NoRun)
	output, err := os.ReadFile(filepath.Join(l.dir, "harness.crash-panic-index-out-of-range", "output.txt"))
	require.NoError(t, err)
	require.Contains(t, string(output), "goroutine 1")
	findings, err := corpus.Read(l.dir)
	require.NoError(t, err)
	require.True(t, has(findings[1].Plan, fault.EtcdStall))
	require.Contains(t, findings[1].Sentence, "(panic: index 7 out of range)")
}

// A plan that cannot be shrunk is kept as it is.
func TestAFailedShrinkLosesNothing(t *testing.T) {
	l := newLab(t)
	l.breaks = func(*fault.Plan) []checker.Finding { return []checker.Finding{orphans} }
	kept, err := corpus.Open(l.dir)
	require.NoError(t, err)
	defer kept.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var whys []string
	_, err = Run(ctx, Config{
		Runner: l, Draw: l.draw, Corpus: kept, State: &corpus.State{}, Parallel: 1, For: time.Hour, Marks: coverage.New(nil),
		Shrink: func(context.Context, *fault.Plan, checker.Finding) (Shrunk, error) {
			return Shrunk{}, errors.New("it did not show it again")
		},
		OnEvent: func(e Event) {
			if e.Found != nil {
				whys = append(whys, e.Kept)
			}
			cancel()
		},
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"it did not show it again"}, whys)
	require.Equal(t, []string{"convergence.endpoint.no-fault"}, l.folders(t))
}

func TestAnErrorThatIsNoFindingEndsTheCampaign(t *testing.T) {
	l := newLab(t)
	full := errors.New("the disk is full")
	l.fails = func(p *fault.Plan) error {
		if p.Seed == 3 {
			return full
		}
		return nil
	}
	kept, err := corpus.Open(l.dir)
	require.NoError(t, err)
	defer kept.Close()
	state := &corpus.State{}
	_, err = Run(t.Context(), Config{Runner: l, Draw: l.draw, Corpus: kept, State: state, Parallel: 2, For: time.Hour, Marks: coverage.New(nil)})
	require.ErrorIs(t, err, full)
	require.False(t, slices.Contains(state.Ahead, 3) || state.Next > 3)
}

func TestNoSeedBeginsWhenTheTimeIsOver(t *testing.T) {
	l := newLab(t)
	kept, err := corpus.Open(l.dir)
	require.NoError(t, err)
	defer kept.Close()
	result, err := Run(t.Context(), Config{Runner: l, Draw: l.draw, Corpus: kept, State: &corpus.State{}, Parallel: 2, For: 0, Marks: coverage.New(nil)})
	require.NoError(t, err)
	require.Zero(t, result.Seeds)
	require.FileExists(t, filepath.Join(l.dir, "summary.md"))
}

// What the shrinking leaves may be a known finding that the rest of the plan hid.
func TestAShrunkPlanIsIdentifiedAgain(t *testing.T) {
	l := newLab(t)
	l.breaks = func(p *fault.Plan) []checker.Finding {
		switch {
		case p.Seed == 1 && has(p, fault.WriterRestart):
			return []checker.Finding{orphans}
		case p.Seed == 4 && has(p, fault.WriterRestart) && (len(p.Ops) == 0 || has(p, fault.Pause)):
			return []checker.Finding{orphans}
		}
		return nil
	}
	l.run(t, 20)
	require.Equal(t, []string{"convergence.endpoint.writer-restart"}, l.folders(t))
	findings, err := corpus.Read(l.dir)
	require.NoError(t, err)
	require.Equal(t, 2, findings[0].Count)
	require.Equal(t, 2, l.shrunk)
}

// A plan that had no time to be shrunk is shrunk by the next campaign, and gets
// the name of what it then needs.
func TestFindingsThatAreNotMinimalAreShrunkFirst(t *testing.T) {
	l := newLab(t)
	l.breaks = func(p *fault.Plan) []checker.Finding {
		if p.Seed == 4 && has(p, fault.WriterRestart) {
			return []checker.Finding{orphans}
		}
		return nil
	}
	large, err := l.draw(4)
	require.NoError(t, err)
	kept, err := corpus.Open(l.dir)
	require.NoError(t, err)
	_, err = kept.Add(corpus.New(orphans, large, "large", corpus.Occurrence{Seed: 4}))
	require.NoError(t, err)
	require.NoError(t, kept.Close())

	result, _ := l.run(t, 3)
	require.Equal(t, []string{"convergence.endpoint.writer-restart"}, l.folders(t))
	require.Empty(t, result.New)
	findings, err := corpus.Read(l.dir)
	require.NoError(t, err)
	require.True(t, findings[0].Minimal)
	require.Equal(t, "shrunk: convergence of endpoint", findings[0].Sentence)
	require.Equal(t, []corpus.Occurrence{{Seed: 4}}, findings[0].Seeds)
	l.run(t, 3)
	require.Equal(t, 1, l.shrunk)
}
