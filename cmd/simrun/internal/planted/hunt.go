package planted

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Runner runs a plan and judges its history, which it also returns in its file
// form. Its error is a *det.Failure if the worker failed; another error ends the
// hunt. It is called from several goroutines.
type Runner interface {
	Execute(ctx context.Context, plan *fault.Plan) (*report.Run, []byte, error)
}

// Config is what a hunt works with. All fields are needed, except OnSeed.
type Config struct {
	Planted  Runner // with the bug
	Clean    Runner // without it
	Draw     func(seed uint64) (*fault.Plan, error)
	Parallel int            // seeds at once
	OnSeed   func(done int) // if non-nil, told how many seeds are done, one call at a time
}

// Result is what came of a hunt.
type Result struct {
	Caught    bool
	Seed      uint64 // the lowest that catches the bug, and what it shows
	Plan      *fault.Plan
	Violation checker.Violation

	Seeds  int // up to the one that catches the bug, or all
	Known  int // of these, that break the property without the bug as well, which is no catch
	Failed int // of these, whose worker with the bug failed
}

// outcome is what a seed showed.
type outcome int

const (
	nothing outcome = iota
	catches
	known
	failed
)

// Search runs seeds from 0 on until the bug is caught or its budget is spent. Of
// several seeds that catch it the lowest counts, and nothing above it, so that the
// result does not depend on how many run at once. The error is that of ctx, or of
// what made it impossible to go on.
func Search(ctx context.Context, bug *Bug, cfg Config) (Result, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	h := hunt{bug: bug, cfg: cfg, outcomes: make([]outcome, bug.Hunt.Seeds)}
	h.result.Seeds = bug.Hunt.Seeds
	var lanes sync.WaitGroup
	for range cfg.Parallel {
		lanes.Go(func() {
			for seed, more := h.begin(ctx); more; seed, more = h.begin(ctx) {
				if err := h.try(ctx, seed); err != nil {
					stop(fmt.Errorf("seed %d: %w", seed, err))
				}
			}
		})
	}
	lanes.Wait()
	return h.sum(), context.Cause(ctx)
}

type hunt struct {
	bug *Bug
	cfg Config

	mu       sync.Mutex // guards what follows
	next     int        // the seed to begin with next
	done     int
	outcomes []outcome // of each seed
	result   Result    // its Seeds shrinks to what matters
}

func (h *hunt) begin(ctx context.Context) (seed uint64, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil || h.next >= h.result.Seeds {
		return 0, false
	}
	h.next++
	return uint64(h.next - 1), true
}

// try runs one seed and notes what it shows.
func (h *hunt) try(ctx context.Context, seed uint64) error {
	plan, err := h.cfg.Draw(seed)
	if err != nil {
		return err
	}
	run, _, err := h.cfg.Planted.Execute(ctx, plan)
	var failure *det.Failure
	switch {
	case errors.As(err, &failure):
		h.note(seed, failed, nil)
		return nil
	case err != nil:
		return err
	}
	is, err := judge(ctx, h.bug, h.cfg.Clean, run)
	if err == nil {
		h.note(seed, is, run)
	}
	return err
}

// Catches tells whether a run of a plan with the bug catches it: whether the plan
// breaks the property in the way that the bug says, and without the bug does not
// break it on that kind of object at all.
func Catches(ctx context.Context, bug *Bug, clean Runner, run *report.Run) (bool, error) {
	is, err := judge(ctx, bug, clean, run)
	return is == catches, err
}

func judge(ctx context.Context, bug *Bug, clean Runner, run *report.Run) (outcome, error) {
	if _, shown := bug.by(run.Verdict); !shown || undetermined(run) {
		return nothing, nil
	}
	without, _, err := clean.Execute(ctx, run.Plan)
	if err != nil {
		return nothing, fmt.Errorf("the worker without the bug: %w", err)
	}
	if _, broken := without.Verdict.First(bug.Finding()); broken || undetermined(without) {
		return known, nil
	}
	return catches, nil
}

// undetermined tells of a run whether its seed left something open, so that another
// might show something else.
func undetermined(run *report.Run) bool { return run.Deterministic && run.Unseeded > 0 }

func (h *hunt) note(seed uint64, is outcome, run *report.Run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outcomes[seed] = is
	h.done++
	if is == catches && int(seed) < h.result.Seeds {
		violation, _ := h.bug.by(run.Verdict)
		h.result = Result{Caught: true, Seed: seed, Plan: run.Plan, Violation: violation, Seeds: int(seed) + 1}
	}
	if h.cfg.OnSeed != nil {
		h.cfg.OnSeed(h.done)
	}
}

func (h *hunt) sum() Result {
	r := h.result
	for _, is := range h.outcomes[:r.Seeds] {
		switch is {
		case known:
			r.Known++
		case failed:
			r.Failed++
		}
	}
	return r
}
