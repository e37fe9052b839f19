package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/planted"
	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/sim/det"
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
without bugs was built before: only the edited packages are compiled. A bug that is
hunted in plans with whole agents is in their worker, where that takes minutes.

Flags:

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

// hunt is the command planted: it hunts bugs one after the other and reports on each when it
// is done.
type hunt struct {
	bugs    fs.FS
	repairs []*repairs.Repair // in every worker
	names   []string          // of bugs; none: all
	shrink  time.Duration
	still   bool // no goroutine stalls
	out     string
	limits  runs.Limits
	json    bool
}

func (h *hunt) Flags(f *console.Flags) {
	h.shrink, f.Arguments = time.Minute, &h.names
	f.Add(&h.shrink, "shrink TIME", "how long to shrink the plan that catches a bug; 0: not at all; 60s")
	f.Add(&h.still, "without-stalls", "hunt with plans in which no goroutine loses its CPU (options.stall is 0), to see what that is worth")
	f.Add(&h.out, "o DIR", "write the plan of each bug that is caught, as small as it is known, to NAME.json in this directory; it is made if it is missing")
	h.limits.Add(f)
	f.JSON(&h.json)
}

// file is where the plan of a bug is written; empty: nowhere.
func (h *hunt) file(bug *planted.Bug) string {
	if h.out == "" {
		return ""
	}
	return filepath.Join(h.out, bug.Name+".json")
}

// chosen is a bug with the family of plans that it is hunted in.
type chosen struct {
	*planted.Bug
	draw  func(seed uint64) (*fault.Plan, error)
	whole bool // they have whole agents
}

func (h *hunt) Run(ctx context.Context, c *console.Console) (int, error) {
	if h.shrink < 0 {
		return 0, console.Usagef("-shrink %s: want a time such as 60s, or 0 to keep plans as they are drawn", h.shrink)
	}
	if err := cmp.Or(h.limits.Check(), output.CheckTarget("o", h.out, true)); err != nil {
		return 0, err
	}
	all, err := h.choose()
	if err != nil {
		return 0, err
	}
	table := planted.Table{Out: c.Stdout, JSON: h.json, Replay: func(t *planted.Trial) string { return h.replay(c, t) }}
	for _, bug := range all {
		table.Bugs = append(table.Bugs, bug.Bug)
	}
	status, clean := console.StatusHold, map[bool]*drive.Simulator{} // by whether there are whole agents
	for _, bug := range all {
		if clean[bug.whole] == nil {
			if clean[bug.whole], err = h.build(ctx, c, nil, bug.whole); err != nil {
				return 0, errors.Join(err, table.Finish())
			}
		}
		trial, err := h.try(ctx, c, bug, clean[bug.whole])
		if trial != nil {
			status = max(status, plantedStatus(trial))
			if trial.Caught {
				err = errors.Join(err, output.WriteForm("o", h.file(bug.Bug), output.Plan, trial.Smallest().Encode()))
			}
			err = errors.Join(err, table.Add(trial))
		}
		if err != nil {
			return 0, errors.Join(err, table.Finish())
		}
	}
	return status, table.Finish()
}

func plantedStatus(t *planted.Trial) int {
	switch {
	case t.Differs():
		return console.StatusHarness
	case !t.Caught:
		return console.StatusBroken
	}
	return console.StatusHold
}

// replay is the command line that runs what caught a bug: the plan if it was
// written, else the seed. A bug with a plan of its own has no seed that simrun -seed
// takes, and no seed stands for a plan from which the stalls were taken.
func (h *hunt) replay(c *console.Console, t *planted.Trial) string {
	args := []string{"-seed", strconv.FormatUint(t.Seed, 10)}
	switch family := t.Bug.Hunt.Family; {
	case h.out != "":
		args = []string{"-plan", h.file(t.Bug)}
	case family == "" || h.still:
		return ""
	case family != planted.Swarm:
		args = append([]string{"-scenario", family}, args...)
	}
	if h.out == "" {
		args = append(args, runs.Mode(t.Bug.Hunt.Mode).Arguments()...)
		if t.Bug.Hunt.Agents != "" {
			args = append(args, "-agents", t.Bug.Hunt.Agents)
		}
	}
	return console.CommandLine(c.Name, append(args, "-worker", t.Worker)...)
}

// choose loads the bugs that are asked for.
func (h *hunt) choose() (all []chosen, err error) {
	names, err := planted.Names(h.bugs)
	if err != nil {
		return nil, err
	}
	for _, name := range h.names {
		if !slices.Contains(names, name) {
			return nil, console.Usagef("there is no planted bug %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	if len(h.names) > 0 {
		names = h.names
	}
	for _, name := range names {
		bug, err := planted.Load(h.bugs, name)
		if err != nil {
			return nil, err
		}
		draw, err := bug.Plans(h.bugs)
		var first *fault.Plan
		if err == nil {
			first, err = draw(0)
		}
		if err != nil {
			return nil, fmt.Errorf("planted bug %s: hunt: %w", name, err)
		}
		if h.still {
			draw = withoutStalls(draw)
		}
		all = append(all, chosen{bug, draw, first.HasWhole()})
	}
	return all, nil
}

// withoutStalls draws the same plans, but that nothing stalls in them.
func withoutStalls(draw func(uint64) (*fault.Plan, error)) func(uint64) (*fault.Plan, error) {
	return func(seed uint64) (*fault.Plan, error) {
		plan, err := draw(seed)
		if err != nil {
			return nil, err
		}
		still := *plan
		still.Options.Stall, still.Stalls = 0, nil
		return &still, nil
	}
}

// build builds the worker with a bug, or the one without if the bug is nil; whole is for plans
// with whole agents.
func (h *hunt) build(ctx context.Context, c *console.Console, bug *planted.Bug, whole bool) (*drive.Simulator, error) {
	cfg := det.BuildConfig{Whole: whole}
	if bug != nil {
		cfg.Plant = bug.Plant()
		cfg.Progress = func(line string) { c.Progress.Log(bug.Name + ": " + line) }
	}
	if h.repairs != nil {
		cfg.Plant = repairs.With(h.repairs, cfg.Plant)
	}
	path, err := c.Build(ctx, cfg)
	return runs.SimulatorOf(c, path, h.limits), err
}

// try builds a bug and tries to catch it.
func (h *hunt) try(ctx context.Context, c *console.Console, bug chosen, clean *drive.Simulator) (trial *planted.Trial, err error) {
	with, err := h.build(ctx, c, bug.Bug, bug.whole)
	if err == nil {
		start := time.Now()
		trial, err = planted.Try(ctx, bug.Bug, with, planted.Config{
			Clean:    clean,
			Draw:     bug.draw,
			Parallel: runtime.NumCPU(),
			OnSeed: func(done int) {
				c.Progress.Show("%s: %d of %d seeds, %.1f seeds/s", bug.Name, done, bug.Hunt.Seeds, float64(done)/time.Since(start).Seconds())
			},
			Shrink:   h.shrink,
			OnShrink: func(plan *fault.Plan) func(shrink.Progress) { return runs.ShrinkProgress(c, plan) },
		})
	}
	if err != nil {
		err = fmt.Errorf("planted bug %s: %w", bug.Name, err)
	}
	return trial, err
}
