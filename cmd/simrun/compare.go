package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/compare"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

const compareHelp = `
compare says what a branch of Cilium changes: it runs the same seeds with the Cilium
of go.mod, the baseline, and with the branch.

  simrun compare -cilium DIR -seeds 0-299

A seed is the same, fixed, regressed, changed (both break something, in other ways)
or undecided. Any change moves what happens when, so a known race may be lost on the
branch in a seed in which the baseline wins it. So what the branch breaks anew is
tried with other schedules of the same plans, on both sides: it is a regression if
chance does not explain the difference (Fisher's exact test, 99 %), a change if the
baseline breaks so too in other runs, and else undecided, which is not a pass. The plan
of a regression is shrunk to one that passes on the baseline and fails on the branch.

Both workers are kept in the cache: after a change of one file, building takes
seconds.

Flags:

Examples:
  simrun compare -cilium ../cilium
  simrun compare -cilium ../cilium -seeds 0-299 -junit junit.xml -markdown summary.md
  simrun compare -cilium ../cilium -baseline v1.20.1 -mode crd

Exit status:
  0    no seed regressed, and none is undecided
  1    a seed regressed, or is undecided
  2    bad flags or bad input
  3    the harness failed: a worker could not be built
  130  interrupted; what was compared until then is printed
`

// comparison is the command that tells what a branch of Cilium changes.
type comparison struct {
	branch, baseline string
	seeds            seedsFlag
	familyFlags
	limits          limitFlags
	around, workers int
	shrink          time.Duration
	out             string
	junit, markdown string
	json, all       bool
}

func (c *comparison) flags(f *flags) {
	c.baseline, c.around, c.workers, c.shrink, c.out = "worker", 12, runtime.NumCPU(), time.Minute, "compare"
	c.seeds.Last = 99
	f.add(&c.branch, "cilium WHICH", "the branch: a directory with the source of Cilium, a version such as v1.20.1, or a worker from build-worker")
	f.add(&c.baseline, "baseline WHICH", "the same, of the baseline; worker, the default, is the Cilium of go.mod")
	f.add(&c.seeds, "seeds A-B", "the seeds; 0-99")
	c.familyFlags.add(f)
	c.limits.add(f)
	f.add(&c.around, "around N", "how many other schedules of a plan to try; 12")
	f.add(&c.shrink, "shrink TIME", "how long to shrink each regression; 0: not at all; 60s")
	f.add(&c.out, "o DIR", `where to write the plans of what is not the same; "compare"`)
	f.add(&c.workers, "workers N", "how many runs at once; as many as there are cores")
	f.add(&c.junit, "junit FILE", "write JUnit's XML: a test for each seed")
	f.add(&c.markdown, "markdown FILE", "write a summary in Markdown")
	f.json(&c.json)
	f.add(&c.all, "v", "show every seed that is not the same")
}

func (c *comparison) check() error {
	switch {
	case c.branch == "":
		return usageErrorf("compare needs -cilium, the branch: a directory with the source of Cilium, a version, or a built worker")
	case c.around < 0 || c.workers < 1 || c.shrink < 0:
		return usageErrorf("-around and -shrink are not negative, and -workers is at least 1")
	}
	return cmp.Or((&sourceFlags{familyFlags: c.familyFlags, limits: c.limits}).check(true), checkTarget("o", c.out, true), checkTarget("junit", c.junit, false), checkTarget("markdown", c.markdown, false))
}

// run runs the same seeds with two Ciliums.
func (c *comparison) run(ctx context.Context, to *console) (int, error) {
	if err := c.check(); err != nil {
		return 0, err
	}
	plans, err := to.family(&c.familyFlags)
	if err != nil {
		return 0, err
	}
	if _, err := plans.Member(c.seeds.First); err != nil {
		return 0, &usageError{err}
	}
	baseline, err := to.side(ctx, c.baseline, c.limits)
	if err != nil {
		return 0, fmt.Errorf("-baseline %s: %w", c.baseline, err)
	}
	branch, err := to.side(ctx, c.branch, c.limits)
	if err != nil {
		return 0, fmt.Errorf("-cilium %s: %w", c.branch, err)
	}
	result, stopped := compare.Compare(ctx, c.config(to, plans, baseline, branch))
	result.Baseline, result.Branch = to.code(baseline), to.code(branch)
	if err := errors.Join(c.writePlans(result), c.writeFiles(result), c.write(to, result, baseline.Worker.Path, branch.Worker.Path)); err != nil {
		return 0, err
	}
	if stopped != nil {
		return 0, to.refused(stopped)
	}
	if result.Count(compare.Regressed)+result.Count(compare.Undecided) > 0 {
		return statusBroken, nil
	}
	return statusHold, nil
}

// refused makes a usage error of a plan that a worker refuses.
func (c *console) refused(err error) error {
	var failure *det.Failure
	if errors.As(err, &failure) && failure.Kind == det.Input {
		return c.refusal(failure)
	}
	return err
}

func (c *comparison) config(to *console, plans *family.Family, baseline, branch *drive.Simulator) compare.Config {
	start := time.Now()
	cfg := compare.Config{
		Baseline: baseline, Branch: branch, Seeds: c.seeds.Seeds, Plan: plans.Member, Parallel: c.workers, Around: c.around,
		OnProgress: func(done string) { to.progress.show("%s", done) },
		OnSeed: func(r *compare.Report) {
			to.progress.show("%s %d of %d seeds, %d break anew, %.1f seeds/s", bar(len(r.Seeds), r.Asked), len(r.Seeds), r.Asked,
				r.Count(compare.Regressed), float64(len(r.Seeds))/time.Since(start).Seconds())
		},
	}
	if c.shrink > 0 {
		cfg.Shrink = func(ctx context.Context, plan *fault.Plan, finding checker.Finding, counts func(context.Context, *report.Run) (bool, error)) (*report.Shrunk, error) {
			return branch.Shrink(ctx, plan, finding, drive.ShrinkConfig{
				Parallel: c.workers, For: c.shrink, OnProgress: to.shrinkProgress(plan), Counts: counts,
			})
		}
	}
	return cfg
}

// side is what runs one side of a comparison: a built worker, or one built from a
// directory or a version of Cilium.
func (c *console) side(ctx context.Context, which string, limits limitFlags) (*drive.Simulator, error) {
	info, err := os.Stat(which)
	switch {
	case which == "worker":
		return c.simulator(ctx, workerFlags{}, limits)
	case err == nil && info.Mode().IsRegular():
		given := workerFlags{path: which}
		return c.simulatorOf(which, limits), given.check()
	}
	path, err := det.Build(ctx, det.BuildConfig{Cilium: which, Progress: c.progress.log})
	return c.simulatorOf(path, limits), err
}

// writePlans writes the plan of each difference, and says in it where.
func (c *comparison) writePlans(r *compare.Report) error {
	for i, d := range r.Findings {
		if d.Plan == nil || d.Outcome == compare.Changed {
			continue
		}
		d.File = filepath.Join(c.out, fmt.Sprintf("%s-%d.json", d.Outcome, i+1))
		if err := files.Write(d.File, d.Plan.Encode()); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) writeFiles(r *compare.Report) error {
	for _, file := range []struct {
		flag, name string
		write      func(io.Writer) error
	}{{"junit", c.junit, r.WriteJUnit}, {"markdown", c.markdown, r.WriteMarkdown}} {
		var b bytes.Buffer
		if err := errors.Join(file.write(&b), writeTarget(file.flag, file.name, b.Bytes())); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) write(to *console, r *compare.Report, baseline, branch string) error {
	if c.json {
		return r.WriteJSON(to.stdout)
	}
	return r.WriteText(to.stdout, to.style(c.all), func(d *compare.Difference, onBranch bool) string {
		worker := workerFlags{path: baseline}
		if onBranch {
			worker.path = branch
		}
		source := simulate{sourceFlags: sourceFlags{familyFlags: c.familyFlags, seed: seedFlag{given: true}, worker: worker}}
		if d.File != "" {
			source.sourceFlags = sourceFlags{plan: d.File, worker: worker}
		}
		return commandLine(to.name, source.arguments(d.Seeds[0])...)
	})
}
