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
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/planted"
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

// file is where the plan of a bug is written.
func (f *plantedFlags) file(bug *planted.Bug) string { return filepath.Join(f.out, bug.Name+".json") }

// A bugSource holds bugs and builds workers that have one, or, without a plant,
// none.
type bugSource struct {
	files fs.FS
	build func(context.Context, det.BuildConfig) (string, error)
}

// planted hunts the bugs that come with this program.
func (c *console) planted(ctx context.Context, args []string) (int, error) {
	return c.huntAll(ctx, args, bugSource{bugs.Files, det.Build})
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
func (c *console) huntAll(ctx context.Context, args []string, from bugSource) (int, error) {
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
	table := planted.Table{Out: c.stdout, JSON: f.json, Replay: func(t *planted.Trial) string { return c.replayPlanted(f, t) }}
	for _, bug := range all {
		table.Bugs = append(table.Bugs, bug.Bug)
	}
	status := statusHold
	for _, bug := range all {
		trial, err := c.hunt(ctx, f, from, bug, clean)
		if trial != nil {
			status = max(status, plantedStatus(trial))
			err = errors.Join(err, f.writePlan(trial), table.Add(trial))
		}
		if err != nil {
			return 0, errors.Join(err, table.Finish())
		}
	}
	return status, table.Finish()
}

// writePlan writes the plan of a bug that is caught, if it is asked for.
func (f *plantedFlags) writePlan(t *planted.Trial) error {
	if f.out == "" || !t.Caught {
		return nil
	}
	return files.Write(f.file(t.Bug), t.Smallest().Encode())
}

func plantedStatus(t *planted.Trial) int {
	switch {
	case t.Differs():
		return statusHarness
	case !t.Caught:
		return statusBroken
	}
	return statusHold
}

// replayPlanted is the command line that runs what caught a bug: the plan if it was
// written, else the seed. A bug with a plan of its own has no seed that simrun -seed
// takes.
func (c *console) replayPlanted(f *plantedFlags, t *planted.Trial) string {
	seed := strconv.FormatUint(t.Seed, 10)
	var args []string
	mode := modeFlag(t.Bug.Hunt.Mode).arguments()
	switch family := t.Bug.Hunt.Family; {
	case f.out != "":
		args = []string{"-plan", f.file(t.Bug)}
	case family == planted.Swarm:
		args = append([]string{"-seed", seed}, mode...)
	case family != "":
		args = append([]string{"-scenario", family, "-seed", seed}, mode...)
	default:
		return ""
	}
	return commandLine(c.name, append(args, "-worker", t.Worker))
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
		draw, err := bug.Plans(files)
		if err != nil {
			return nil, fmt.Errorf("planted bug %s: hunt: %w", name, err)
		}
		all = append(all, chosen{bug, draw})
	}
	return all, nil
}

// buildFor builds the worker with a bug, or the one without if the bug is nil.
func (c *console) buildFor(ctx context.Context, from bugSource, bug *planted.Bug) (det.Worker, error) {
	cfg := det.BuildConfig{Progress: c.progress.log}
	if bug != nil {
		cfg.Plant = bug.Plant()
		cfg.Progress = func(line string) { c.progress.log(bug.Name + ": " + line) }
	}
	path, err := from.build(ctx, cfg)
	c.progress.clear()
	return det.Worker{Path: path, Notice: c.notice}, err
}

// hunt builds a bug and tries to catch it.
func (c *console) hunt(ctx context.Context, f *plantedFlags, from bugSource, bug chosen, clean det.Worker) (*planted.Trial, error) {
	worker, err := c.buildFor(ctx, from, bug.Bug)
	if err != nil {
		return nil, fmt.Errorf("planted bug %s: %w", bug.Name, err)
	}
	start := time.Now()
	trial, err := planted.Try(ctx, bug.Bug, &drive.Simulator{Worker: worker}, planted.Config{
		Clean:    &drive.Simulator{Worker: clean},
		Draw:     bug.draw,
		Parallel: runtime.NumCPU(),
		OnSeed: func(done int) {
			c.progress.show("%s: %d of %d seeds, %.1f seeds/s", bug.Name, done, bug.Hunt.Seeds, float64(done)/time.Since(start).Seconds())
		},
		Shrink:   f.shrink,
		OnShrink: c.shrinkProgress,
	})
	c.progress.clear()
	if err != nil {
		err = fmt.Errorf("planted bug %s: %w", bug.Name, err)
	}
	return trial, err
}
