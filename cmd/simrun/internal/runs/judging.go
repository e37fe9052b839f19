package runs

import (
	"context"
	"errors"
	"os"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/known"
	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/sim/det"
	files "github.com/meshcheck/meshcheck/testdata/repairs"
)

// Judging are the flags of commands that measure what is known.
type Judging struct {
	Repaired string
	Plant    string // a bug, which no flag here declares
	Whole    bool   // all plans have whole agents, so that no other worker is needed
}

func (j *Judging) Add(f *console.Flags) {
	f.Add(&j.Repaired, "repaired FILE", "use this worker from build-worker -repairs all with all the repairs in; without sources to build from it tells news from what is known, and not as what it is known")
}

// Judge returns what measures what is known, and what runs plans without repairs.
func Judge(ctx context.Context, c *console.Console, w Worker, l Limits, flags Judging, parallel int) (*known.Judge, *drive.Simulator, error) {
	if w.Runtime == det.Stock {
		return nil, nil, console.Usagef("-runtime=stock judges nothing: a run must replay")
	}
	if err := CheckWorker("repaired", flags.Repaired); err != nil {
		return nil, nil, err
	}
	with, err := known.Load(files.Files)
	if err != nil {
		return nil, nil, err
	}
	b := &builds{c: c, limits: l, given: w.Path, repaired: flags.Repaired, all: len(with.All)}
	if flags.Plant != "" {
		bug, err := Bug(flags.Plant)
		if err != nil {
			return nil, nil, err
		}
		b.bug = bug.Plant()
	}
	base := SimulatorOf(c, w.Path, l)
	if w.Path == "" {
		base.Worker.Path, err = c.Build(ctx, det.BuildConfig{Plant: b.bug, Whole: flags.Whole})
		if built := det.BuiltWorker(); errors.Is(err, det.ErrNoSources) && b.bug == nil && built != "" && !flags.Whole {
			c.Notice("there are no sources here to build workers from; this is with the worker " + built)
			base.Worker.Path, err = built, nil
			if beside := built + "-repaired"; flags.Repaired == "" && CheckWorker("repaired", beside) == nil {
				b.repaired = beside
			}
		}
		if err != nil {
			return nil, nil, err
		}
		if !flags.Whole {
			base.Whole = wholeWorker(c, b.bug)
		}
	}
	b.base = base
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	program, err := drive.CodeOf(self)
	if err != nil {
		return nil, nil, err
	}
	kept, err := known.OpenKept(program.Hash)
	if err != nil {
		return nil, nil, err
	}
	return &known.Judge{Repairs: with, Build: b.build, Kept: kept, Parallel: parallel, OnProgress: func(line string) { c.Progress.Show("%s", line) }}, base, nil
}

// builds makes workers with repairs.
type builds struct {
	c               *console.Console
	limits          Limits
	given, repaired string           // workers by -worker and -repaired; empty: none
	base            *drive.Simulator // without repairs
	bug             *det.Plant
	all             int // how many repairs there are
}

func (b *builds) worker(path string) (repairs.Worker, error) {
	code, err := drive.CodeOf(path)
	if err != nil {
		return repairs.Worker{}, err
	}
	return repairs.Worker{Runner: SimulatorOf(b.c, path, b.limits), Hash: code.Hash}, nil
}

// build is the Build of a known.Judge, which asks once for each worker.
func (b *builds) build(ctx context.Context, set []*repairs.Repair, whole bool) (repairs.Worker, error) {
	switch {
	case len(set) == 0:
		return b.without(ctx, whole)
	case b.repaired != "" && len(set) == b.all:
		return b.worker(b.repaired)
	}
	if err := b.sameSources(ctx, whole); err != nil {
		return repairs.Worker{}, err
	}
	path, err := b.c.Build(ctx, det.BuildConfig{Plant: repairs.With(set, b.bug), Whole: whole})
	if err != nil {
		return repairs.Worker{}, err
	}
	return b.worker(path)
}

// without is the worker without repairs.
func (b *builds) without(ctx context.Context, whole bool) (repairs.Worker, error) {
	if whole && b.base.Whole != nil {
		built, err := b.base.Whole(ctx)
		if err != nil {
			return repairs.Worker{}, err
		}
		return b.worker(built.Path)
	}
	return b.worker(b.base.Worker.Path)
}

// sameSources tells whether the given worker is one of the sources here: repairs are put into
// these, and a bug that only the given one has would look repaired.
func (b *builds) sameSources(ctx context.Context, whole bool) error {
	if b.given == "" {
		return nil
	}
	path, err := b.c.Build(ctx, det.BuildConfig{Whole: whole})
	if err != nil {
		return err
	}
	here, err := b.worker(path)
	if err != nil {
		return err
	}
	given, err := b.worker(b.given)
	if err == nil && here.Hash != given.Hash {
		err = console.Usagef("-worker %s is of other sources than those here, into which repairs are put: give none, and it is built", b.given)
	}
	return err
}
