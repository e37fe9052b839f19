package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/planted"
	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
	found "github.com/meshcheck/meshcheck/testdata/findings"
	bugs "github.com/meshcheck/meshcheck/testdata/planted"
	files "github.com/meshcheck/meshcheck/testdata/repairs"
)

const repairsHelp = `
repairs shows what it takes to make the findings go away: each finding's plan runs
with and without the repair of testdata/repairs, with seeds that change the order of
events, and breaks what its page says without it and not with it.

  simrun repairs                 every repair, each in a worker of its own
  simrun repairs NAME...         some of them
  simrun repairs -together       one worker that has all of them
  simrun repairs -patch DIR      write them as patches that git apply takes in a
                                 checkout of the Cilium of go.mod; runs nothing else

With all repairs in:

  simrun repairs -swarm 0-199    what drawn seeds still break, and whether they
                                 break it without the repairs, too
  simrun repairs -planted        the planted bugs are still caught

With -o, what is known of a run is kept in a file: the same command goes on where an
interrupted one stopped, and a plan that was run with that worker is not run again.

Flags:

Examples:
  simrun repairs -together -o repairs.runs
  simrun repairs sweep token -seeds 100 -vary
  simrun repairs -swarm 0-199 -mode crd -workers 1 -o repairs.runs
  simrun repairs -patch patches && cd ../cilium && git apply ../meshcheck/patches/sweep.patch
  simrun build-worker -repairs all -o worker

Exit status:
  0    every plan breaks without the repair and in no seed with it; with -swarm, all
       that is promised is kept in every seed; with -planted, every bug is caught
  1    some do not
  2    bad flags or bad input
  3    the harness failed: a repair does not fit the source, a worker could not be
       built, or a run gave no history
  130  interrupted; what was done until then is printed
`

// repairing is the command repairs.
type repairing struct {
	build    func(context.Context, det.BuildConfig) (string, error)
	names    []string
	seeds    int
	vary     bool
	together bool
	out      string
	patch    string
	swarm    seedsFlag
	swept    bool
	mode     modeFlag
	planted  bool
	workers  int
	without  string
	with     string
	limits   limitFlags
	json     bool
}

func (r *repairing) flags(f *flags) {
	r.arguments(f)
	f.add(&r.seeds, "seeds N", fmt.Sprintf("how many seeds of each plan to try, at least, besides its own; %d, or more where a finding is rare", repairs.DefaultSeeds))
	f.add(&r.vary, "vary", "with each seed, vary the plan's times as well, and not the order of events alone")
	f.add(&r.together, "together", "run every plan with one worker that has all the repairs, which is quicker and tells less")
	f.add(&r.out, "o FILE", "keep what is known of runs in this file, and go on with it")
	f.add(&r.patch, "patch DIR", "write the repairs as patches against Cilium; the directory is made if it is missing")
	f.add(sweepFlag{&r.swarm, &r.swept}, "swarm A-B", "run drawn seeds with all the repairs in")
	f.add(&r.mode, "mode MODE", "of the drawn plans")
	f.add(&r.planted, "planted", "hunt the planted bugs with all the repairs in")
	f.add(&r.workers, "workers N", "how many runs at once; as many as there are cores")
	f.add(&r.without, "worker FILE", "use this worker from build-worker where there are no repairs")
	f.add(&r.with, "repaired FILE", "use this worker from build-worker -repairs all where there are all of them; with -together or -swarm")
	r.limits.add(f)
	f.json(&r.json)
}

func (r *repairing) arguments(f *flags) { r.workers, f.arguments = runtime.NumCPU(), &r.names }

// sweepFlag are seeds that need not be given.
type sweepFlag struct {
	*seedsFlag
	given *bool
}

func (s sweepFlag) Set(value string) error {
	*s.given = true
	return s.seedsFlag.Set(value)
}

// repairsFlag are repairs by name, with commas; all for all.
type repairsFlag struct{ names []string }

func (r *repairsFlag) add(f *flags) {
	f.add(r, "repairs A,B", `with these repairs of testdata/repairs in the source that it is built from; "all" for all`)
}
func (r *repairsFlag) String() string { return strings.Join(r.names, ",") }
func (r *repairsFlag) Set(value string) error {
	r.names = strings.Split(value, ",")
	_, err := r.load()
	return err
}

func (r *repairsFlag) load() ([]*repairs.Repair, error) {
	if slices.Equal(r.names, []string{"all"}) {
		return repairs.Load(files.Files)
	}
	return repairs.Load(files.Files, r.names...)
}

func (r *repairing) check() error {
	switch {
	case r.seeds < 0:
		return usageErrorf("-seeds %d: want how many seeds, or none for as many as each plan needs", r.seeds)
	case r.workers < 1:
		return usageErrorf("-workers %d: want at least 1", r.workers)
	case r.swept && r.planted:
		return usageErrorf("-swarm and -planted exclude each other")
	}
	if r.with != "" && !r.together && !r.swept {
		return usageErrorf("-repaired is of -together and -swarm: other work builds workers of its own")
	}
	return cmp.Or(r.limits.check(), checkTarget("o", r.out, false), checkTarget("patch", r.patch, true))
}

func (r *repairing) run(ctx context.Context, c *console) (int, error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	all, err := repairs.Load(files.Files, r.names...)
	if err != nil {
		return 0, &usageError{err}
	}
	if r.patch != "" {
		return r.writePatches(ctx, c, all)
	}
	cfg := repairs.Config{Kept: new(repairs.Kept), Parallel: r.workers, Seeds: r.seeds, Vary: r.vary}
	if r.out != "" {
		if cfg.Kept, err = repairs.Open(r.out); err != nil {
			return 0, &usageError{err}
		}
		defer cfg.Kept.Close()
	}
	if cfg.Without, err = r.worker(ctx, c, nil); err != nil {
		return 0, err
	}
	switch {
	case r.swept:
		return r.sweep(ctx, c, cfg, all)
	case r.planted:
		return r.hunt(ctx, c, cfg.Without, all)
	}
	return r.show(ctx, c, cfg, all)
}

// worker builds a worker with edits, or without if there are none.
func (r *repairing) worker(ctx context.Context, c *console, plant *det.Plant) (repairs.Worker, error) {
	path := r.without
	if plant != nil {
		path = r.with
	}
	if path == "" {
		var err error
		if path, err = r.build(ctx, det.BuildConfig{Plant: plant, Progress: c.progress.log}); err != nil {
			return repairs.Worker{}, err
		}
	}
	code, err := drive.CodeOf(path)
	if err != nil {
		return repairs.Worker{}, err
	}
	return repairs.Worker{Runner: c.simulatorOf(path, r.limits), Hash: code.Hash}, nil
}

// shownLine is what -json writes of a plan.
type shownLine struct {
	report.Header
	repairs.Shown
}

func (r *repairing) show(ctx context.Context, c *console, cfg repairs.Config, all []*repairs.Repair) (int, error) {
	width := 0
	for _, repair := range all {
		width = max(width, len(repair.Name))
	}
	status, out := statusHold, c.text(r.json)
	fmt.Fprintf(out, "%-*s  %8s  %4s  %s\n", width, "repair", "without", "with", "of the seeds of the plan")
	set := all
	for _, repair := range all {
		if !r.together {
			set = []*repairs.Repair{repair}
		}
		if len(repair.Shows) == 0 {
			fmt.Fprintf(out, "%-*s  %8s  %4s  no plan shows it\n", width, repair.Name, "-", "-")
			continue
		}
		with, err := r.worker(ctx, c, repairs.Plant(set...))
		if err != nil {
			return 0, fmt.Errorf("repair %s: %w", repair.Name, err)
		}
		for _, s := range repair.Shows {
			plan, err := findingsPlan(s.Plan)
			if err != nil {
				return 0, err
			}
			cfg.OnRun = func(done, all int) { c.progress.show("%s: %s %d of %d runs", s.Plan, bar(done, all), done, all) }
			shown, err := repairs.Try(ctx, cfg, repair, s, plan, with)
			if err != nil {
				return 0, fmt.Errorf("repair %s, plan %s: %w", repair.Name, s.Plan, err)
			}
			if !shown.Done() {
				status = statusBroken
			}
			if r.json {
				err = report.WriteLine(c.stdout, shownLine{report.Head("repair"), shown})
			} else {
				err = printShown(out, width, shown)
			}
			if err != nil {
				return 0, err
			}
		}
	}
	return status, nil
}

func findingsPlan(name string) (*fault.Plan, error) {
	file := name + ".json"
	data, err := found.Files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return fault.Read(file, data)
}

// sweptLine is what -json writes of drawn seeds.
type sweptLine struct {
	report.Header
	repairs.Swept
}

func (r *repairing) sweep(ctx context.Context, c *console, cfg repairs.Config, all []*repairs.Repair) (int, error) {
	plans, err := c.family(&familyFlags{mode: r.mode})
	if err != nil {
		return 0, err
	}
	with, err := r.worker(ctx, c, repairs.Plant(all...))
	if err != nil {
		return 0, err
	}
	cfg.OnRun = func(done, all int) { c.progress.show("%s %d of %d seeds", bar(done, all), done, all) }
	swept, stopped := repairs.Sweep(ctx, cfg, all, with, r.swarm.Seeds, plans.Member)
	if stopped != nil && ctx.Err() == nil {
		return 0, stopped
	}
	if r.json {
		err = report.WriteLine(c.stdout, sweptLine{report.Head("repairs-swarm"), swept})
	} else {
		err = printSwept(c.stdout, swept)
	}
	switch {
	case errors.Join(stopped, err) != nil:
		return 0, errors.Join(stopped, err)
	case !swept.Promises():
		return statusBroken, nil
	}
	return statusHold, nil
}

// hunt hunts the planted bugs in a Cilium that has the repairs.
func (r *repairing) hunt(ctx context.Context, c *console, _ repairs.Worker, all []*repairs.Repair) (int, error) {
	build := func(ctx context.Context, cfg det.BuildConfig) (string, error) {
		cfg.Plant = repairs.With(all, cfg.Plant)
		return r.build(ctx, cfg)
	}
	names, err := planted.Names(bugs.Files)
	if err != nil {
		return 0, err
	}
	h := &hunt{from: bugSource{bugs.Files, build}, names: names, limits: r.limits, json: r.json}
	return h.run(ctx, c)
}

// writePatches writes a patch for each repair that edits Cilium, and one with all.
func (r *repairing) writePatches(ctx context.Context, c *console, all []*repairs.Repair) (int, error) {
	written, err := repairs.WritePatches(ctx, r.patch, all)
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintf(c.stdout, "%s in %s, against %s\n", text.Count(len(written), "patch"), r.patch, repairs.CiliumModule)
	return statusHold, err
}
