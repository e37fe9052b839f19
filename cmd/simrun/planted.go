package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/planted"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
	bugs "github.com/meshcheck/meshcheck/testdata/planted"
)

const plantedHelp = `
planted tests the checkers: it puts known bugs into Cilium's source, and into the
simulated servers', one at a time, runs seeds with each, and tells whether the
property that must catch the bug did, how many seeds that took, and how small the
plan is that shows it.

  simrun planted                 all bugs of testdata/planted
  simrun planted NAME...         some of them

A bug counts as caught if a plan breaks its property, for the reason that the bug
states, with a worker that has the bug, and does not break that property on that
kind of object with a worker that has not. The shrunk plan keeps to the same rule.

Each bug needs a worker of its own, which takes seconds to build where the worker
without bugs was built before: only the edited packages are compiled.

Flags:
  -shrink TIME   how long to shrink the plan that catches a bug; 0: not at all;
                 60s
  -o DIR         write the plan of each bug that is caught, as small as it is
                 known, to NAME.json in this directory; it is made if it is missing
  -json          write JSON, one object a line, in place of text

Examples:
  simrun planted
  simrun planted stale-keys-not-drained -shrink 0

Exit status:
  0    every bug is caught
  1    some are not
  2    bad flags or bad input
  3    the harness failed: a bug does not fit the source, a worker could not
       be built, or the one without bugs failed
  130  interrupted; what was done until then is printed
`

// plantedFlags are the flags of planted.
type plantedFlags struct {
	names  []string // of bugs; none: all
	shrink time.Duration
	out    string
	json   bool
}

// file is where the plan of a row is written.
func (f *plantedFlags) file(r *plantedRow) string { return filepath.Join(f.out, r.bug.Name+".json") }

// A nursery holds bugs and builds workers that have one, or, without a plant,
// none.
type nursery struct {
	files fs.FS
	build func(context.Context, det.BuildConfig) (string, error)
}

// planted hunts the bugs that come with this program.
func (c *console) planted(ctx context.Context, args []string) (int, error) {
	return c.huntAll(ctx, args, nursery{bugs.Files, det.Build})
}

func parsePlanted(args []string) (*plantedFlags, error) {
	f := new(plantedFlags)
	set := flag.NewFlagSet("planted", flag.ContinueOnError)
	set.DurationVar(&f.shrink, "shrink", time.Minute, "")
	set.StringVar(&f.out, "o", "", "")
	set.BoolVar(&f.json, "json", false, "")
	// Names may come before flags and after them.
	for len(args) > 0 {
		if err := parse(set, args); err != nil {
			return nil, err
		}
		if args = set.Args(); len(args) > 0 {
			f.names, args = append(f.names, args[0]), args[1:]
		}
	}
	if f.shrink < 0 {
		return nil, usageErrorf("-shrink %s: want a time such as 60s, or 0 to keep plans as they are drawn", f.shrink)
	}
	if f.out == "" {
		return f, nil
	}
	if err := os.MkdirAll(f.out, 0o777); err != nil {
		return nil, usageErrorf("-o %s: cannot make the directory: %w", f.out, plainError(err))
	}
	return f, nil
}

// chosen is a bug with the family of plans that it is hunted in.
type chosen struct {
	*planted.Bug
	draw func(seed uint64) (*fault.Plan, error)
}

// huntAll hunts bugs one after the other and reports on each when it is done.
func (c *console) huntAll(ctx context.Context, args []string, from nursery) (int, error) {
	f, err := parsePlanted(args)
	if err != nil {
		return 0, err
	}
	all, err := c.choose(f, from.files)
	if err != nil {
		return 0, err
	}
	clean, err := c.buildFor(ctx, from, nil)
	if err != nil {
		return 0, err
	}
	table := plantedTable{console: c, flags: f, bugs: all}
	for _, bug := range all {
		row, err := c.hunt(ctx, f, from, bug, clean)
		if row != nil {
			err = errors.Join(err, table.add(row))
		}
		if err != nil {
			return 0, errors.Join(err, table.finish())
		}
	}
	return table.status(), table.finish()
}

// choose loads the bugs that the flags name.
func (c *console) choose(f *plantedFlags, files fs.FS) (all []chosen, err error) {
	names, err := planted.Names(files)
	if err != nil {
		return nil, err
	}
	for _, name := range f.names {
		if !slices.Contains(names, name) {
			return nil, usageErrorf("there is no planted bug %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	if len(f.names) > 0 {
		names = f.names
	}
	for _, name := range names {
		bug, err := planted.Load(files, name)
		if err != nil {
			return nil, err
		}
		draw, err := c.drawFor(bug, files)
		if err != nil {
			return nil, fmt.Errorf("planted bug %s: hunt: %w", name, err)
		}
		all = append(all, chosen{bug, draw})
	}
	return all, nil
}

// drawFor returns what gives each seed its plan. Of a bug with a plan of its own, seed 0
// stands for that plan as it is: what others vary may be just what the bug needs.
func (c *console) drawFor(bug *planted.Bug, files fs.FS) (func(seed uint64) (*fault.Plan, error), error) {
	if bug.Hunt.Plan == "" {
		scenario := bug.Hunt.Family
		if scenario == planted.Swarm {
			scenario = ""
		}
		family, err := c.family(scenario, nil)
		if err != nil {
			return nil, err
		}
		return family.member, nil
	}
	data, err := fs.ReadFile(files, bug.Hunt.Plan)
	if err != nil {
		return nil, err
	}
	plan, err := fault.Read(bug.Hunt.Plan, data)
	if err != nil {
		return nil, err
	}
	varied := family{plan: plan}
	return func(seed uint64) (*fault.Plan, error) {
		if seed == 0 {
			return plan, nil
		}
		return varied.member(seed)
	}, nil
}

// buildFor builds the worker with a bug, or the one without if the bug is nil.
func (c *console) buildFor(ctx context.Context, from nursery, bug *planted.Bug) (det.Worker, error) {
	cfg := det.BuildConfig{Progress: c.progress.log}
	if bug != nil {
		cfg.Plant = bug.Plant()
		cfg.Progress = func(line string) { c.progress.log(bug.Name + ": " + line) }
	}
	path, err := from.build(ctx, cfg)
	c.progress.clear()
	return det.Worker{Path: path}, err
}

// hunt builds a bug, hunts it, and shrinks the plan that catches it. A row that is
// not nil is complete, whatever the error.
func (c *console) hunt(ctx context.Context, f *plantedFlags, from nursery, bug chosen, clean det.Worker) (*plantedRow, error) {
	worker, err := c.buildFor(ctx, from, bug.Bug)
	if err != nil {
		return nil, fmt.Errorf("planted bug %s: %w", bug.Name, err)
	}
	start := time.Now()
	with, without := &drive.Simulator{Worker: worker}, &drive.Simulator{Worker: clean}
	result, err := planted.Search(ctx, bug.Bug, planted.Config{
		Planted:  with,
		Clean:    without,
		Draw:     bug.draw,
		Parallel: runtime.NumCPU(),
		OnSeed: func(done int) {
			c.progress.show("%s: %d of %d seeds, %.1f seeds/s", bug.Name, done, bug.Hunt.Seeds, float64(done)/time.Since(start).Seconds())
		},
	})
	c.progress.clear()
	if err != nil {
		return nil, fmt.Errorf("planted bug %s: %w", bug.Name, err)
	}
	row := &plantedRow{bug: bug.Bug, worker: worker.Path, result: result, elapsed: time.Since(start)}
	if len(result.Failed) > 0 {
		first, err := c.failure(result.Failed[0].Plan, result.Failed[0].Failure)
		if err != nil {
			return nil, err
		}
		row.failure = &first
	}
	if result.Caught && f.shrink > 0 {
		row.shrunk, err = c.shrinkCatch(ctx, f, row, with, without)
	}
	return row, err
}

// shrinkCatch makes the plan smaller that catches a bug. What the search leaves must
// catch the bug as well.
func (c *console) shrinkCatch(ctx context.Context, f *plantedFlags, row *plantedRow, with, without *drive.Simulator) (*report.Shrunk, error) {
	shrunk, err := with.Shrink(ctx, row.result.Plan, row.bug.Finding(), drive.ShrinkConfig{
		Parallel:   runtime.NumCPU(),
		For:        f.shrink,
		OnProgress: c.shrinkProgress(row.result.Plan),
		Counts: func(ctx context.Context, run *report.Run) (bool, error) {
			is, err := planted.Catches(ctx, row.bug, without, run)
			var failure *det.Failure
			if errors.As(err, &failure) {
				return false, nil // nothing is known of this plan without the bug
			}
			return is, err
		},
	})
	c.progress.clear()
	return shrunk, err
}
