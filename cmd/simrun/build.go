package main

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/sim/det"
)

const buildHelp = `
build-worker builds the worker, the program that one run executes, and writes it
to a file. Any linux machine of the same architecture can use it, without Go:

  simrun build-worker -o FILE
  simrun -worker FILE -seed 1

Without it simrun builds the worker when it first needs it and keeps it in the
user's cache directory. The first build compiles Cilium, etcd and client-go,
which takes minutes.

Flags:

Examples:
  simrun build-worker -o worker
  simrun build-worker -whole -o whole-worker
  simrun -worker ./worker -seeds 0-99

Exit status: 0 if it is built, 2 for bad flags, 3 if it cannot be built.
`

// buildWorker is the command that builds the worker.
type buildWorker struct {
	out, runtime, plant, cilium string
	whole                       bool
	repairs                     repairsFlag
}

func (b *buildWorker) Flags(f *console.Flags) {
	f.Add(&b.out, "o FILE", "where to write the worker")
	f.Add(&b.runtime, "runtime KIND", "det (the default) or stock")
	f.Add(&b.plant, "plant NAME", "with the bug NAME of testdata/planted in the source that it is built from")
	b.repairs.Add(f)
	f.Add(&b.whole, "whole", "the worker that runs plans with whole agents (options.agents), too; it is larger, and compiled with a runtime of its own")
	f.Add(&b.cilium, "cilium WHICH", "a directory with the source of Cilium, or a version, in place of what go.mod says")
}

func (b *buildWorker) Run(ctx context.Context, c *console.Console) (int, error) {
	if b.out == "" {
		return 0, console.Usagef("build-worker needs -o FILE, the file to write")
	}
	self, _ := os.Executable() // if it is not known, nothing is compared with it
	if err := cmp.Or((&runs.Worker{Runtime: b.runtime}).Check(), output.Check([]string{self}, output.To("o", b.out, output.Program, false))); err != nil {
		return 0, err
	}
	cfg := det.BuildConfig{Runtime: b.runtime, Out: b.out, Cilium: b.cilium, Whole: b.whole}
	if b.whole && b.runtime == det.Stock {
		return 0, console.Usagef("-whole and -runtime=stock exclude each other: whole agents need the deterministic runtime, which tells them apart")
	}
	if b.plant != "" {
		if b.runtime == det.Stock {
			return 0, console.Usagef("-plant and -runtime=stock exclude each other: a seed that shows a bug must replay")
		}
		bug, err := runs.Bug(b.plant)
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
	path, err := c.Build(ctx, cfg)
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintln(c.Stdout, path)
	return console.StatusHold, err
}
