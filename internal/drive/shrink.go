package drive

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// ShrinkConfig says how to shrink. The zero value searches with one run at a time
// until nothing gets smaller.
type ShrinkConfig struct {
	Parallel int           // runs at once; zero: 1
	For      time.Duration // wall time after which the search ends with what it has; zero: no bound
	// OnProgress, if non-nil, is told about each run, one call at a time.
	OnProgress func(shrink.Progress)
	// OnFailure, if non-nil, is told about each plan whose worker failed, which does
	// not count as the finding. It is called from several goroutines.
	OnFailure func(*fault.Plan, *det.Failure)
	// Counts, if non-nil, tells of a run that breaks the finding whether it counts as
	// what is followed. It is not asked about the given plan's, and called from several
	// goroutines; its error ends the search.
	Counts func(context.Context, *report.Run) (bool, error)
}

// otherSeeds is how many other seeds each smaller plan is tried with.
const otherSeeds = 4

// NothingToShrink is the error for a plan whose run does not break what was asked
// for: one sentence.
type NothingToShrink struct{ text string }

func (e *NothingToShrink) Error() string { return e.text }

// Shrink returns a plan that breaks the same property on the same kind of object
// and is as small as the search can make it, run again in two processes to see
// that it replays. Of a finding that has no property or no kind, the first of the
// run's that fits is followed, rather one that the mode promises. If ctx ends, Shrink returns the best plan so far,
// not run again, and the error of ctx. Other errors come without a result: a
// *NothingToShrink, a *det.Failure of the given plan's worker.
func (r *Simulator) Shrink(ctx context.Context, plan *fault.Plan, finding checker.Finding, cfg ShrinkConfig) (*report.Shrunk, error) {
	start := time.Now()
	given, err := r.Run(ctx, plan)
	if err != nil {
		return nil, err
	}
	all := given.Verdict.Findings()
	i, err := choose(given.Verdict, finding)
	if err != nil {
		return nil, err
	}
	o := newOracle(r, all[i], given.Run, cfg.OnFailure)
	o.counts = cfg.Counts
	searching := ctx
	if cfg.For > 0 {
		var cancel context.CancelFunc
		searching, cancel = context.WithDeadline(ctx, start.Add(cfg.For))
		defer cancel()
	}
	found, err := shrink.Shrink(searching, plan, o.outcome(given.Index, given.Run), shrink.Config{
		Run:        o.run,
		KeepSettle: o.finding.Property == convergence,
		Seeds:      otherSeeds,
		Parallel:   cfg.Parallel,
		Progress:   cfg.OnProgress,
	})
	if err != nil {
		return nil, err
	}
	result := &report.Shrunk{
		Finding: o.finding,
		Others:  append(append([]checker.Finding{}, all[:i]...), all[i+1:]...),
		Before:  shrink.SizeOf(plan),
		After:   shrink.SizeOf(found.Plan),
		Run:     o.shown[found.Plan.Line()],
		Minimal: found.Minimal,
		Runs:    1 + o.runs,
		Failed:  o.failed,
		Replays: report.NotTested,
	}
	if finding.Property == "" {
		result.Chosen = "it is the first, as the mode promises none of them"
		if r, _ := given.Verdict.Result(o.finding.Property); r.Promised {
			result.Chosen = "it is the first that the mode promises"
		}
	}
	result.Violation, _ = result.Run.Verdict.First(o.finding)
	switch {
	case ctx.Err() != nil:
		result.Note = "interrupted"
	case searching.Err() != nil:
		result.Note = fmt.Sprintf("the time of %s is up", cfg.For)
	}
	if ctx.Err() == nil && result.Run.Deterministic {
		result.Replays, err = r.replays(ctx, result.Run)
		result.Runs += 2
	}
	result.Elapsed = time.Since(start)
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	return result, err
}

// choose returns which of the verdict's findings is followed: the first that fits what was
// asked for, where an empty property, kind or cause fits all, and rather one of a property
// that the mode promises.
func choose(v checker.Verdict, asked checker.Finding) (int, error) {
	all, first := v.Findings(), -1
	var names []string
	for i, f := range all {
		if (asked.Property == "" || asked.Property == f.Property) && (asked.Kind == "" || asked.Kind == f.Kind) && (asked.Cause == "" || asked.Cause == f.Cause) {
			if r, _ := v.Result(f.Property); r.Promised {
				return i, nil
			}
			if first < 0 {
				first = i
			}
		}
		names = append(names, f.String())
	}
	if first >= 0 {
		return first, nil
	}
	if len(all) == 0 {
		return 0, &NothingToShrink{"the run breaks no property, so there is nothing to shrink"}
	}
	what := asked.String()
	if asked.Property == "" {
		what = "anything of " + asked.Kind
	}
	return 0, &NothingToShrink{fmt.Sprintf("the run does not break %s; it breaks %s", what, strings.Join(names, ", "))}
}

// replays runs a plan in two more processes and compares.
func (r *Simulator) replays(ctx context.Context, run *report.Run) (report.Replays, error) {
	for range 2 {
		again, err := r.Run(ctx, run.Plan)
		if err != nil {
			return report.NotTested, err
		}
		if again.Hash != run.Hash {
			return report.Differs, nil
		}
	}
	return report.Replayed, nil
}
