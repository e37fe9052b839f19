package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
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
	names    []string
	seeds    int
	vary     bool
	together bool
	out      string
	patch    string
	swarm    runs.Seeds
	swept    bool
	mode     runs.Mode
	agents   string
	planted  bool
	workers  runs.Workers
	without  string
	with     string
	limits   runs.Limits
	json     bool
}

func (r *repairing) Flags(f *console.Flags) {
	f.Arguments = &r.names
	f.Add(&r.seeds, "seeds N", fmt.Sprintf("how many seeds of each plan to try, at least, besides its own; %d, or more where a finding is rare", repairs.DefaultSeeds))
	f.Add(&r.vary, "vary", "with each seed, vary the plan's times as well, and not the order of events alone")
	f.Add(&r.together, "together", "run every plan with one worker that has all the repairs, which is quicker and tells less")
	f.Add(&r.out, "o FILE", "keep what is known of runs in this file, and go on with it")
	f.Add(&r.patch, "patch DIR", "write the repairs as patches against Cilium; the directory is made if it is missing")
	f.Add(sweepFlag{&r.swarm, &r.swept}, "swarm A-B", "run drawn seeds with all the repairs in")
	f.Add(&r.mode, "mode MODE", "of the drawn plans")
	f.Add(&r.agents, "agents WORDS", "of the drawn plans: what their agents are, as for simrun -seed")
	f.Add(&r.planted, "planted", "hunt the planted bugs with all the repairs in")
	r.workers.Add(f)
	f.Add(&r.without, "worker FILE", "use this worker from build-worker where there are no repairs")
	f.Add(&r.with, "repaired FILE", "use this worker from build-worker -repairs all where there are all of them; with -together or -swarm")
	r.limits.Add(f)
	f.JSON(&r.json)
}

// sweepFlag are seeds that need not be given.
type sweepFlag struct {
	*runs.Seeds
	given *bool
}

func (s sweepFlag) Set(value string) error {
	*s.given = true
	return s.Seeds.Set(value)
}

// repairsFlag are repairs by name, with commas; all for all.
type repairsFlag struct{ names []string }

func (r *repairsFlag) Add(f *console.Flags) {
	f.Add(r, "repairs A,B", `with these repairs of testdata/repairs in the source that it is built from; "all" for all`)
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

func (r *repairing) Check() error {
	switch {
	case r.seeds < 0:
		return console.Usagef("-seeds %d: want how many seeds, or none for as many as each plan needs", r.seeds)
	case r.swept && r.planted:
		return console.Usagef("-swarm and -planted exclude each other")
	}
	if r.with != "" && !r.together && !r.swept {
		return console.Usagef("-repaired is of -together and -swarm: other work builds workers of its own")
	}
	return cmp.Or(r.workers.Check(), r.limits.Check(), output.CheckTarget("o", r.out, false), output.CheckTarget("patch", r.patch, true))
}

func (r *repairing) Run(ctx context.Context, c *console.Console) (int, error) {
	all, err := repairs.Load(files.Files, r.names...)
	if err != nil {
		return 0, console.Usage(err)
	}
	if r.patch != "" {
		return r.writePatches(ctx, c, all)
	}
	cfg := repairs.Config{Kept: new(repairs.Kept), Parallel: int(r.workers), Seeds: r.seeds, Vary: r.vary}
	if r.out != "" {
		if cfg.Kept, err = repairs.Open(r.out); err != nil {
			return 0, console.Usage(err)
		}
		defer cfg.Kept.Close()
	}
	switch {
	case r.swept:
		return r.sweep(ctx, c, cfg, all)
	case r.planted:
		return r.hunt(ctx, c, all)
	}
	return r.show(ctx, c, cfg, all)
}

// worker builds a worker with edits, or without if there are none; whole is for plans with
// whole agents.
func (r *repairing) worker(ctx context.Context, c *console.Console, plant *det.Plant, whole bool) (repairs.Worker, error) {
	path := r.without
	if plant != nil {
		path = r.with
	}
	if path == "" {
		var err error
		if path, err = c.Build(ctx, det.BuildConfig{Plant: plant, Whole: whole}); err != nil {
			return repairs.Worker{}, err
		}
	}
	code, err := drive.CodeOf(path)
	if err != nil {
		return repairs.Worker{}, err
	}
	return repairs.Worker{Runner: runs.SimulatorOf(c, path, r.limits), Hash: code.Hash}, nil
}

// shownLine is what -json writes of a plan.
type shownLine struct {
	report.Header
	repairs.Shown
}

func (r *repairing) show(ctx context.Context, c *console.Console, cfg repairs.Config, all []*repairs.Repair) (int, error) {
	width := 0
	for _, repair := range all {
		width = max(width, len(repair.Name))
	}
	status, out := console.StatusHold, c.Text(r.json)
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
		for _, s := range repair.Shows {
			plan, err := findingsPlan(s.Plan)
			if err != nil {
				return 0, err
			}
			if cfg.Without, err = r.worker(ctx, c, nil, plan.HasWhole()); err != nil {
				return 0, err
			}
			with, err := r.worker(ctx, c, repairs.Plant(set...), plan.HasWhole())
			if err != nil {
				return 0, fmt.Errorf("repair %s: %w", repair.Name, err)
			}
			cfg.OnRun = func(done, all int) {
				c.Progress.Show("%s: %s %d of %d runs", s.Plan, console.Bar(done, all), done, all)
			}
			shown, err := repairs.Try(ctx, cfg, repair, s, plan, with)
			if err != nil {
				return 0, fmt.Errorf("repair %s, plan %s: %w", repair.Name, s.Plan, err)
			}
			if !shown.Done() {
				status = console.StatusBroken
			}
			if r.json {
				err = report.WriteLine(c.Stdout, shownLine{report.Head("repair"), shown})
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

func (r *repairing) sweep(ctx context.Context, c *console.Console, cfg repairs.Config, all []*repairs.Repair) (int, error) {
	plans, err := runs.Plans(c, &runs.Family{Mode: r.mode, Agents: r.agents})
	if err != nil {
		return 0, err
	}
	first, err := plans.Member(r.swarm.First)
	if err != nil {
		return 0, console.Usage(err)
	}
	if cfg.Without, err = r.worker(ctx, c, nil, first.HasWhole()); err != nil {
		return 0, err
	}
	with, err := r.worker(ctx, c, repairs.Plant(all...), first.HasWhole())
	if err != nil {
		return 0, err
	}
	cfg.OnRun = func(done, all int) { c.Progress.Show("%s %d of %d seeds", console.Bar(done, all), done, all) }
	swept, stopped := repairs.Sweep(ctx, cfg, all, with, r.swarm.Seeds, plans.Member)
	if stopped != nil && ctx.Err() == nil {
		return 0, stopped
	}
	if r.json {
		err = report.WriteLine(c.Stdout, sweptLine{report.Head("repairs-swarm"), swept})
	} else {
		err = printSwept(c.Stdout, swept)
	}
	switch {
	case errors.Join(stopped, err) != nil:
		return 0, errors.Join(stopped, err)
	case !swept.Promises():
		return console.StatusBroken, nil
	}
	return console.StatusHold, nil
}

// hunt hunts the planted bugs in a Cilium that has the repairs.
func (r *repairing) hunt(ctx context.Context, c *console.Console, all []*repairs.Repair) (int, error) {
	names, err := planted.Names(bugs.Files)
	if err != nil {
		return 0, err
	}
	h := &hunt{bugs: bugs.Files, repairs: all, names: names, limits: r.limits, json: r.json}
	return h.Run(ctx, c)
}

// writePatches writes a patch for each repair that edits Cilium, and one with all.
func (r *repairing) writePatches(ctx context.Context, c *console.Console, all []*repairs.Repair) (int, error) {
	written, err := repairs.WritePatches(ctx, r.patch, all)
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintf(c.Stdout, "%s in %s, against %s\n", text.Count(len(written), "patch"), r.patch, repairs.CiliumModule)
	return console.StatusHold, err
}

func printShown(w io.Writer, width int, s repairs.Shown) error {
	_, err := fmt.Fprintf(w, "%-*s  %8d  %4d  %d seeds of %s\n", width, s.Repair, s.Without, s.With, s.Seeds, s.Plan)
	switch {
	case s.With > 0:
		_, err = fmt.Fprintf(w, "    still     %s\n", s.First)
	case s.Open > 0:
		_, err = fmt.Fprintf(w, "    open      %d seeds say nothing with the repair: the run ended early, or no view was judged\n", s.Open)
	case s.Without == 0:
		_, err = fmt.Fprintf(w, "    unshown   no seed shows the finding, so that the repair proves nothing; try -seeds 100 or -vary\n")
	}
	return err
}

func printSwept(w io.Writer, s repairs.Swept) error {
	_, err := fmt.Fprintf(w, "with all repairs  %d of %d seeds keep all that is promised; %d leave a property undecided; in %d the code under test panics\n",
		s.Keep, s.Seeds, len(s.Undecided), len(s.Crashed))
	for _, l := range s.Left {
		of, promised := l.Property, "promised"
		if l.Kind != "" {
			of += " of " + l.Kind
		}
		if !l.Promised {
			promised = "not promised"
		}
		if l.Cause != "" {
			promised += ", looks like " + l.Cause
		}
		if _, err = fmt.Fprintf(w, "%s (%s): seeds %v; without the repairs %v of these\n    %s\n", of, promised, l.Seeds, l.Without, l.First); err != nil {
			return err
		}
	}
	return err
}
