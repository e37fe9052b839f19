package drive

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// convergence is the property that plan.settle is a part of.
const convergence = "convergence"

// oracle tells a search what the runs of plans show.
type oracle struct {
	runner    *Simulator
	finding   checker.Finding
	onFailure func(*fault.Plan, *det.Failure)
	counts    func(context.Context, *report.Run) (bool, error) // as ShrinkConfig.Counts
	settle    fault.Duration                                   // of the given plan

	mu     sync.Mutex
	shown  map[string]*report.Run // runs that show the finding, by their plan
	runs   int
	failed int
}

func newOracle(r *Simulator, finding checker.Finding, given *report.Run, onFailure func(*fault.Plan, *det.Failure)) *oracle {
	// A plan smaller than the given one takes no longer; what does has gone wrong.
	runner := *r
	runner.Limits.WallLimit = 10*time.Second + 5*given.Wall
	return &oracle{
		runner: &runner, finding: finding, onFailure: onFailure, settle: given.Plan.Settle,
		shown: map[string]*report.Run{},
	}
}

// run runs a plan. A run that the worker fails does not show the finding, nor does
// one that its seed did not determine, since it might not show it again.
func (o *oracle) run(ctx context.Context, plan *fault.Plan) (shrink.Outcome, error) {
	run, err := o.runner.Run(ctx, plan)
	if ctx.Err() != nil {
		return shrink.Outcome{}, ctx.Err()
	}
	var failure *det.Failure
	failed := errors.As(err, &failure)
	o.count(failed)
	switch {
	case failed && o.onFailure != nil:
		o.onFailure(plan, failure)
		return shrink.Outcome{}, nil
	case failed:
		return shrink.Outcome{}, nil
	case err != nil:
		return shrink.Outcome{}, err
	case run.Deterministic && run.Unseeded > 0:
		return shrink.Outcome{}, nil
	}
	if _, broken := run.Verdict.First(o.finding); broken && o.counts != nil {
		if counts, err := o.counts(ctx, run.Run); err != nil || !counts {
			return shrink.Outcome{}, err
		}
	}
	return o.outcome(run.Index, run.Run), nil
}

func (o *oracle) count(failed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.runs++
	if failed {
		o.failed++
	}
}

// outcome tells what a run shows, and keeps the run if that is the finding.
func (o *oracle) outcome(x *index.Index, run *report.Run) (seen shrink.Outcome) {
	violation, broken := run.Verdict.First(o.finding)
	if !broken || o.tooSoon(run) {
		return seen
	}
	churn := time.Duration(0)
	seen.Begun = make([]fault.Duration, len(run.Plan.Faults))
	for i := range seen.Begun {
		seen.Begun[i] = shrink.Never
	}
	for i := range x.Records {
		switch r := &x.Records[i]; {
		case r.Verb == history.Phase && r.Key == "churn":
			churn = r.At
		case r.Verb == history.Fault:
			seen.Begun[r.Rev-1] = fault.Duration(r.At - churn)
		case r.Verb == history.Stall && r.From <= violation.At:
			seen.Stalls = append(seen.Stalls, fault.Stall{Function: r.Key, Offset: int(r.Bytes), Visit: int(r.Rev), For: fault.Duration(r.At - r.From)})
		}
	}
	seen.Shows, seen.First = true, fault.Duration(violation.At-churn)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shown[run.Plan.Line()] = run
	return seen
}

// tooSoon tells whether a plan's shorter time to settle may be what keeps views
// from converging: whoever looks for something else would be misled by that.
func (o *oracle) tooSoon(run *report.Run) bool {
	result, _ := run.Verdict.Result(convergence)
	return run.Plan.Settle < o.settle && result.Outcome != checker.Pass
}
