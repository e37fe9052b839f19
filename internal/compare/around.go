package compare

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
)

const (
	// mostTried is how many of a way's seeds are tried with other schedules.
	mostTried = 3
	// byChance is how probable a difference may be if the branch is like the baseline:
	// below it, it is a regression.
	byChance = 0.01
)

// Around counts the schedules, other than those by which a way was found, in which it
// shows: plans of its seeds, each with another seed for network and scheduler.
type Around struct {
	Branch        int     `json:"branch"` // of BranchRuns
	BranchRuns    int     `json:"branchRuns"`
	Baseline      int     `json:"baseline"` // of BaselineRuns
	BaselineRuns  int     `json:"baselineRuns"`
	Chance        float64 `json:"chance"`        // of so great a difference, or a greater one, where there is none
	KnownBaseline bool    `json:"knownBaseline"` // the baseline breaks so in other runs
}

// Confidence is that of the difference not being chance.
func (a Around) Confidence() string {
	switch {
	case a.BranchRuns == 0 || a.BaselineRuns == 0:
		return "too few runs"
	case a.Branch*a.BaselineRuns <= a.Baseline*a.BranchRuns:
		return "no difference"
	case a.Chance < 0.0001:
		return "more than 99.99 %"
	case Chance(a.BranchRuns, a.BranchRuns, 0, a.BaselineRuns) >= byChance:
		return fmt.Sprintf("%.2f %%, too few runs for the %.0f %% that a regression needs", 100*(1-a.Chance), 100*(1-byChance))
	}
	return fmt.Sprintf("%.2f %%", 100*(1-a.Chance))
}

func (a Around) String() string {
	if a.BranchRuns == 0 {
		return "not tried with other schedules"
	}
	confidence := a.Confidence()
	if strings.Contains(confidence, "%") {
		confidence = "not by chance with a confidence of " + confidence
	}
	return fmt.Sprintf("with other schedules of the same plans the branch breaks so in %d of %d, the baseline in %d of %d: %s",
		a.Branch, a.BranchRuns, a.Baseline, a.BaselineRuns, confidence)
}

// follow tells regressions from shifted schedules, and makes their plans small.
func (r *Report) follow(ctx context.Context, cfg Config) error {
	for _, d := range r.Findings {
		for i := range r.Seeds {
			d.Around.KnownBaseline = d.Around.KnownBaseline || r.Seeds[i].Baseline.way(d.Name) != nil
		}
	}
	// What is known comes after what is not, of which it may be a consequence.
	slices.SortStableFunc(r.Findings, func(a, b *Difference) int {
		switch {
		case a.Known == b.Known:
			return 0
		case b.Known:
			return -1
		}
		return 1
	})
	for i, d := range r.Findings {
		if d.comesWith(r.Findings[:i]) {
			continue
		}
		if err := d.try(ctx, cfg); err != nil {
			return err
		}
		if err := d.show(ctx, cfg); err != nil {
			return err
		}
	}
	return nil
}

// comesWith finds the regression that has broken this way, too: its smallest plan does, or,
// of a known mechanism, each run that shows it.
func (d *Difference) comesWith(followed []*Difference) bool {
	for _, r := range followed {
		switch {
		case r.Outcome != Regressed || r.Of != "":
		case r.Shrunk != "" && slices.Contains(r.also, d.Name):
			d.Of, d.How, d.Outcome = r.Name, "also broken by the same plan", Regressed
			return true
		case d.Known && !d.Around.KnownBaseline && !slices.ContainsFunc(d.Seeds, func(seed uint64) bool { return !slices.Contains(r.Seeds, seed) }):
			d.Of, d.How, d.Outcome = r.Name, "together with the regression above", Regressed
			return true
		}
	}
	return false
}

// try runs other schedules of the plans that show it, until they tell.
func (d *Difference) try(ctx context.Context, cfg Config) error {
	for i, seed := range d.Seeds {
		if i == mostTried || d.Outcome == Regressed {
			break
		}
		plan, err := cfg.Plan(seed)
		if err != nil {
			return err
		}
		type pair struct{ baseline, branch Observed }
		err = drive.Each(ctx, Schedules(plan, cfg.Around), cfg.Parallel, func(ctx context.Context, plan *fault.Plan) (p pair, err error) {
			if p.baseline, err = observe(ctx, cfg.Baseline, plan); err != nil {
				return p, err
			}
			p.branch, err = observe(ctx, cfg.Branch, plan)
			return p, err
		}, func(_ *fault.Plan, p pair) error {
			count(&p.branch, d.Name, &d.Around.Branch, &d.Around.BranchRuns)
			count(&p.baseline, d.Name, &d.Around.Baseline, &d.Around.BaselineRuns)
			d.Around.Chance = Chance(d.Around.Branch, d.Around.BranchRuns, d.Around.Baseline, d.Around.BaselineRuns)
			if cfg.OnProgress != nil {
				cfg.OnProgress(fmt.Sprintf("%s: tried %d other schedules", d.Name, d.Around.BranchRuns))
			}
			return nil
		})
		if err != nil {
			return err
		}
		d.Around.KnownBaseline = d.Around.KnownBaseline || d.Around.Baseline > 0
		d.Outcome = d.Around.outcome()
	}
	return nil
}

// outcome is what the schedules tell of a way.
func (a Around) outcome() Outcome {
	switch {
	case a.Chance < byChance:
		return Regressed
	case a.KnownBaseline:
		return Changed
	}
	return Undecided
}

func count(o *Observed, way string, shows, runs *int) {
	if o.Hash == "" && len(o.Ways) == 0 {
		return // it decides nothing
	}
	*runs++
	if o.way(way) != nil {
		*shows++
	}
}

// Schedules are the plan with the seeds 1, 2, and so on, but its own.
func Schedules(plan *fault.Plan, n int) iter.Seq[*fault.Plan] {
	return func(yield func(*fault.Plan) bool) {
		for seed := uint64(1); n > 0; seed++ {
			if seed == plan.Seed {
				continue
			}
			n--
			other := *plan
			other.Seed = seed
			if !yield(&other) {
				return
			}
		}
	}
}

// Chance is Fisher's exact test, one-sided: how probable it is that of the a + c runs that
// show something at least a are among the n of the branch, if it is as probable on both.
func Chance(a, n, c, m int) float64 {
	shown := int64(a + c)
	binomial := func(n, k int64) *big.Int { return new(big.Int).Binomial(n, k) }
	sum := new(big.Int)
	for i := int64(a); i <= min(shown, int64(n)); i++ {
		if shown-i <= int64(m) {
			sum.Add(sum, new(big.Int).Mul(binomial(int64(n), i), binomial(int64(m), shown-i)))
		}
	}
	p, _ := new(big.Rat).SetFrac(sum, binomial(int64(n+m), shown)).Float64()
	return p
}

// show keeps a plan that shows the difference: small, if it is a regression, and such that
// the baseline passes where it can be had.
func (d *Difference) show(ctx context.Context, cfg Config) error {
	plan, err := cfg.Plan(d.Seeds[0])
	if err != nil {
		return err
	}
	d.Plan = plan
	if d.Outcome == Regressed && cfg.Shrink != nil && d.finding.Property != "" {
		before, err := observe(ctx, cfg.Baseline, plan)
		if err != nil {
			return err
		}
		clean := len(before.Ways)+len(before.Undecided) == 0
		shrunk, err := cfg.Shrink(ctx, plan, d.finding, func(ctx context.Context, run *report.Run) (bool, error) {
			base, err := observe(ctx, cfg.Baseline, run.Plan)
			return base.way(d.Name) == nil && base.Hash != "" && (!clean || len(base.Ways)+len(base.Undecided) == 0), err
		})
		var nothing *drive.NothingToShrink
		if err != nil && !errors.As(err, &nothing) {
			return err
		}
		if shrunk != nil {
			d.Plan = shrunk.Run.Plan
			d.Shrunk = fmt.Sprintf("%d decisions to %d in %d runs", shrunk.Before.Decisions(), shrunk.After.Decisions(), shrunk.Runs)
		}
	}
	base, err := observe(ctx, cfg.Baseline, d.Plan)
	if err != nil {
		return err
	}
	branch, err := observe(ctx, cfg.Branch, d.Plan)
	if err != nil {
		return err
	}
	d.OnBase, d.OnBranch, d.also = base.says(), branch.says(), without(&branch, &base)
	return nil
}

// says is what a run showed, in a few words.
func (o *Observed) says() string {
	switch {
	case len(o.Broken) > 0:
		return "breaks " + list(o.Broken)
	case len(o.Undecided) > 0:
		return "is undecided: " + list(o.Undecided)
	}
	return "passes"
}
