package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
)

// An attempt is what came of one seed: a run, or an error.
type attempt struct {
	plan *fault.Plan
	run  *report.Run
	err  error
}

// runMany runs a range of seeds, as many at once as there are cores, and reports
// on all of them together. Only the summary is kept.
func (c *console) runMany(ctx context.Context, f *simulateFlags, family *family) (int, error) {
	if _, err := family.member(f.seeds.First); err != nil {
		return 0, err // of the objects, thus of every seed: say it before a build of minutes
	}
	worker, err := c.worker(ctx, f.worker)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	runner := drive.Runner{Worker: worker}
	work := func(ctx context.Context, seed uint64) attempt { return f.attempt(ctx, &runner, seed, family) }

	start := time.Now()
	summary := report.Summary{Seeds: f.seeds.Count()}
	drive.Each(ctx, f.seeds.Seeds, runtime.NumCPU(), work, func(seed uint64, a attempt) {
		if err := c.count(f, &summary, seed, a); err != nil {
			cancel(err)
		}
		c.progress.show("%s %d of %d seeds, %d failing, %.1f seeds/s", bar(summary.Done(), summary.Seeds),
			summary.Done(), summary.Seeds, summary.Failing()+summary.Failed(), float64(summary.Done())/time.Since(start).Seconds())
	})
	c.progress.clear()
	summary.Elapsed = time.Since(start)

	stopped := context.Cause(ctx)
	if stopped != nil {
		summary.Note = "stopped before all seeds were run"
	}
	if err := c.writeSummary(f, &summary); err != nil {
		return 0, err
	}
	return summaryStatus(&summary), stopped
}

func (f *simulateFlags) attempt(ctx context.Context, runner *drive.Runner, seed uint64, family *family) (a attempt) {
	if a.plan, a.err = family.member(seed); a.err != nil {
		return a
	}
	run, err := runner.Run(ctx, a.plan)
	if err != nil {
		a.err = err
		return a
	}
	a.run = run.Run
	a.run.Name = fmt.Sprintf("%sseed %d", family.title, seed)
	if f.writePlan != "" {
		a.err = errors.Join(a.err, writeFile(filepath.Join(f.writePlan, fmt.Sprintf("seed-%d.json", seed)), a.plan.Encode()))
	}
	if f.writeHistory != "" {
		a.err = errors.Join(a.err, writeFile(filepath.Join(f.writeHistory, fmt.Sprintf("seed-%d.history", seed)), run.File))
	}
	return a
}

// count adds an attempt to the summary. Its error ends the campaign: it is not
// about one seed.
func (c *console) count(f *simulateFlags, summary *report.Summary, seed uint64, a attempt) error {
	if a.err != nil {
		failure, err := c.failure(a.plan, a.err)
		if err != nil {
			return err
		}
		summary.AddFailure(failure)
		if f.json {
			return failure.WriteJSON(c.stdout)
		}
		return nil
	}
	summary.Add(seed, a.run)
	if f.json {
		return a.run.WriteJSON(c.stdout, false)
	}
	return nil
}

func (c *console) writeSummary(f *simulateFlags, summary *report.Summary) error {
	if f.json {
		return summary.WriteJSON(c.stdout)
	}
	if err := summary.WriteText(c.stdout, f.all); err != nil {
		return err
	}
	if seed, found := summary.FirstFailing(); found {
		_, err := fmt.Fprintf(c.stdout, "replay    %s\n", f.commands(c.name, seed)[0].Line)
		return err
	}
	return nil
}

// summaryStatus is the exit status of a campaign: a failure of the harness comes
// first, since it hides what the seeds would have shown.
func summaryStatus(s *report.Summary) int {
	switch {
	case s.Failed() > 0:
		return statusHarness
	case s.Failing()+s.Undecided() > 0:
		return statusBroken
	}
	return statusHold
}
