package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/internal/conformance"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// abstract is the command model: it explores the abstract mesh.
type abstract struct {
	mode     string
	all      bool
	property string
	bounds   mesh.Bounds
	memory   int64 // MiB
	out      string
	plan     string
	json     bool
	html     string
	outcomes string

	// Of real.
	real    bool
	repairs bool
	seeds   seedsFlag
	worker  workerFlags
}

func (f *abstract) flags(set *flags) {
	f.bounds, f.memory, f.seeds.Seeds = mesh.Default, 4096, drive.Seeds{First: 1, Last: 5}
	set.add(&f.mode, "mode MODE", "the mode to explore")
	set.add(&f.all, "all", "explore the modes of the matrix")
	set.add(&f.property, "property NAME", "decide this property only: "+strings.Join(mesh.PropertyNames(), ", "))
	set.add(&f.bounds.Replicas, "replicas N", "1 to 3; 2")
	set.add(&f.bounds.Agents, "agents N", "1 to 3; 2")
	set.add(&f.bounds.Objects, "objects N", "pods, and as many addresses; 1 to 3; 2")
	set.add(&f.bounds.Reuses, "reuses N", "pods that get an address which another had; 0 to 2; 1")
	set.add(&f.bounds.Faults, "faults N", "0 to 4; 2")
	set.add(&f.memory, "memory MIB", "the most that a search takes; 4096")
	set.add(&f.out, "o FILE", "write the property's counterexample as JSON; with -real, a directory, for the plans and outcomes.json")
	set.add(&f.plan, "plan FILE", "write the property's counterexample as a plan, which simrun -plan FILE runs")
	set.add(&f.html, "html FILE", "write a page: the modes and properties, and each counterexample step by step")
	set.add(&f.outcomes, "outcomes FILE", "what the real code did, for the page beside the counterexamples: outcomes.json that -real -o DIR has written; ours is testdata/model/outcomes.json")
	set.add(&f.real, "real", "run each counterexample on the real code, as far as the world has its mode")
	set.add(&f.repairs, "repairs", "with -real: run the counterexamples also with the repairs sweep, put into Cilium, and token, where they should not break the property any more; builds a worker of its own")
	set.add(&f.seeds, "seeds A-B", "the seeds of each of these runs; 1-5")
	f.worker.add(set)
	set.json(&f.json)
}

// check refuses what does not fit together.
func (f *abstract) check() error {
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
	case f.outcomes != "" && f.html == "":
		return usageErrorf("-outcomes is for the page that -html FILE writes, and there is none")
	case f.outcomes != "" && f.real:
		return usageErrorf("-outcomes and -real exclude each other: -real finds out anew what the real code does")
	case f.memory < 1:
		return usageErrorf("-memory %d: want MiB, at least 1", f.memory)
	}
	return cmp.Or(f.worker.check(), checkOutputs([]string{f.worker.path, f.outcomes},
		output{"plan", f.plan, planForm, false}, output{"o", f.out, traceForm, f.real}, output{"html", f.html, pageForm, false}))
}

func (f *abstract) run(ctx context.Context, c *console) (int, error) {
	if err := f.check(); err != nil {
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
	pages, err := f.page()
	if err != nil {
		return 0, err
	}
	pages.Rows = append(pages.Rows, row)
	if err := cmp.Or(c.writeModel(f, row), f.writePage(pages, nil, nil)); err != nil {
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
func (c *console) writeModel(f *abstract, row *mesh.Row) error {
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
func (c *console) writeTrace(f *abstract, row *mesh.Row) error {
	if f.out != "" {
		if err := writeTarget("o", f.out, strictjson.Indented(row.Cells[0].Trace)); err != nil {
			return err
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
	return writeTarget("plan", f.plan, plan.Encode())
}

// modelMatrix explores all modes of the matrix, and prints each row as soon as it
// is known. That cells are broken is what the matrix is there to show; only one
// that is not decided is a failure.
func (c *console) modelMatrix(ctx context.Context, f *abstract, o mesh.Options) (int, error) {
	var real *conformance.Matrix
	if f.real {
		var err error
		if real, err = c.newReal(ctx, f); err != nil {
			return 0, err
		}
	}
	pages, err := f.page()
	if err != nil {
		return 0, err
	}
	var done []conformance.Cell
	text, status := c.text(f.json), statusHold
	fmt.Fprint(text, mesh.MatrixHeader(f.bounds))
	for _, md := range mesh.MatrixModes() {
		o.Progress = c.exploring(md)
		row, err := mesh.Run(ctx, mesh.Config{Mode: md, Bounds: f.bounds}, o)
		if err != nil {
			return 0, &usageError{err}
		}
		pages.Rows = append(pages.Rows, row)
		if !row.Finished {
			status = statusBroken
		}
		if _, err = fmt.Fprintln(text, row.Line()); f.json {
			err = row.WriteJSON(c.stdout)
		}
		if err == nil && real != nil {
			var cells []conformance.Cell
			cells, err = c.addReal(ctx, f, real, row)
			done = append(done, cells...)
		}
		if err = cmp.Or(ctx.Err(), err); err != nil {
			return 0, err
		}
	}
	fmt.Fprint(text, mesh.MatrixLegend)
	if real != nil {
		bears, err := real.Finish()
		if err := cmp.Or(err, real.WriteLegend(text)); err != nil {
			return 0, err
		}
		if !bears {
			status = statusBroken
		}
	}
	_, err = fmt.Fprintf(text, "\na counterexample  %s model -mode clustermesh -property monotonic\n", c.name)
	return status, cmp.Or(err, f.writePage(pages, real, done))
}

// newReal builds the worker that runs counterexamples.
func (c *console) newReal(ctx context.Context, f *abstract) (*conformance.Matrix, error) {
	runner, err := c.simulator(ctx, f.worker, limitFlags{})
	if err != nil {
		return nil, err
	}
	code, err := drive.CodeOf(runner.Worker.Path)
	if err != nil {
		return nil, err
	}
	versions := code.Versions()
	// These two change with every edit of the harness.
	delete(versions, "worker")
	delete(versions, "go")
	return conformance.NewMatrix(conformance.MatrixConfig{
		Runner: runner, Sweeping: c.buildSweeping,
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
	return c.simulatorOf(path, limitFlags{}), err
}

// addReal runs the counterexamples of a row and writes what became of them.
func (c *console) addReal(ctx context.Context, f *abstract, real *conformance.Matrix, row *mesh.Row) ([]conformance.Cell, error) {
	cells, line, err := real.Add(ctx, row)
	if err == nil && line != "" {
		_, err = fmt.Fprintln(c.text(f.json), line)
	}
	for i := 0; f.json && i < len(cells); i++ {
		err = errors.Join(err, report.WriteLine(c.stdout, outcomeLine{report.Head("model-outcome"), cells[i]}))
	}
	return cells, err
}

// outcomeLine is what -json writes of a cell.
type outcomeLine struct {
	report.Header
	conformance.Cell
}

// exploring shows how far the search of a mode is.
func (c *console) exploring(md mode.Mode) func(explore.Progress) {
	return func(p explore.Progress) { c.progress.show("%s: %v", md, p) }
}
