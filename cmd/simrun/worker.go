package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/planted"
	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
	bugs "github.com/meshcheck/meshcheck/testdata/planted"
)

// workerFlags choose the worker.
type workerFlags struct{ path, runtime string }

func (w *workerFlags) add(f *flags) {
	f.add(&w.path, "worker FILE", "use a worker from build-worker")
	f.add(&w.runtime, "runtime KIND", "det (the default), or stock: an unchanged Go runtime, whose seeds fix the plan and not the execution")
}

// limitFlags bound a run. What is not given follows from the plan's size.
type limitFlags struct {
	stall, wall time.Duration
	memory      int64 // MiB
}

func (l *limitFlags) add(f *flags) {
	f.add(&l.wall, "wall TIME", "the longest that one run may take; 10m, or more for a large plan")
	f.add(&l.stall, "stall TIME", "how long a run may go on with neither virtual time passing nor records being written, until it counts as hanging; 1m")
	f.add(&l.memory, "memory MIB", "the most memory that a worker may take; 2048 and 8 for each agent, or more for a large plan")
}

func (l *limitFlags) config() det.RunConfig {
	return det.RunConfig{WallLimit: l.wall, StallLimit: l.stall, MemoryLimit: l.memory << 20}
}

func (l *limitFlags) check() error {
	switch {
	case l.wall < 0:
		return usageErrorf("-wall %s: want a time such as 30m", l.wall)
	case l.stall < 0:
		return usageErrorf("-stall %s: want a time such as 5m", l.stall)
	case l.memory < 0:
		return usageErrorf("-memory %d: want MiB, at least 1", l.memory)
	}
	return nil
}

// check refuses what does not fit together.
func (w *workerFlags) check() error {
	if w.runtime != "" && w.runtime != det.Deterministic && w.runtime != det.Stock {
		return usageErrorf("-runtime %s: the runtimes are %s and %s", w.runtime, det.Deterministic, det.Stock)
	}
	if w.path == "" {
		return nil
	}
	if w.runtime != "" {
		return usageErrorf("-worker and -runtime exclude each other: a built worker has its runtime")
	}
	return checkWorker("worker", w.path)
}

// checkWorker refuses what a flag names and is no worker.
func checkWorker(flag, path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return usageErrorf("-%s %s: %w", flag, path, files.Plain(err))
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0 || formOf(path) != programForm:
		return usageErrorf("-%s %s: this is not a program; simrun build-worker -o FILE makes one", flag, path)
	}
	return nil
}

// arguments returns the flags as a user would give them.
func (w *workerFlags) arguments() (args []string) {
	if w.path != "" {
		args = append(args, "-worker", w.path)
	}
	if w.runtime != "" && w.runtime != det.Deterministic {
		args = append(args, "-runtime="+w.runtime)
	}
	return args
}

// simulator runs plans with the worker that the flags ask for, built if need be.
func (c *console) simulator(ctx context.Context, w workerFlags, l limitFlags) (*drive.Simulator, error) {
	if w.path != "" {
		return c.simulatorOf(w.path, l), nil
	}
	path, err := det.Build(ctx, det.BuildConfig{Runtime: w.runtime, Progress: c.progress.log})
	if errors.Is(err, det.ErrNoSources) && w.runtime != det.Stock {
		if built := det.BuiltWorker(); built != "" {
			c.notice("there are no sources here to build a worker from; this is with the worker " + built)
			return c.simulatorOf(built, l), nil
		}
	}
	return c.simulatorOf(path, l), err
}

// simulatorOf runs plans with a worker.
func (c *console) simulatorOf(path string, l limitFlags) *drive.Simulator {
	return &drive.Simulator{Worker: det.Worker{Path: path, Notice: c.notice}, Limits: l.config()}
}

// notice tells the user a sentence beside what was asked for.
func (c *console) notice(sentence string) { fmt.Fprintf(c.stderr, "simrun: %s\n", sentence) }

// code says what is run, as far as the worker tells.
func (c *console) code(runner *drive.Simulator) *report.Code {
	code, err := drive.CodeOf(runner.Worker.Path)
	if err != nil {
		c.notice(err.Error())
	}
	return code
}

// buildWorker is the command that builds the worker.
type buildWorker struct {
	out, runtime, plant, cilium string
	repairs                     repairsFlag
}

func (b *buildWorker) flags(f *flags) {
	f.add(&b.out, "o FILE", "where to write the worker")
	f.add(&b.runtime, "runtime KIND", "det (the default) or stock")
	f.add(&b.plant, "plant NAME", "with the bug NAME of testdata/planted in the source that it is built from")
	b.repairs.add(f)
	f.add(&b.cilium, "cilium WHICH", "a directory with the source of Cilium, or a version, in place of what go.mod says")
}

func (b *buildWorker) run(ctx context.Context, c *console) (int, error) {
	if b.out == "" {
		return 0, usageErrorf("build-worker needs -o FILE, the file to write")
	}
	self, _ := os.Executable() // if it is not known, nothing is compared with it
	if err := cmp.Or((&workerFlags{runtime: b.runtime}).check(), checkOutputs([]string{self}, output{"o", b.out, programForm, false})); err != nil {
		return 0, err
	}
	cfg := det.BuildConfig{Runtime: b.runtime, Out: b.out, Cilium: b.cilium, Progress: c.progress.log}
	if b.plant != "" {
		bug, err := b.bug()
		if err != nil {
			return 0, err
		}
		cfg.Plant = bug.Plant()
	}
	if len(b.repairs.names) > 0 {
		chosen, err := b.repairs.load()
		if err != nil {
			return 0, err
		}
		cfg.Plant = repairs.With(chosen, cfg.Plant)
	}
	path, err := det.Build(ctx, cfg)
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintln(c.stdout, path)
	return statusHold, err
}

// bug returns the bug of testdata/planted that the worker is to have.
func (b *buildWorker) bug() (*planted.Bug, error) {
	if b.runtime == det.Stock {
		return nil, usageErrorf("-plant and -runtime=stock exclude each other: a seed that shows a bug must replay")
	}
	names, err := planted.Names(bugs.Files)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, b.plant) {
		return nil, usageErrorf("-plant %s: there is no such planted bug; there are %s", b.plant, strings.Join(names, ", "))
	}
	return planted.Load(bugs.Files, b.plant)
}
