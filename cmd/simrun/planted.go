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

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/planted"
	"github.com/meshcheck/meshcheck/sim/det"
)

// A bugSource holds bugs and builds workers that have one, or, without a plant,
// none.
type bugSource struct {
	files fs.FS
	build func(context.Context, det.BuildConfig) (string, error)
}

// hunt is the command planted: it hunts bugs one after the other and reports on each when it
// is done.
type hunt struct {
	from   bugSource
	names  []string // of bugs; none: all
	shrink time.Duration
	still  bool // no goroutine stalls
	out    string
	limits limitFlags
	json   bool
}

func (h *hunt) flags(f *flags) {
	h.shrink, f.arguments = time.Minute, &h.names
	f.add(&h.shrink, "shrink TIME", "how long to shrink the plan that catches a bug; 0: not at all; 60s")
	f.add(&h.still, "without-stalls", "hunt with plans in which no goroutine loses its CPU (options.stall is 0), to see what that is worth")
	f.add(&h.out, "o DIR", "write the plan of each bug that is caught, as small as it is known, to NAME.json in this directory; it is made if it is missing")
	h.limits.add(f)
	f.json(&h.json)
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
	draw func(seed uint64) (*fault.Plan, error)
}

func (h *hunt) run(ctx context.Context, c *console) (int, error) {
	if h.shrink < 0 {
		return 0, usageErrorf("-shrink %s: want a time such as 60s, or 0 to keep plans as they are drawn", h.shrink)
	}
	if err := cmp.Or(h.limits.check(), checkTarget("o", h.out, true)); err != nil {
		return 0, err
	}
	all, err := h.choose()
	if err != nil {
		return 0, err
	}
	clean, err := h.build(ctx, c, nil)
	if err != nil {
		return 0, err
	}
	table := planted.Table{Out: c.stdout, JSON: h.json, Replay: func(t *planted.Trial) string { return h.replay(c, t) }}
	for _, bug := range all {
		table.Bugs = append(table.Bugs, bug.Bug)
	}
	status := statusHold
	for _, bug := range all {
		trial, err := h.try(ctx, c, bug, clean)
		if trial != nil {
			status = max(status, plantedStatus(trial))
			if trial.Caught {
				err = errors.Join(err, writeForm("o", h.file(bug.Bug), planForm, trial.Smallest().Encode()))
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
		return statusHarness
	case !t.Caught:
		return statusBroken
	}
	return statusHold
}

// replay is the command line that runs what caught a bug: the plan if it was
// written, else the seed. A bug with a plan of its own has no seed that simrun -seed
// takes, and no seed stands for a plan from which the stalls were taken.
func (h *hunt) replay(c *console, t *planted.Trial) string {
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
		args = append(args, modeFlag(t.Bug.Hunt.Mode).arguments()...)
	}
	return commandLine(c.name, append(args, "-worker", t.Worker)...)
}

// choose loads the bugs that are asked for.
func (h *hunt) choose() (all []chosen, err error) {
	names, err := planted.Names(h.from.files)
	if err != nil {
		return nil, err
	}
	for _, name := range h.names {
		if !slices.Contains(names, name) {
			return nil, usageErrorf("there is no planted bug %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	if len(h.names) > 0 {
		names = h.names
	}
	for _, name := range names {
		bug, err := planted.Load(h.from.files, name)
		if err != nil {
			return nil, err
		}
		draw, err := bug.Plans(h.from.files)
		if err != nil {
			return nil, fmt.Errorf("planted bug %s: hunt: %w", name, err)
		}
		if h.still {
			draw = withoutStalls(draw)
		}
		all = append(all, chosen{bug, draw})
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

// build builds the worker with a bug, or the one without if the bug is nil.
func (h *hunt) build(ctx context.Context, c *console, bug *planted.Bug) (*drive.Simulator, error) {
	cfg := det.BuildConfig{Progress: c.progress.log}
	if bug != nil {
		cfg.Plant = bug.Plant()
		cfg.Progress = func(line string) { c.progress.log(bug.Name + ": " + line) }
	}
	path, err := h.from.build(ctx, cfg)
	return c.simulatorOf(path, h.limits), err
}

// try builds a bug and tries to catch it.
func (h *hunt) try(ctx context.Context, c *console, bug chosen, clean *drive.Simulator) (trial *planted.Trial, err error) {
	with, err := h.build(ctx, c, bug.Bug)
	if err == nil {
		start := time.Now()
		trial, err = planted.Try(ctx, bug.Bug, with, planted.Config{
			Clean:    clean,
			Draw:     bug.draw,
			Parallel: runtime.NumCPU(),
			OnSeed: func(done int) {
				c.progress.show("%s: %d of %d seeds, %.1f seeds/s", bug.Name, done, bug.Hunt.Seeds, float64(done)/time.Since(start).Seconds())
			},
			Shrink:   h.shrink,
			OnShrink: c.shrinkProgress,
		})
	}
	if err != nil {
		err = fmt.Errorf("planted bug %s: %w", bug.Name, err)
	}
	return trial, err
}
