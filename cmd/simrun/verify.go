package main

import (
	"context"
	"flag"
	"runtime"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
)

type comparison struct {
	plan    *fault.Plan
	virtual time.Duration
	report.Comparison
	err error
}

// verify runs each seed twice and compares the histories.
func (c *console) verify(ctx context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("verify", flag.ContinueOnError)
	var (
		seeds    seedsFlag
		files    list
		mode     modeFlag
		asJSON   = set.Bool("json", false, "")
		location workerFlags
	)
	set.Var(&seeds, "seeds", "")
	set.Var(&files, "objects", "")
	set.Var(&mode, "mode", "")
	set.StringVar(&location.path, "worker", "", "")
	if err := parse(set, args); err != nil {
		return 0, err
	}
	switch {
	case set.NArg() > 0:
		return 0, usageErrorf("verify takes no arguments, and there is %q; -seeds A-B names the seeds", set.Arg(0))
	case !seeds.given:
		return 0, usageErrorf("verify needs -seeds A-B, such as -seeds 0-99")
	}
	if err := location.check(); err != nil {
		return 0, err
	}
	objects, err := c.loadObjects(files)
	if err != nil {
		return 0, err
	}
	config := fault.DrawConfig{Mode: string(mode), Objects: objects}
	if _, err := fault.Draw(seeds.First, config); err != nil {
		return 0, &usageError{err}
	}
	worker, err := c.worker(ctx, location)
	if err != nil {
		return 0, err
	}
	result, stopped := c.compareAll(ctx, &drive.Simulator{Worker: worker}, seeds.Seeds, config)
	if *asJSON {
		err = result.WriteJSON(c.stdout)
	} else {
		err = result.WriteText(c.stdout)
	}
	if err != nil {
		return 0, err
	}
	return verifyStatus(result), stopped
}

// compareAll compares the runs of all seeds, with all cores busy: what a run must
// not depend on.
func (c *console) compareAll(ctx context.Context, runner *drive.Simulator, seeds drive.Seeds, config fault.DrawConfig) (*report.Verification, error) {
	start := time.Now()
	result := &report.Verification{Seeds: seeds.Count()}
	stopped := drive.Each(ctx, seeds.All(), runtime.NumCPU(), func(ctx context.Context, seed uint64) (one comparison, _ error) {
		if one.plan, one.err = fault.Draw(seed, config); one.err == nil {
			one.Comparison, one.virtual, one.err = runner.Compare(ctx, one.plan)
		}
		return one, nil
	}, func(_ uint64, one comparison) error {
		if one.err == nil {
			result.Add(one.Comparison, one.virtual)
		} else if failure, err := c.failure(one.plan, one.err); err == nil {
			result.AddFailure(failure)
		} else {
			return err
		}
		c.progress.show("%s %d of %d seeds twice, %d differ", bar(result.Done(), result.Seeds), result.Done(), result.Seeds, result.Differing())
		return nil
	})
	c.progress.clear()
	result.Elapsed = time.Since(start)
	if stopped != nil {
		result.Note = "stopped before all seeds were compared"
	}
	return result, stopped
}

func verifyStatus(v *report.Verification) int {
	switch {
	case v.Failed() > 0:
		return statusHarness
	case v.Differing()+v.Unsure() > 0:
		return statusBroken
	}
	return statusHold
}
