package main

import (
	"context"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/report"
)

const verifyHelp = `
verify runs each seed twice, in separate processes, and compares the histories
byte by byte. It prints the first line that differs, if any.

  simrun verify -seeds 0-99

A run in which the seed did not determine every event (a system call that
blocked for long) is run again and counted; a seed that stays so after 3 reruns
is undecided, which is not a success.

Flags:

Examples:
  simrun verify -seeds 0-199
  simrun verify -seeds 0-49 -mode crd
  simrun verify -seeds 7

Exit status: 0 if all histories are equal, 1 if some differ or are undecided,
2 for bad flags, 3 if a run failed, 130 if interrupted.
`

// verify is the command that runs each seed twice and compares the histories: with all
// cores busy, which is what a run must not depend on.
type verify struct {
	seeds runs.Seeds
	runs.Family
	worker runs.Worker
	limits runs.Limits
	json   bool
}

func (v *verify) Flags(f *console.Flags) {
	f.Add(&v.seeds, "seeds A-B", "the seeds; one number is one seed")
	v.Family.Add(f)
	f.Add(&v.worker.Path, "worker FILE", "use a worker from build-worker")
	v.limits.Add(f)
	f.JSON(&v.json)
}

func (v *verify) Run(ctx context.Context, c *console.Console) (int, error) {
	if !v.seeds.Given {
		return 0, console.Usagef("verify needs -seeds A-B, such as -seeds 0-99")
	}
	if err := (&runs.Source{Family: v.Family, Worker: v.worker, Limits: v.limits}).Check(true); err != nil {
		return 0, err
	}
	plans, runner, err := runs.ManySeeds(ctx, c, &v.Family, v.worker, v.limits, v.seeds.Seeds)
	if err != nil {
		return 0, err
	}
	first, err := plans.Member(v.seeds.First)
	if err != nil {
		return 0, err
	}
	type compared struct {
		report.Comparison
		virtual time.Duration
	}
	start := time.Now()
	result := report.Verification{Seeds: v.seeds.Count(), Code: runs.Code(ctx, c, runner, first)}
	show := func() error {
		c.Progress.Show("%s %d of %d seeds twice, %d differ", console.Bar(result.Done(), result.Seeds), result.Done(), result.Seeds, result.Differing())
		return nil
	}
	stopped := runs.Each(ctx, c, v.seeds.Seeds, plans, func(ctx context.Context, _ uint64, plan *fault.Plan) (one compared, err error) {
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
	if err := write(c.Stdout); err != nil {
		return 0, err
	}
	switch {
	case result.Failed() > 0:
		return console.StatusHarness, stopped
	case result.Differing()+result.Unsure() > 0:
		return console.StatusBroken, stopped
	}
	return console.StatusHold, stopped
}
