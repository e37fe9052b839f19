package runs

import (
	"runtime"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/internal/planted"
	bugs "github.com/meshcheck/meshcheck/testdata/planted"

	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Worker chooses the worker.
type Worker struct{ Path, Runtime string }

func (w *Worker) Add(f *console.Flags) {
	f.Add(&w.Path, "worker FILE", "use a worker from build-worker")
	f.Add(&w.Runtime, "runtime KIND", "det (the default), or stock: an unchanged Go runtime, whose seeds fix the plan and not the execution")
}

// Limits bound a run. What is not given follows from the plan's size.
type Limits struct {
	Stall, Wall time.Duration
	Memory      int64 // MiB
}

func (l *Limits) Add(f *console.Flags) {
	f.Add(&l.Wall, "wall TIME", "the longest that one run may take; 10m, or more for a large plan")
	f.Add(&l.Stall, "stall TIME", "how long a run may go on with neither virtual time passing nor records being written, until it counts as hanging; 1m, or more for a large plan")
	f.Add(&l.Memory, "memory MIB", "the most memory that a worker may take; 2048 and 8 for each agent, or more for a large plan")
}

func (l *Limits) config() det.RunConfig {
	return det.RunConfig{WallLimit: l.Wall, StallLimit: l.Stall, MemoryLimit: l.Memory << 20}
}

func (l *Limits) Check() error {
	switch {
	case l.Wall < 0:
		return console.Usagef("-wall %s: want a time such as 30m", l.Wall)
	case l.Stall < 0:
		return console.Usagef("-stall %s: want a time such as 5m", l.Stall)
	case l.Memory < 0:
		return console.Usagef("-memory %d: want MiB, at least 1", l.Memory)
	}
	return nil
}

// Workers is how many runs there are at once.
type Workers int

// Add declares the flag, with as many as there are cores.
func (w *Workers) Add(f *console.Flags) {
	*w = Workers(runtime.NumCPU())
	f.Add((*int)(w), "workers N", "how many runs at once; as many as there are cores")
}

// Check refuses none at all.
func (w Workers) Check() error {
	if w < 1 {
		return console.Usagef("-workers %d: want at least 1", w)
	}
	return nil
}

// Check refuses what does not fit together.
func (w *Worker) Check() error {
	if w.Runtime != "" && w.Runtime != det.Deterministic && w.Runtime != det.Stock {
		return console.Usagef("-runtime %s: the runtimes are %s and %s", w.Runtime, det.Deterministic, det.Stock)
	}
	if w.Path == "" {
		return nil
	}
	if w.Runtime != "" {
		return console.Usagef("-worker and -runtime exclude each other: a built worker has its runtime")
	}
	return CheckWorker("worker", w.Path)
}

// CheckWorker refuses what a flag names and is no worker.
func CheckWorker(flag, path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return console.Usagef("-%s %s: %w", flag, path, files.Plain(err))
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0 || output.FormOf(path) != output.Program:
		return console.Usagef("-%s %s: this is not a program; simrun build-worker -o FILE makes one", flag, path)
	}
	return nil
}

// Arguments returns the flags as a user would give them.
func (w *Worker) Arguments() (args []string) {
	if w.Path != "" {
		args = append(args, "-worker", w.Path)
	}
	if w.Runtime != "" && w.Runtime != det.Deterministic {
		args = append(args, "-runtime="+w.Runtime)
	}
	return args
}

// Simulator runs plans with the worker that the flags ask for, built if need be.
func Simulator(ctx context.Context, c *console.Console, w Worker, l Limits) (*drive.Simulator, error) {
	if w.Path != "" {
		return SimulatorOf(c, w.Path, l), nil
	}
	path, err := c.Build(ctx, det.BuildConfig{Runtime: w.Runtime})
	if errors.Is(err, det.ErrNoSources) && w.Runtime != det.Stock {
		if built := det.BuiltWorker(); built != "" {
			c.Notice("there are no sources here to build a worker from; this is with the worker " + built)
			return SimulatorOf(c, built, l), nil
		}
	}
	simulator := SimulatorOf(c, path, l)
	if w.Runtime != det.Stock {
		simulator.Whole = wholeWorker(c, nil)
	}
	return simulator, err
}

// wholeWorker returns what builds the worker of whole agents, once; with a bug if there is one.
func wholeWorker(c *console.Console, bug *det.Plant) func(context.Context) (det.Worker, error) {
	var one sync.Mutex
	var built *det.Worker
	return func(ctx context.Context) (det.Worker, error) {
		one.Lock()
		defer one.Unlock()
		if built == nil {
			path, err := c.Build(ctx, det.BuildConfig{Whole: true, Plant: bug})
			if err != nil {
				return det.Worker{}, err
			}
			built = &det.Worker{Path: path, Notice: c.Notice}
		}
		return *built, nil
	}
}

// SimulatorOf runs plans with a worker.
func SimulatorOf(c *console.Console, path string, l Limits) *drive.Simulator {
	return &drive.Simulator{Worker: det.Worker{Path: path, Notice: c.Notice}, Limits: l.config()}
}

// Code says with what a plan is run, as far as the worker tells.
func Code(ctx context.Context, c *console.Console, runner *drive.Simulator, plan *fault.Plan) *report.Code {
	worker, err := runner.WorkerOf(ctx, plan)
	var code *report.Code
	if err == nil {
		code, err = drive.CodeOf(worker.Path)
	}
	if err != nil {
		c.Notice(err.Error())
	}
	return code
}

// Bug returns a bug of testdata/planted, which -plant names.
func Bug(name string) (*planted.Bug, error) {
	names, err := planted.Names(bugs.Files)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, name) {
		return nil, console.Usagef("-plant %s: there is no such planted bug; there are %s", name, strings.Join(names, ", "))
	}
	return planted.Load(bugs.Files, name)
}
