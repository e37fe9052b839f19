package planted

import (
	"context"
	"errors"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Trial is what came of one bug.
type Trial struct {
	Bug *Bug
	Result
	Worker  string          // path of the worker that has the bug
	Elapsed time.Duration   // of the search, in wall time
	Failure *report.Failure // of the first seed whose worker failed; nil if none did
	Shrunk  *report.Shrunk  // nil if it was not shrunk
}

// Try hunts a bug with a simulator that has it and, if it is caught, makes the plan
// smaller that catches it. cfg.Planted is not needed. A trial that is not nil is complete,
// whatever the error.
func Try(ctx context.Context, bug *Bug, with *drive.Simulator, cfg Config) (*Trial, error) {
	start := time.Now()
	cfg.Planted = with
	result, err := Search(ctx, bug, cfg)
	if err != nil {
		return nil, err
	}
	t := &Trial{Bug: bug, Result: result, Worker: with.Worker.Path, Elapsed: time.Since(start)}
	if len(t.Failed) > 0 {
		first, err := drive.Keep(t.Failed[0].Plan, t.Failed[0].Failure)
		if err != nil {
			return nil, err
		}
		t.Failure = &first
	}
	if t.Caught && cfg.Shrink > 0 {
		t.Shrunk, err = with.Shrink(ctx, t.Plan, bug.Finding(), drive.ShrinkConfig{
			Parallel:   cfg.Parallel,
			For:        cfg.Shrink,
			OnProgress: cfg.OnShrink(t.Plan),
			Counts: func(ctx context.Context, run *report.Run) (bool, error) {
				return stillCatches(ctx, bug, cfg, run)
			},
		})
	}
	return t, err
}

// stillCatches tells of a smaller plan whether it catches the bug as well: not, if
// nothing is known of it without the bug.
func stillCatches(ctx context.Context, bug *Bug, cfg Config, run *report.Run) (bool, error) {
	is, _, err := judge(ctx, bug, cfg, run)
	var failure *det.Failure
	if errors.As(err, &failure) {
		return false, nil
	}
	return is == catches, err
}

// Smallest is the smallest plan that is known to show the bug.
func (t *Trial) Smallest() *fault.Plan {
	if t.Shrunk != nil {
		return t.Shrunk.Run.Plan
	}
	return t.Plan
}

// Differs tells whether the smallest plan gives another history in another process: an
// error of the harness.
func (t *Trial) Differs() bool { return t.Shrunk != nil && t.Shrunk.Replays == report.Differs }

// sentence is the violation of the smallest plan that is known.
func (t *Trial) sentence() string {
	if t.Shrunk != nil {
		if violation, shown := t.Bug.By(t.Shrunk.Run.Verdict); shown {
			return violation.Sentence()
		}
	}
	return t.Violation.Sentence()
}
