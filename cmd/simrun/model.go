package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/internal/conformance"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// modelFlags are the flags of the command model.
type modelFlags struct {
	mode     string
	all      bool
	property string
	bounds   mesh.Bounds
	memory   int64 // MiB
	out      string
	plan     string
	json     bool

	// Of real.
	real    bool
	repairs bool
	seeds   seedsFlag
	worker  workerFlags
}

// model explores the abstract mesh.
func (c *console) model(ctx context.Context, args []string) (int, error) {
	f, err := parseModel(args)
	if err != nil {
		return 0, err
	}
	o := mesh.Options{Memory: f.memory << 20}
	if f.property != "" {
		o.Properties = []string{f.property}
	}
	if f.all {
		return c.modelMatrix(ctx, f, o)
	}
	md, err := mode.Parse(f.mode)
	if err != nil {
		return 0, &usageError{err}
	}
	o.Progress = c.exploring(md)
	row, err := mesh.Run(ctx, mesh.Config{Mode: md, Bounds: f.bounds}, o)
	if err != nil {
		return 0, &usageError{err}
	}
	c.progress.clear()
	if err := c.writeModel(f, row); err != nil {
		return 0, err
	}
	switch {
	case ctx.Err() != nil:
		return statusInterrupted, nil
	case row.Verdict() == explore.Holds:
		return statusHold, nil
	}
	return statusBroken, nil
}

// writeModel writes what is known of one mode, and the files that were asked for.
func (c *console) writeModel(f *modelFlags, row *mesh.Row) error {
	for _, file := range []string{f.out, f.plan} {
		if file != "" && row.Cells[0].Trace == nil {
			fmt.Fprintf(c.stderr, "simrun: %s has no counterexample in mode %s, so %s is not written\n", f.property, row.Mode, file)
		}
	}
	if row.Cells[0].Trace != nil {
		if err := c.writeTrace(f, row); err != nil {
			return err
		}
	}
	if f.json {
		return row.WriteJSON(c.stdout)
	}
	return row.WriteText(c.stdout)
}

// writeTrace writes the counterexample of the first cell to the files that were asked
// for, as a trace and as a plan.
func (c *console) writeTrace(f *modelFlags, row *mesh.Row) error {
	if f.out != "" {
		text, err := json.MarshalIndent(row.Cells[0].Trace, "", "  ")
		if err != nil {
			return err
		}
		if err := files.Write(f.out, append(text, '\n')); err != nil {
			return usageErrorf("-o %s: cannot write the trace: %w", f.out, plainError(err))
		}
	}
	if f.plan == "" {
		return nil
	}
	ce, err := row.Counterexample(row.Cells[0])
	if err != nil {
		return err
	}
	plan, err := conformance.Export(ce)
	var why conformance.Obstacle
	switch {
	case errors.As(err, &why):
		fmt.Fprintf(c.stderr, "simrun: the counterexample of %s in mode %s is not expressible, because %s; so %s is not written\n", f.property, row.Mode, why, f.plan)
		return nil
	case err != nil:
		return err
	}
	if err := files.Write(f.plan, plan.Encode()); err != nil {
		return usageErrorf("-plan %s: cannot write the plan: %w", f.plan, plainError(err))
	}
	return nil
}

// modelMatrix explores all modes of the matrix, and prints each row as soon as it
// is known. That cells are broken is what the matrix is there to show; only one
// that is not decided is a failure.
func (c *console) modelMatrix(ctx context.Context, f *modelFlags, o mesh.Options) (int, error) {
	var real *conformance.Matrix
	if f.real {
		var err error
		if real, err = c.newReal(ctx, f); err != nil {
			return 0, err
		}
	}
	if !f.json {
		fmt.Fprint(c.stdout, mesh.MatrixHeader(f.bounds))
	}
	status := statusHold
	for _, md := range mesh.MatrixModes() {
		o.Progress = c.exploring(md)
		row, err := mesh.Run(ctx, mesh.Config{Mode: md, Bounds: f.bounds}, o)
		if err != nil {
			return 0, &usageError{err}
		}
		if !row.Finished {
			status = statusBroken
		}
		c.progress.clear()
		if f.json {
			err = row.WriteJSON(c.stdout)
		} else {
			_, err = fmt.Fprintln(c.stdout, row.Line())
		}
		if err != nil {
			return 0, err
		}
		if real != nil {
			err = c.addReal(ctx, f, real, row)
		}
		if err = cmp.Or(ctx.Err(), err); err != nil {
			return 0, err
		}
	}
	if !f.json {
		fmt.Fprint(c.stdout, mesh.MatrixLegend)
	}
	if real != nil {
		bears, err := real.Finish()
		if err == nil && !f.json {
			err = real.WriteLegend(c.stdout)
		}
		if err != nil {
			return 0, err
		}
		if !bears {
			status = statusBroken
		}
	}
	if !f.json {
		fmt.Fprintf(c.stdout, "\na counterexample  %s model -mode clustermesh -property monotonic\n", c.name)
	}
	return status, nil
}

// newReal builds the worker that runs counterexamples.
func (c *console) newReal(ctx context.Context, f *modelFlags) (*conformance.Matrix, error) {
	worker, err := c.worker(ctx, f.worker)
	if err != nil {
		return nil, err
	}
	code, err := drive.CodeOf(worker.Path)
	if err != nil {
		return nil, err
	}
	versions := code.Versions()
	// These two change with every edit of the harness.
	delete(versions, "worker")
	delete(versions, "go")
	return conformance.NewMatrix(conformance.MatrixConfig{
		Runner: &drive.Simulator{Worker: worker}, Sweeping: c.buildSweeping,
		Repairs: f.repairs, Seeds: f.seeds.Seeds, Parallel: runtime.NumCPU(), Dir: f.out,
		OnRun: func(cell conformance.Cell) {
			c.progress.show("%s: running the counterexample of %s", cell.Mode, cell.Property)
		},
	}, conformance.Outcomes{Version: conformance.OutcomesVersion, Code: versions, Bounds: f.bounds, Seeds: f.seeds.String()}), nil
}

// buildSweeping builds the worker with the repair sweep.
func (c *console) buildSweeping(ctx context.Context) (drive.Runner, error) {
	plant, err := conformance.Sweep()
	if err != nil {
		return nil, err
	}
	path, err := det.Build(ctx, det.BuildConfig{Plant: plant, Progress: c.progress.log})
	c.progress.clear()
	return &drive.Simulator{Worker: det.Worker{Path: path, Notice: c.notice}}, err
}

// addReal runs the counterexamples of a row and writes what became of them.
func (c *console) addReal(ctx context.Context, f *modelFlags, real *conformance.Matrix, row *mesh.Row) error {
	cells, line, err := real.Add(ctx, row)
	c.progress.clear()
	if err != nil || !f.json && line == "" {
		return err
	}
	if !f.json {
		_, err = fmt.Fprintln(c.stdout, line)
		return err
	}
	for _, cell := range cells {
		err = errors.Join(err, report.WriteLine(c.stdout, outcomeLine{report.Header{Version: report.JSONVersion, Kind: "model-outcome"}, cell}))
	}
	return err
}

// outcomeLine is what -json writes of a cell.
type outcomeLine struct {
	report.Header
	conformance.Cell
}

// exploring shows how far the search of a mode is. In a log a search of a moment
// needs no line.
func (c *console) exploring(md mode.Mode) func(explore.Progress) {
	return func(p explore.Progress) {
		line := fmt.Sprintf("%s: %v", md, p)
		if p.Elapsed < logEvery {
			c.progress.show("%s", line)
		} else {
			c.progress.log(line)
		}
	}
}

// parseModel reads and checks the flags.
func parseModel(args []string) (*modelFlags, error) {
	f := &modelFlags{bounds: mesh.Default}
	set := flag.NewFlagSet("model", flag.ContinueOnError)
	set.StringVar(&f.mode, "mode", "", "")
	set.BoolVar(&f.all, "all", false, "")
	set.StringVar(&f.property, "property", "", "")
	set.IntVar(&f.bounds.Replicas, "replicas", f.bounds.Replicas, "")
	set.IntVar(&f.bounds.Agents, "agents", f.bounds.Agents, "")
	set.IntVar(&f.bounds.Objects, "objects", f.bounds.Objects, "")
	set.IntVar(&f.bounds.Reuses, "reuses", f.bounds.Reuses, "")
	set.IntVar(&f.bounds.Faults, "faults", f.bounds.Faults, "")
	set.Int64Var(&f.memory, "memory", 4096, "")
	set.StringVar(&f.out, "o", "", "")
	set.StringVar(&f.plan, "plan", "", "")
	set.BoolVar(&f.real, "real", false, "")
	set.BoolVar(&f.repairs, "repairs", false, "")
	f.seeds.Seeds = drive.Seeds{First: 1, Last: 5}
	set.Var(&f.seeds, "seeds", "")
	f.worker.add(set)
	set.BoolVar(&f.json, "json", false, "")
	if err := parse(set, args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, usageErrorf("there is an argument %q that belongs to no flag; simrun help model shows examples", set.Arg(0))
	}
	return f, f.check()
}

// check refuses what does not fit together.
func (f *modelFlags) check() error {
	names := mesh.PropertyNames()
	switch {
	case f.all == (f.mode != ""):
		return usageErrorf("what shall be explored? Give either -mode MODE or -all; simrun help model lists the modes")
	case f.all && (f.property != "" || f.plan != "" || f.out != "" && !f.real):
		return usageErrorf("-property, -plan and -o are for one mode: give -mode in place of -all; -o goes with -all -real, too")
	case f.real && !f.all:
		return usageErrorf("-real is for all modes: give -all in place of -mode; for one, write its plan with -plan FILE and run it with simrun -plan FILE")
	case !f.real && (f.repairs || f.seeds.given || f.worker != workerFlags{}):
		return usageErrorf("-repairs, -seeds, -worker and -runtime need -real: without it nothing is run")
	case f.property != "" && !slices.Contains(names, f.property):
		return usageErrorf("-property %s: there is no such property; there are %s", f.property, strings.Join(names, ", "))
	case (f.out != "" || f.plan != "") && !f.real && f.property == "":
		return usageErrorf("-o and -plan need -property: each property has a counterexample of its own")
	case f.memory < 1:
		return usageErrorf("-memory %d: want MiB, at least 1", f.memory)
	}
	return cmp.Or(f.worker.check(), checkTarget("plan", f.plan, false), checkTarget("o", f.out, f.real))
}

const modelHelp = `
model explores an abstract control plane: every interleaving of a kube-apiserver,
replicas with their etcds, agents, pods whose addresses are used again, and
faults. Without -real it runs no code of Cilium's and needs no worker. docs/model.md
says what is in the model and what is not.

  simrun model -all              the verdict of every property in every mode
  simrun model -mode MODE        one mode, with the shortest counterexamples
  simrun model -all -real        the same as -all, and what Cilium's code does in the
                                 order of events of each counterexample

A mode is a base, and repairs behind plus signs: clustermesh+sweep+fence.
  crd          agents watch the kube-apiserver
  kvstore      one shared, persistent etcd
  clustermesh  the proposal: each agent reads the ephemeral etcd of a replica
  handover     the same, but an agent reads CRDs while no etcd can be reached
  direct       agents write to the ephemeral etcd of a replica
  central      replicas compute what agents need from two kinds of objects
Repairs, of clustermesh and handover:
  sweep        a new writer deletes the keys that are not in its list
  token        an etcd that starts empty has a new cluster ID
  heartbeat    a replica whose watch is cut stops its heartbeat
  fence        canaries carry the resourceVersion reached; agents refuse older
  kept         the fence outlives a restart of the agent
  anchor       an agent that restarts asks the kube-apiserver for its fence
  cutover      in a handover one source is stopped before the other is used

Flags:
  -mode MODE          the mode to explore
  -all                explore the modes of the matrix
  -property NAME      decide this property only: integrity, monotonic,
                      no-spurious-deletion, convergence, owner, single-source,
                      durable or agree
  -replicas N         1 to 3; 2
  -agents N           1 to 3; 2
  -objects N          pods, and as many addresses; 1 to 3; 2
  -reuses N           pods that get an address which another had; 0 to 2; 1
  -faults N           0 to 4; 2
  -memory MIB         the most that a search takes; 4096
  -o FILE             write the property's counterexample as JSON; with -real, a
                      directory, for the plans and outcomes.json
  -plan FILE          write the property's counterexample as a plan, which simrun
                      -plan FILE runs
  -real               run each counterexample on the real code, as far as the world
                      has its mode
  -repairs            with -real: run the counterexamples also with the repairs
                      sweep, put into Cilium, and token, where they should not break
                      the property any more; builds a worker of its own
  -seeds A-B          the seeds of each of these runs; 1-5
  -worker FILE        use a worker from build-worker
  -runtime KIND       as for simrun -seed
  -json               write JSON, one object a line, in place of text

Examples:
  simrun model -all
  simrun model -mode clustermesh -property monotonic
  simrun model -mode handover+cutover -agents 1 -faults 3
  simrun model -mode direct -property durable -o trace.json
  simrun model -mode clustermesh -property owner -plan owner.json
  simrun model -all -real -repairs -o testdata/model

Exit status: 0 if every property holds, or with -all if every cell is decided and
with -real if no run refutes the model; 1 if a property is broken or undecided, or a
counterexample refuted, or not repaired; 2 for bad flags; 3 if a worker failed; 130 if interrupted,
when what is known by then is printed.
`
