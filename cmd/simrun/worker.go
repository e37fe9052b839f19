package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/internal/planted"
	"github.com/meshcheck/meshcheck/sim/det"
	bugs "github.com/meshcheck/meshcheck/testdata/planted"
)

// workerFlags choose the worker.
type workerFlags struct{ path, runtime string }

func (f *workerFlags) add(set *flag.FlagSet) {
	set.StringVar(&f.path, "worker", "", "")
	set.StringVar(&f.runtime, "runtime", "", "")
}

// check refuses what does not fit together.
func (f *workerFlags) check() error {
	if f.runtime != "" && f.runtime != det.Deterministic && f.runtime != det.Stock {
		return usageErrorf("-runtime %s: the runtimes are %s and %s", f.runtime, det.Deterministic, det.Stock)
	}
	if f.path == "" {
		return nil
	}
	if f.runtime != "" {
		return usageErrorf("-worker and -runtime exclude each other: a built worker has its runtime")
	}
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return usageErrorf("-worker %s: %w", f.path, plainError(err))
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return usageErrorf("-worker %s: this is not a program; simrun build-worker -o FILE makes one", f.path)
	}
	return nil
}

// arguments returns the flags as a user would give them.
func (f *workerFlags) arguments() (args []string) {
	if f.path != "" {
		args = append(args, "-worker", f.path)
	}
	if f.runtime != "" && f.runtime != det.Deterministic {
		args = append(args, "-runtime="+f.runtime)
	}
	return args
}

// worker returns the worker that the flags ask for, built if need be.
func (c *console) worker(ctx context.Context, f workerFlags) (det.Worker, error) {
	if f.path != "" {
		return det.Worker{Path: f.path, Notice: c.notice}, nil
	}
	path, err := det.Build(ctx, det.BuildConfig{Runtime: f.runtime, Progress: c.progress.log})
	c.progress.clear()
	return det.Worker{Path: path, Notice: c.notice}, err
}

// notice tells the user a sentence beside what was asked for.
func (c *console) notice(sentence string) {
	c.progress.clear()
	fmt.Fprintf(c.stderr, "simrun: %s\n", sentence)
}

func (c *console) buildWorker(ctx context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("build-worker", flag.ContinueOnError)
	out := set.String("o", "", "")
	kind := set.String("runtime", "", "")
	plant := set.String("plant", "", "")
	if err := parse(set, args); err != nil {
		return 0, err
	}
	switch {
	case set.NArg() > 0:
		return 0, usageErrorf("build-worker takes no arguments, and there is %q; -o FILE names the file", set.Arg(0))
	case *out == "":
		return 0, usageErrorf("build-worker needs -o FILE, the file to write")
	}
	if err := (&workerFlags{runtime: *kind}).check(); err != nil {
		return 0, err
	}
	if err := checkTarget("o", *out, false); err != nil {
		return 0, err
	}
	cfg := det.BuildConfig{Runtime: *kind, Out: *out, Progress: c.progress.log}
	if *plant != "" {
		bug, err := bugToPlant(*plant, *kind)
		if err != nil {
			return 0, err
		}
		cfg.Plant = bug.Plant()
	}
	path, err := det.Build(ctx, cfg)
	if err != nil {
		return 0, err
	}
	c.progress.clear()
	fmt.Fprintf(c.stdout, "%s\n", path)
	return statusHold, nil
}

// bugToPlant returns the bug of testdata/planted that a worker is to have.
func bugToPlant(name, runtime string) (*planted.Bug, error) {
	if runtime == det.Stock {
		return nil, usageErrorf("-plant and -runtime=stock exclude each other: a seed that shows a bug must replay")
	}
	names, err := planted.Names(bugs.Files)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, name) {
		return nil, usageErrorf("-plant %s: there is no such planted bug; there are %s", name, strings.Join(names, ", "))
	}
	return planted.Load(bugs.Files, name)
}
