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
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/compare"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

const compareHelp = `
compare says what a branch of Cilium changes: it runs the same seeds with the Cilium
of go.mod, the baseline, and with the branch.

  simrun compare -cilium DIR -seeds 0-299
  simrun compare -cilium DIR -plan FILE      one plan and -around other schedules
                                             of it, such as after a fix

A seed is the same, fixed, regressed, changed (both break something, in other ways)
or undecided. Any change moves what happens when, so a known race may be lost on the
branch in a seed in which the baseline wins it. So what the branch breaks anew is
tried with other schedules of the same plans, on both sides: it is a regression if
chance does not explain the difference (Fisher's exact test, 99 %), a change if the
baseline breaks so too in other runs, and else undecided, which is not a pass. The plan
of a regression is shrunk to one that passes on the baseline and fails on the branch.

"Tested" means compiled into both workers, not executed. To see which seeds execute a
line, put panic("reached") there: compare names the seeds that end by it. If none
does, none executes the line.

A version is one of the releases next to that of go.mod, or it does not build, and compare
says what is missing: docs/ci.md has those that were tried.

What something looks like by its records ("looks like testdata/findings/NAME.md") is a
suspicion, by which differences have a name. Repairs are not put into a branch, which may
differ where they edit: simrun judge measures with the Cilium of go.mod alone.

meshcheck runs the control plane between the kube-apiserver and the agents' views, not
the whole of Cilium. If what the branch changes is not compiled into the worker,
nothing is tested: compare says so, and with which packages, and runs no seed.

100 green seeds exclude, at 95 %, what shows in 3 % of them or more: a bug that shows
in a share p of the seeds is missed by N green ones with probability (1-p)^N. A swarm
seldom has the one order of events that a race needs, so run it and the scenarios:
simrun compare -cilium DIR -seeds 0-299, and the same with -scenario NAME and
-seeds 0-49 for those of simrun faults that concern the change.

Both workers are kept in the cache: after a change of one file, building takes
seconds.

Flags:

Examples:
  simrun compare -cilium ../cilium
  simrun compare -cilium ../cilium -seeds 0-299 -junit junit.xml -markdown summary.md
  simrun compare -cilium ../cilium -baseline v1.20.1 -mode crd
  simrun compare -cilium ../cilium -plan compare/regressed-1.json -around 20

Exit status:
  0    no seed regressed, and none is undecided
  1    a seed regressed or is undecided, or nothing was tested
  2    bad flags or bad input, such as a branch that does not compile
  3    the harness failed
  130  interrupted; what was compared until then is printed
`

// comparison is the command that tells what a branch of Cilium changes.
type comparison struct {
	branch, baseline string
	plan             string
	seeds            runs.Seeds
	runs.Family
	limits          runs.Limits
	around          int
	workers         runs.Workers
	shrink          time.Duration
	out             string
	junit, markdown string
	json, all       bool
}

func (c *comparison) Flags(f *console.Flags) {
	c.baseline, c.around, c.shrink, c.out = "worker", 12, time.Minute, "compare"
	c.seeds.Last = 99
	f.Add(&c.branch, "cilium WHICH", "the branch: a directory with the source of Cilium, a version such as v1.20.1, or a worker from build-worker")
	f.Add(&c.baseline, "baseline WHICH", "the same, of the baseline; worker, the default, is the Cilium of go.mod")
	f.Add(&c.seeds, "seeds A-B", "the seeds; 0-99")
	f.Add(&c.plan, "plan FILE", "in place of seeds: this plan and -around other schedules of it")
	c.Family.Add(f)
	c.limits.Add(f)
	f.Add(&c.around, "around N", "how many other schedules of a plan to try; 12")
	f.Add(&c.shrink, "shrink TIME", "how long to shrink each regression; 0: not at all; 60s")
	f.Add(&c.out, "o DIR", `where to write the plans of what is not the same; "compare"`)
	c.workers.Add(f)
	f.Add(&c.junit, "junit FILE", "write JUnit's XML: a test for each seed")
	f.Add(&c.markdown, "markdown FILE", "write a summary in Markdown")
	f.JSON(&c.json)
	f.Add(&c.all, "v", "show every seed that is not the same")
}

func (c *comparison) Check() error {
	switch {
	case c.branch == "":
		return console.Usagef("compare needs -cilium, the branch: a directory with the source of Cilium, a version, or a built worker")
	case c.plan != "" && (c.seeds.Given || c.Scenario != "" || c.Mode != "" || len(c.Objects) > 0):
		return console.Usagef("-plan excludes -seeds, -scenario, -mode and -objects: it is one plan")
	case c.around < 0 || c.workers < 1 || c.shrink < 0:
		return console.Usagef("-around and -shrink are not negative, and -workers is at least 1")
	}
	return cmp.Or((&runs.Source{Family: c.Family, Limits: c.limits}).Check(true), output.Check(
		append([]string{c.plan, c.branch, c.baseline}, c.Objects...),
		output.To("o", c.out, output.Plan, true), output.To("junit", c.junit, output.JUnit, false), output.To("markdown", c.markdown, output.Markdown, false)))
}

// Run runs the same seeds with two Ciliums.
func (c *comparison) Run(ctx context.Context, to *console.Console) (int, error) {
	cfg, err := c.plans(to)
	if err != nil {
		return 0, err
	}
	first, err := cfg.Plan(cfg.Seeds.First)
	if err != nil {
		return 0, err
	}
	baseline, err := side(ctx, to, "baseline", c.baseline, c.limits, first.HasWhole())
	if err != nil {
		return 0, c.notBuilt(err)
	}
	branch, err := side(ctx, to, "cilium", c.branch, c.limits, first.HasWhole())
	if err != nil {
		return 0, c.notBuilt(err)
	}
	result := &compare.Report{
		Asked: cfg.Seeds.Count() + len(cfg.Also), Seeds: []compare.Seed{}, Findings: []*compare.Difference{},
		Baseline: runs.Code(ctx, to, baseline, first), Branch: runs.Code(ctx, to, branch, first), // before the directory changes
	}
	if result.Changes, err = c.changes(ctx, to, first.HasWhole()); err != nil {
		return 0, err
	}
	var stopped error
	if result.Untested() == "" {
		before := *result
		c.configure(&cfg, to, baseline, branch)
		end := to.Progress.KeepSaying(fmt.Sprintf("comparing %s", text.Count(cfg.Seeds.Count()+len(cfg.Also), "seed")))
		result, stopped = compare.Compare(ctx, cfg)
		end()
		result.Baseline, result.Branch, result.Changes = before.Baseline, before.Branch, before.Changes
	}
	if err := errors.Join(c.writePlans(result), c.writeFiles(result), c.write(to, result, baseline.Worker.Path, branch.Worker.Path)); err != nil {
		return 0, err
	}
	switch {
	case stopped != nil:
		return 0, runs.Refused(to, stopped)
	case !result.Passes():
		return console.StatusBroken, nil
	}
	return console.StatusHold, nil
}

// plans are what is run: of seeds, or the schedules of one plan.
func (c *comparison) plans(to *console.Console) (cfg compare.Config, err error) {
	if c.plan != "" {
		plan, err := fault.ReadFile(c.plan)
		if err != nil {
			return cfg, console.Usage(err)
		}
		cfg.Seeds, cfg.Also = drive.Seeds{First: plan.Seed, Last: plan.Seed}, []uint64{}
		for seed := uint64(1); len(cfg.Also) < c.around; seed++ {
			if seed != plan.Seed {
				cfg.Also = append(cfg.Also, seed)
			}
		}
		cfg.Plan = func(seed uint64) (*fault.Plan, error) {
			other := *plan
			other.Seed = seed
			return &other, nil
		}
		return cfg, nil
	}
	plans, err := runs.Plans(to, &c.Family)
	if err != nil {
		return cfg, err
	}
	if _, err := plans.Member(c.seeds.First); err != nil {
		return cfg, console.Usage(err)
	}
	cfg.Seeds, cfg.Plan = c.seeds.Seeds, plans.Member
	return cfg, nil
}

// changes tell which packages the branch changes, if both sides are built from sources.
func (c *comparison) changes(ctx context.Context, to *console.Console, whole bool) (*det.Changes, error) {
	if isFile(c.baseline) || isFile(c.branch) || c.branch == "worker" {
		return nil, nil
	}
	baseline := c.baseline
	if baseline == "worker" {
		baseline = ""
	}
	changes, err := det.ChangesOf(ctx, baseline, c.branch, whole, to.Progress.Log)
	if errors.Is(err, det.ErrNoSources) {
		return nil, nil
	}
	return changes, err
}

// notBuilt leaves in the files for a CI why there is nothing to compare.
func (c *comparison) notBuilt(err error) error {
	var bad *det.BadCilium
	if errors.As(err, &bad) {
		err = console.Usage(err)
		return errors.Join(err, c.writeFiles(&compare.Report{Asked: c.seeds.Count(), Failed: err.Error()}))
	}
	return err
}

// configure says how the plans are run, and shows how far it is.
func (c *comparison) configure(cfg *compare.Config, to *console.Console, baseline, branch *drive.Simulator) {
	start := time.Now()
	cfg.Baseline, cfg.Branch, cfg.Parallel, cfg.Around = baseline, branch, int(c.workers), c.around
	cfg.OnProgress = func(done string) { to.Progress.Show("%s", done) }
	cfg.OnSeed = func(r *compare.Report) {
		to.Progress.Show("%s %d of %d seeds, %d break anew, %.1f seeds/s", console.Bar(len(r.Seeds), r.Asked), len(r.Seeds), r.Asked,
			r.Count(compare.Regressed), float64(len(r.Seeds))/time.Since(start).Seconds())
	}
	if c.shrink > 0 {
		cfg.Shrink = func(ctx context.Context, plan *fault.Plan, finding checker.Finding, counts func(context.Context, *report.Run) (bool, error)) (*report.Shrunk, error) {
			return branch.Shrink(ctx, plan, finding, drive.ShrinkConfig{
				Parallel: int(c.workers), For: c.shrink, OnProgress: runs.ShrinkProgress(to, plan), Counts: counts,
			})
		}
	}
}

// side is what runs one side of a comparison: a built worker, or one built from a
// directory or a version of Cilium; whole is for plans with whole agents.
func side(ctx context.Context, c *console.Console, flag, which string, limits runs.Limits, whole bool) (*drive.Simulator, error) {
	cfg := det.BuildConfig{Cilium: which, Whole: whole}
	switch {
	case which == "worker":
		cfg.Cilium = ""
	case isFile(which):
		if info, err := os.Stat(which); err != nil || info.Mode()&0o111 == 0 || output.FormOf(which) != output.Program {
			return nil, console.Usagef("-%s %s: this is not a program; simrun build-worker -o FILE makes one", flag, which)
		}
		return runs.SimulatorOf(c, which, limits), nil
	}
	path, err := c.Build(ctx, cfg)
	if errors.Is(err, det.ErrNoSources) {
		if built := det.BuiltWorker(); which == "worker" && built != "" {
			c.Notice("there are no sources here to build the baseline from; this is with the worker " + built)
			return runs.SimulatorOf(c, built, limits), nil
		}
		return nil, console.Usagef("-%s %s: a worker of it is built from meshcheck's sources: run from a directory of its checkout with the go command in PATH, or give -cilium and -baseline the workers that simrun build-worker -cilium made", flag, which)
	}
	if err != nil {
		return nil, fmt.Errorf("-%s %s: %w", flag, which, err)
	}
	return runs.SimulatorOf(c, path, limits), nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// writePlans writes the plan of each difference, and says in it where.
func (c *comparison) writePlans(r *compare.Report) error {
	for i, d := range r.Findings {
		if d.Plan == nil || d.Outcome == compare.Changed {
			continue
		}
		for n := i + 1; d.File == "" || output.SameFile(d.File, c.plan); n++ { // the plan that is compared stays
			d.File = filepath.Join(c.out, fmt.Sprintf("%s-%d.json", d.Outcome, n))
		}
		if err := output.WriteForm("o", d.File, output.Plan, d.Plan.Encode()); err != nil {
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
		if err := errors.Join(file.write(&b), output.Write(file.flag, file.name, b.Bytes())); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) write(to *console.Console, r *compare.Report, baseline, branch string) error {
	if c.json {
		return r.WriteJSON(to.Stdout)
	}
	return r.WriteText(to.Stdout, to.Style(c.all), func(d *compare.Difference, onBranch bool) string {
		worker := runs.Worker{Path: baseline}
		if onBranch {
			worker.Path = branch
		}
		source := runs.Source{Family: c.Family, Seed: runs.Seed{Given: true}, Worker: worker}
		if d.File != "" {
			source = runs.Source{Plan: d.File, Worker: worker}
		}
		return console.CommandLine(to.Name, source.Arguments(d.Seeds[0])...)
	})
}
