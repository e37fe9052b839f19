package main

import (
	"context"
	"runtime"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/report"
)

// verify is the command that runs each seed twice and compares the histories: with all
// cores busy, which is what a run must not depend on.
type verify struct {
	seeds seedsFlag
	familyFlags
	worker workerFlags
	limits limitFlags
	json   bool
}

func (v *verify) flags(f *flags) {
	f.add(&v.seeds, "seeds A-B", "the seeds; one number is one seed")
	v.familyFlags.add(f)
	f.add(&v.worker.path, "worker FILE", "use a worker from build-worker")
	v.limits.add(f)
	f.json(&v.json)
}

func (v *verify) run(ctx context.Context, c *console) (int, error) {
	if !v.seeds.given {
		return 0, usageErrorf("verify needs -seeds A-B, such as -seeds 0-99")
	}
	if err := (&sourceFlags{familyFlags: v.familyFlags, worker: v.worker, limits: v.limits}).check(true); err != nil {
		return 0, err
	}
	plans, runner, err := c.manySeeds(ctx, &v.familyFlags, v.worker, v.limits, v.seeds.Seeds)
	if err != nil {
		return 0, err
	}
	type compared struct {
		report.Comparison
		virtual time.Duration
	}
	start := time.Now()
	result := report.Verification{Seeds: v.seeds.Count(), Code: c.code(runner)}
	show := func() error {
		c.progress.show("%s %d of %d seeds twice, %d differ", bar(result.Done(), result.Seeds), result.Done(), result.Seeds, result.Differing())
		return nil
	}
	stopped := eachSeed(ctx, c, v.seeds.Seeds, plans, func(ctx context.Context, _ uint64, plan *fault.Plan) (one compared, err error) {
		one.Comparison, one.virtual, err = runner.Compare(ctx, plan)
		return one, err
	}, func(_ uint64, one compared) error {
		result.Add(one.Comparison, one.virtual)
		return show()
	}, func(failure report.Failure) error {
		result.AddFailure(failure)
		return show()
	})
	result.Elapsed = time.Since(start)
	if stopped != nil {
		result.Note = "stopped before all seeds were compared"
	}
	write := result.WriteText
	if v.json {
		write = result.WriteJSON
	}
	if err := write(c.stdout); err != nil {
		return 0, err
	}
	switch {
	case result.Failed() > 0:
		return statusHarness, stopped
	case result.Differing()+result.Unsure() > 0:
		return statusBroken, stopped
	}
	return statusHold, stopped
}

// manySeeds returns the plans of seeds and what runs them. What is wrong with all plans it
// says before a build of minutes.
func (c *console) manySeeds(ctx context.Context, p *familyFlags, w workerFlags, l limitFlags, seeds drive.Seeds) (*family.Family, *drive.Simulator, error) {
	plans, err := c.seedPlans(p, seeds)
	if err != nil {
		return nil, nil, err
	}
	runner, err := c.simulator(ctx, w, l)
	return plans, runner, err
}

// seedPlans returns the plans of seeds.
func (c *console) seedPlans(p *familyFlags, seeds drive.Seeds) (*family.Family, error) {
	plans, err := c.family(p)
	if err != nil {
		return nil, err
	}
	if _, err := plans.Member(seeds.First); err != nil {
		return nil, &usageError{err}
	}
	return plans, nil
}

// eachSeed runs what is to be done with the plan of each seed, as many at once as there are
// cores, and hands on what came of it, one at a time. An error of done or failed ends it: it
// is not about one seed.
func eachSeed[T any](ctx context.Context, c *console, seeds drive.Seeds, plans *family.Family, run func(context.Context, uint64, *fault.Plan) (T, error),
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
		failure, err := c.failure(a.plan, a.err)
		if err != nil {
			return err
		}
		return failed(failure)
	})
}
