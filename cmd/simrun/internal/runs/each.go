package runs

import (
	"context"
	"runtime"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/report"
)

// ManySeeds returns the plans of seeds and what runs them. What is wrong with all plans it
// says before a build of minutes.
func ManySeeds(ctx context.Context, c *console.Console, p *Family, w Worker, l Limits, seeds drive.Seeds) (*family.Family, *drive.Simulator, error) {
	plans, err := SeedPlans(c, p, seeds)
	if err != nil {
		return nil, nil, err
	}
	runner, err := Simulator(ctx, c, w, l)
	return plans, runner, err
}

// SeedPlans returns the plans of seeds.
func SeedPlans(c *console.Console, p *Family, seeds drive.Seeds) (*family.Family, error) {
	plans, err := Plans(c, p)
	if err != nil {
		return nil, err
	}
	if _, err := plans.Member(seeds.First); err != nil {
		return nil, console.Usage(err)
	}
	return plans, nil
}

// Each runs what is to be done with the plan of each seed, as many at once as there are
// cores, and hands on what came of it, one at a time. An error of done or failed ends it: it
// is not about one seed.
func Each[T any](ctx context.Context, c *console.Console, seeds drive.Seeds, plans *family.Family, run func(context.Context, uint64, *fault.Plan) (T, error),
	done func(uint64, T) error, failed func(report.Failure) error) error {
	type attempt struct {
		plan   *fault.Plan
		result T
		err    error
	}
	return drive.Each(ctx, seeds.All(), runtime.NumCPU(), func(ctx context.Context, seed uint64) (a attempt, _ error) {
		if a.plan, a.err = plans.Member(seed); a.err == nil {
			a.result, a.err = run(ctx, seed, a.plan)
		}
		return a, nil
	}, func(seed uint64, a attempt) error {
		if a.err == nil {
			return done(seed, a.result)
		}
		failure, err := Failure(c, a.plan, a.err)
		if err != nil {
			return err
		}
		return failed(failure)
	})
}
