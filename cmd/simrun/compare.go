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
	f.add(&c.plan, "plan FILE", "in place of seeds: this plan and -around other schedules of it")
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
	case c.plan != "" && (c.seeds.given || c.scenario != "" || c.mode != "" || len(c.objects) > 0):
		return usageErrorf("-plan excludes -seeds, -scenario, -mode and -objects: it is one plan")
	case c.around < 0 || c.workers < 1 || c.shrink < 0:
		return usageErrorf("-around and -shrink are not negative, and -workers is at least 1")
	}
	return cmp.Or((&sourceFlags{familyFlags: c.familyFlags, limits: c.limits}).check(true), checkOutputs(
		append([]string{c.plan, c.branch, c.baseline}, c.objects...),
		output{"o", c.out, planForm, true}, output{"junit", c.junit, junitForm, false}, output{"markdown", c.markdown, markdownForm, false}))
}

// run runs the same seeds with two Ciliums.
func (c *comparison) run(ctx context.Context, to *console) (int, error) {
	if err := c.check(); err != nil {
		return 0, err
	}
	cfg, err := c.plans(to)
	if err != nil {
		return 0, err
	}
	baseline, err := to.side(ctx, "baseline", c.baseline, c.limits)
	if err != nil {
		return 0, c.notBuilt(err)
	}
	branch, err := to.side(ctx, "cilium", c.branch, c.limits)
	if err != nil {
		return 0, c.notBuilt(err)
	}
	result := &compare.Report{
		Asked: cfg.Seeds.Count() + len(cfg.Also), Seeds: []compare.Seed{}, Findings: []*compare.Difference{},
		Baseline: to.code(baseline), Branch: to.code(branch), // before the directory changes
	}
	if result.Changes, err = c.changes(ctx, to); err != nil {
		return 0, err
	}
	var stopped error
	if result.Untested() == "" {
		before := *result
		c.configure(&cfg, to, baseline, branch)
		end := to.progress.keepSaying(fmt.Sprintf("comparing %s", text.Count(cfg.Seeds.Count()+len(cfg.Also), "seed")))
		result, stopped = compare.Compare(ctx, cfg)
		end()
		result.Baseline, result.Branch, result.Changes = before.Baseline, before.Branch, before.Changes
	}
	if err := errors.Join(c.writePlans(result), c.writeFiles(result), c.write(to, result, baseline.Worker.Path, branch.Worker.Path)); err != nil {
		return 0, err
	}
	switch {
	case stopped != nil:
		return 0, to.refused(stopped)
	case !result.Passes():
		return statusBroken, nil
	}
	return statusHold, nil
}

// plans are what is run: of seeds, or the schedules of one plan.
func (c *comparison) plans(to *console) (cfg compare.Config, err error) {
	if c.plan != "" {
		plan, err := fault.ReadFile(c.plan)
		if err != nil {
			return cfg, &usageError{err}
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
	plans, err := to.family(&c.familyFlags)
	if err != nil {
		return cfg, err
	}
	if _, err := plans.Member(c.seeds.First); err != nil {
		return cfg, &usageError{err}
	}
	cfg.Seeds, cfg.Plan = c.seeds.Seeds, plans.Member
	return cfg, nil
}

// changes tell which packages the branch changes, if both sides are built from sources.
func (c *comparison) changes(ctx context.Context, to *console) (*det.Changes, error) {
	if isFile(c.baseline) || isFile(c.branch) || c.branch == "worker" {
		return nil, nil
	}
	baseline := c.baseline
	if baseline == "worker" {
		baseline = ""
	}
	changes, err := det.ChangesOf(ctx, baseline, c.branch, to.progress.log)
	if errors.Is(err, det.ErrNoSources) {
		return nil, nil
	}
	return changes, err
}

// notBuilt leaves in the files for a CI why there is nothing to compare.
func (c *comparison) notBuilt(err error) error {
	var bad *det.BadCilium
	if errors.As(err, &bad) {
		err = &usageError{err}
		return errors.Join(err, c.writeFiles(&compare.Report{Asked: c.seeds.Count(), Failed: err.Error()}))
	}
	return err
}

// refused makes a usage error of a plan that a worker refuses.
func (c *console) refused(err error) error {
	var failure *det.Failure
	if errors.As(err, &failure) && failure.Kind == det.Input {
		return c.refusal(failure)
	}
	return err
}

// configure says how the plans are run, and shows how far it is.
func (c *comparison) configure(cfg *compare.Config, to *console, baseline, branch *drive.Simulator) {
	start := time.Now()
	cfg.Baseline, cfg.Branch, cfg.Parallel, cfg.Around = baseline, branch, c.workers, c.around
	cfg.OnProgress = func(done string) { to.progress.show("%s", done) }
	cfg.OnSeed = func(r *compare.Report) {
		to.progress.show("%s %d of %d seeds, %d break anew, %.1f seeds/s", bar(len(r.Seeds), r.Asked), len(r.Seeds), r.Asked,
			r.Count(compare.Regressed), float64(len(r.Seeds))/time.Since(start).Seconds())
	}
	if c.shrink > 0 {
		cfg.Shrink = func(ctx context.Context, plan *fault.Plan, finding checker.Finding, counts func(context.Context, *report.Run) (bool, error)) (*report.Shrunk, error) {
			return branch.Shrink(ctx, plan, finding, drive.ShrinkConfig{
				Parallel: c.workers, For: c.shrink, OnProgress: to.shrinkProgress(plan), Counts: counts,
			})
		}
	}
}

// side is what runs one side of a comparison: a built worker, or one built from a
// directory or a version of Cilium.
func (c *console) side(ctx context.Context, flag, which string, limits limitFlags) (*drive.Simulator, error) {
	cfg := det.BuildConfig{Cilium: which, Progress: c.progress.log}
	switch {
	case which == "worker":
		cfg.Cilium = ""
	case isFile(which):
		if info, err := os.Stat(which); err != nil || info.Mode()&0o111 == 0 || formOf(which) != programForm {
			return nil, usageErrorf("-%s %s: this is not a program; simrun build-worker -o FILE makes one", flag, which)
		}
		return c.simulatorOf(which, limits), nil
	}
	path, err := det.Build(ctx, cfg)
	if errors.Is(err, det.ErrNoSources) {
		if built := det.BuiltWorker(); which == "worker" && built != "" {
			c.notice("there are no sources here to build the baseline from; this is with the worker " + built)
			return c.simulatorOf(built, limits), nil
		}
		return nil, usageErrorf("-%s %s: a worker of it is built from meshcheck's sources: run from a directory of its checkout with the go command in PATH, or give -cilium and -baseline the workers that simrun build-worker -cilium made", flag, which)
	}
	if err != nil {
		return nil, fmt.Errorf("-%s %s: %w", flag, which, err)
	}
	return c.simulatorOf(path, limits), nil
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
		for n := i + 1; d.File == "" || sameFile(d.File, c.plan); n++ { // the plan that is compared stays
			d.File = filepath.Join(c.out, fmt.Sprintf("%s-%d.json", d.Outcome, n))
		}
		if err := writeForm("o", d.File, planForm, d.Plan.Encode()); err != nil {
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
