package repairs

import (
	"context"
	"iter"
	"slices"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/internal/drive"
)

// Config is what plans are run with.
type Config struct {
	Kept     *Kept
	Without  Worker
	Parallel int
	Seeds    int  // at least so many besides the plan's own; zero: what a Show says
	Vary     bool // with each seed the plan's times and order vary, too
	OnRun    func(done, all int)
}

// Shown is how many runs of a plan break what it is to show.
type Shown struct {
	Repair  string `json:"repair"`
	Plan    string `json:"plan"`
	Seeds   int    `json:"seeds"`           // that were tried, each with and without
	Without int    `json:"without"`         // of them, that break without the repair
	With    int    `json:"with"`            // that break with it
	Open    int    `json:"open"`            // that say nothing with it
	First   string `json:"first,omitempty"` // violation with it
}

// Done tells whether the repair takes away what the plan shows.
func (s Shown) Done() bool { return s.Without > 0 && s.With == 0 && s.Open == 0 }

type try struct {
	seed uint64
	with bool
}

// Try runs the plan of a show with and without a repair.
func Try(ctx context.Context, cfg Config, r *Repair, s Show, plan *fault.Plan, with Worker) (Shown, error) {
	most := max(s.Seeds, cfg.Seeds)
	if most == 0 {
		most = DefaultSeeds
	}
	seeds := []uint64{plan.Seed}
	for seed := range uint64(most) {
		if seed != plan.Seed {
			seeds = append(seeds, seed)
		}
	}
	shown, done := Shown{Repair: r.Name, Plan: s.Plan, Seeds: len(seeds)}, 0
	err := drive.Each(ctx, tries(seeds), cfg.Parallel, func(ctx context.Context, t try) (Outcome, error) {
		p, worker := *plan, cfg.Without
		p.Seed = t.seed
		varied := &p
		if cfg.Vary && t.seed != plan.Seed {
			varied = draw.Vary(plan, t.seed)
		}
		if t.with {
			var err error
			if varied, err = r.Set(varied); err != nil {
				return Outcome{}, err
			}
			worker = with
		}
		return cfg.Kept.Run(ctx, worker, varied)
	}, func(t try, o Outcome) error {
		switch broke := o.breaks(s); {
		case broke && t.with:
			shown.With++
			shown.First = o.first(s)
		case broke:
			shown.Without++
		case t.with && o.leavesOpen(s):
			shown.Open++
		}
		done++
		cfg.OnRun(done, 2*len(seeds))
		return nil
	})
	return shown, err
}

func (o Outcome) first(s Show) string {
	for _, b := range o.Broke {
		if slices.Contains(s.Breaks, b.Property) {
			return b.First
		}
	}
	return o.Crash
}

func tries(seeds []uint64) iter.Seq[try] {
	return func(yield func(try) bool) {
		for _, seed := range seeds {
			if !yield(try{seed, false}) || !yield(try{seed, true}) {
				return
			}
		}
	}
}
