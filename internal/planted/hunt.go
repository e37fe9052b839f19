package planted

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Plans returns what gives each seed its plan. Of a bug with a plan of its own, a file in
// the directory, seed 0 stands for that plan as it is: what others vary may be just what
// the bug needs.
func (b *Bug) Plans(dir fs.FS) (func(seed uint64) (*fault.Plan, error), error) {
	if b.Hunt.Plan == "" {
		scenario := b.Hunt.Family
		if scenario == Swarm {
			scenario = ""
		}
		plans, err := family.New(scenario, draw.Config{Mode: b.Hunt.Mode, Agents: fault.Agents(b.Hunt.Agents)})
		if err != nil {
			return nil, err
		}
		return plans.Member, nil
	}
	data, err := fs.ReadFile(dir, b.Hunt.Plan)
	if err != nil {
		return nil, err
	}
	plan, err := fault.Read(b.Hunt.Plan, data)
	if err != nil {
		return nil, err
	}
	varied := family.Of(plan)
	return func(seed uint64) (*fault.Plan, error) {
		if seed == 0 {
			return plan, nil
		}
		return varied.Member(seed)
	}, nil
}

// Config is what a hunt works with. All fields are needed, except OnSeed and those of
// Try alone.
type Config struct {
	Planted  drive.Runner // with the bug
	Clean    drive.Runner // without it
	Draw     func(seed uint64) (*fault.Plan, error)
	Parallel int            // seeds at once
	OnSeed   func(done int) // if non-nil, told how many seeds are done, one call at a time

	// Of Try: how long to make the plan smaller that catches the bug, zero for not at all,
	// and what is told how that goes.
	Shrink   time.Duration
	OnShrink func(*fault.Plan) func(shrink.Progress)
}

// Result is what came of a hunt.
type Result struct {
	Caught    bool
	Seed      uint64 // the lowest that catches the bug, and what it shows
	Plan      *fault.Plan
	Violation checker.Violation
	Measured  *Measured // if that looks like a finding

	Seeds  int       // up to the one that catches the bug, or all
	Taken  []Taken   // of these, those that do not catch it, since what they break may be a finding about Cilium as it is
	Known  int       // of these, that break the property without the bug as well, which is no catch
	Failed []Failure // of these, whose worker with the bug failed
}

// Taken is a seed whose plan breaks what the bug must break, and only with the bug; but it
// looks like a finding about Cilium as it is, and over other schedules the plan does not break it
// more often with the bug than without.
type Taken struct {
	Seed      uint64 `json:"seed"`
	Mechanism string `json:"mechanism"`
	Measured
}

// Failure is a plan whose worker failed.
type Failure struct {
	Plan *fault.Plan
	*det.Failure
}

// Search runs seeds from 0 on until the bug is caught or its budget is spent. Of
// several seeds that catch it the lowest counts, and nothing above it, so that the
// result does not depend on how many run at once. The error is that of ctx, or of
// what made it impossible to go on, such as a plan that the worker refuses.
func Search(ctx context.Context, bug *Bug, cfg Config) (Result, error) {
	h := hunt{bug: bug, cfg: cfg, tries: make([]try, bug.Hunt.Seeds)}
	err := drive.Each(ctx, h.seeds, cfg.Parallel, h.try, h.note)
	return h.result(), err
}

// A try is what came of a seed.
type try struct {
	outcome
	plan      *fault.Plan
	violation checker.Violation // that the bug must break
	measured  *Measured         // if that looks like a finding
	failure   *det.Failure      // of a seed that failed
}

type outcome int

const (
	nothing outcome = iota
	catches
	known
	taken
	failed
)

type hunt struct {
	bug   *Bug
	cfg   Config
	done  int
	tries []try // of the seeds that can still matter
}

func (h *hunt) seeds(yield func(seed uint64) bool) {
	for seed := 0; seed < len(h.tries) && yield(uint64(seed)); seed++ {
	}
}

func (h *hunt) try(ctx context.Context, seed uint64) (t try, err error) {
	if t.plan, err = h.cfg.Draw(seed); err != nil {
		return t, fmt.Errorf("seed %d: %w", seed, err)
	}
	run, err := h.cfg.Planted.Run(ctx, t.plan)
	if errors.As(err, &t.failure) && t.failure.Kind != det.Input {
		t.outcome = failed
		return t, nil
	}
	if err == nil {
		t.violation, _ = h.bug.By(run.Verdict)
		t.outcome, t.measured, err = judge(ctx, h.bug, h.cfg, run.Run)
	}
	if err != nil {
		err = fmt.Errorf("seed %d: %w", seed, err)
	}
	return t, err
}

// note keeps what came of a seed. What comes after one that catches the bug does not
// matter.
func (h *hunt) note(seed uint64, t try) error {
	if seed < uint64(len(h.tries)) {
		h.tries[seed] = t
		if t.outcome == catches {
			h.tries = h.tries[:seed+1]
		}
	}
	h.done++
	if h.cfg.OnSeed != nil {
		h.cfg.OnSeed(h.done)
	}
	return nil
}

func (h *hunt) result() Result {
	r := Result{Seeds: len(h.tries)}
	for seed, t := range h.tries {
		switch t.outcome {
		case catches:
			r.Caught, r.Seed, r.Plan, r.Violation, r.Measured = true, uint64(seed), t.plan, t.violation, t.measured
		case known:
			r.Known++
		case taken:
			r.Taken = append(r.Taken, Taken{uint64(seed), t.violation.Cause.Name(), *t.measured})
		case failed:
			r.Failed = append(r.Failed, Failure{t.plan, t.failure})
		}
	}
	return r
}

// judge tells of a run of a plan with the bug whether it catches it: whether the plan
// breaks the property in the way that the bug says, and without the bug does not
// break it on that kind of object at all. What looks like a finding about Cilium as it is may
// have come by chance with the bug alone; so that is measured.
func judge(ctx context.Context, bug *Bug, cfg Config, run *report.Run) (outcome, *Measured, error) {
	violation, shown := bug.By(run.Verdict)
	if !shown || undetermined(run) {
		return nothing, nil, nil
	}
	without, err := cfg.Clean.Run(ctx, run.Plan)
	switch {
	case err != nil:
		return nothing, nil, fmt.Errorf("the worker without the bug: %w", err)
	case bug.breaks(without.Verdict) || undetermined(without.Run):
		return known, nil, nil
	case violation.Cause == nil:
		return catches, nil, nil
	}
	measured, err := measure(ctx, bug, cfg, run.Plan)
	if err != nil || measured.byChance() {
		return taken, &measured, err
	}
	return catches, &measured, nil
}

// undetermined tells of a run whether its seed left something open, so that another
// might show something else.
func undetermined(run *report.Run) bool { return run.Deterministic && run.Unseeded > 0 }
