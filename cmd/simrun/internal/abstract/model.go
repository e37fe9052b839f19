package abstract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
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
	seeds   runs.Seeds
	worker  runs.Worker
}

func (f *abstract) Flags(set *console.Flags) {
	f.bounds, f.memory, f.seeds.Seeds = mesh.Default, 4096, drive.Seeds{First: 1, Last: 5}
	set.Add(&f.mode, "mode MODE", "the mode to explore")
	set.Add(&f.all, "all", "explore the modes of the matrix")
	set.Add(&f.property, "property NAME", "decide this property only: "+strings.Join(mesh.PropertyNames(), ", "))
	set.Add(&f.bounds.Replicas, "replicas N", "1 to 3; 2")
	set.Add(&f.bounds.Agents, "agents N", "1 to 3; 2")
	set.Add(&f.bounds.Objects, "objects N", "pods, and as many addresses; 1 to 3; 2")
	set.Add(&f.bounds.Reuses, "reuses N", "pods that get an address which another had; 0 to 2; 1")
	set.Add(&f.bounds.Faults, "faults N", "0 to 4; 2")
	set.Add(&f.memory, "memory MIB", "the most that a search takes; 4096")
	set.Add(&f.out, "o FILE", "write the property's counterexample as JSON; with -real, a directory, for the plans and outcomes.json")
	set.Add(&f.plan, "plan FILE", "write the property's counterexample as a plan, which simrun -plan FILE runs")
	set.Add(&f.html, "html FILE", "write a page: the modes and properties, and each counterexample step by step")
	set.Add(&f.outcomes, "outcomes FILE", "what the real code did, for the page beside the counterexamples: outcomes.json that -real -o DIR has written; ours is testdata/model/outcomes.json")
	set.Add(&f.real, "real", "run each counterexample on the real code, as far as the world has its mode")
	set.Add(&f.repairs, "repairs", "with -real: run the counterexamples also with the repairs sweep and fence, put into Cilium, and token, where they should not break the property any more; builds workers of its own")
	set.Add(&f.seeds, "seeds A-B", "the seeds of each of these runs; 1-5")
	f.worker.Add(set)
	set.JSON(&f.json)
}

// Check refuses what does not fit together.
func (f *abstract) Check() error {
	names := mesh.PropertyNames()
	switch {
	case f.all == (f.mode != ""):
		return console.Usagef("what shall be explored? Give either -mode MODE or -all; simrun help model lists the modes")
	case f.all && (f.property != "" || f.plan != "" || f.out != "" && !f.real):
		return console.Usagef("-property, -plan and -o are for one mode: give -mode in place of -all; -o goes with -all -real, too")
	case f.real && !f.all:
		return console.Usagef("-real is for all modes: give -all in place of -mode; for one, write its plan with -plan FILE and run it with simrun -plan FILE")
	case !f.real && (f.repairs || f.seeds.Given || f.worker != runs.Worker{}):
		return console.Usagef("-repairs, -seeds, -worker and -runtime need -real: without it nothing is run")
	case f.property != "" && !slices.Contains(names, f.property):
		return console.Usagef("-property %s: there is no such property; there are %s", f.property, strings.Join(names, ", "))
	case (f.out != "" || f.plan != "") && !f.real && f.property == "":
		return console.Usagef("-o and -plan need -property: each property has a counterexample of its own")
	case f.outcomes != "" && f.html == "":
		return console.Usagef("-outcomes is for the page that -html FILE writes, and there is none")
	case f.outcomes != "" && f.real:
		return console.Usagef("-outcomes and -real exclude each other: -real finds out anew what the real code does")
	case f.memory < 1:
		return console.Usagef("-memory %d: want MiB, at least 1", f.memory)
	}
	return cmp.Or(f.worker.Check(), output.Check([]string{f.worker.Path, f.outcomes},
		output.To("plan", f.plan, output.Plan, false), output.To("o", f.out, output.Counterexample, f.real), output.To("html", f.html, output.Page, false)))
}

func (f *abstract) Run(ctx context.Context, c *console.Console) (int, error) {
	o := mesh.Options{Memory: f.memory << 20}
	if f.property != "" {
		o.Properties = []string{f.property}
	}
	if f.all {
		return f.modelMatrix(ctx, c, o)
	}
	md, err := mode.Parse(f.mode)
	if err != nil {
		return 0, console.Usage(err)
	}
	o.Progress = exploring(c, md)
	row, err := mesh.Run(ctx, mesh.Config{Mode: md, Bounds: f.bounds}, o)
	if err != nil {
		return 0, console.Usage(err)
	}
	pages, err := f.page()
	if err != nil {
		return 0, err
	}
	pages.Rows = append(pages.Rows, row)
	if err := cmp.Or(f.writeModel(ctx, c, row), f.writePage(pages, nil, nil)); err != nil {
		return 0, err
	}
	switch {
	case ctx.Err() != nil:
		return console.StatusInterrupted, nil
	case row.Verdict() == explore.Holds:
		return console.StatusHold, nil
	}
	return console.StatusBroken, nil
}

// writeModel writes what is known of one mode, and the files that were asked for.
func (f *abstract) writeModel(ctx context.Context, c *console.Console, row *mesh.Row) error {
	for _, file := range []string{f.out, f.plan} {
		if file != "" && row.Cells[0].Trace == nil {
			fmt.Fprintf(c.Stderr, "simrun: %s has no counterexample in mode %s, so %s is not written\n", f.property, row.Mode, file)
		}
	}
	if row.Cells[0].Trace != nil {
		if err := f.writeTrace(ctx, c, row); err != nil {
			return err
		}
	}
	if f.json {
		return row.WriteJSON(c.Stdout)
	}
	return row.WriteText(c.Stdout)
}

// writeTrace writes the counterexample of the first cell to the files that were asked
// for, as a trace and as a plan.
func (f *abstract) writeTrace(ctx context.Context, c *console.Console, row *mesh.Row) error {
	if f.out != "" {
		if err := output.Write("o", f.out, strictjson.Indented(row.Cells[0].Trace)); err != nil {
			return err
		}
	}
	if f.plan == "" {
		return nil
	}
	ce, err := row.Counterexample(row.Cells[0])
	if err == nil {
		ce, err = conformance.Realizable(ctx, ce)
	}
	if err != nil {
		return err
	}
	plan, err := conformance.Export(ce)
	var why conformance.Obstacle
	switch {
	case errors.As(err, &why):
		fmt.Fprintf(c.Stderr, "simrun: the counterexample of %s in mode %s is not expressible, because %s; so %s is not written\n", f.property, row.Mode, why, f.plan)
		return nil
	case err != nil:
		return err
	}
	return output.Write("plan", f.plan, plan.Encode())
}

// modelMatrix explores all modes of the matrix, and prints each row as soon as it
// is known. That cells are broken is what the matrix is there to show; only one
// that is not decided is a failure.
func (f *abstract) modelMatrix(ctx context.Context, c *console.Console, o mesh.Options) (int, error) {
	var real *conformance.Matrix
	if f.real {
		var err error
		if real, err = f.newReal(ctx, c); err != nil {
			return 0, err
		}
	}
	pages, err := f.page()
	if err != nil {
		return 0, err
	}
	var done []conformance.Cell
	text, status := c.Text(f.json), console.StatusHold
	fmt.Fprint(text, mesh.MatrixHeader(f.bounds))
	for _, md := range mesh.MatrixModes() {
		o.Progress = exploring(c, md)
		row, err := mesh.Run(ctx, mesh.Config{Mode: md, Bounds: f.bounds}, o)
		if err != nil {
			return 0, console.Usage(err)
		}
		pages.Rows = append(pages.Rows, row)
		if !row.Finished {
			status = console.StatusBroken
		}
		if _, err = fmt.Fprintln(text, row.Line()); f.json {
			err = row.WriteJSON(c.Stdout)
		}
		if err == nil && real != nil {
			var cells []conformance.Cell
			cells, err = f.addReal(ctx, c, real, row)
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
			status = console.StatusBroken
		}
	}
	_, err = fmt.Fprintf(text, "\na counterexample  %s model -mode clustermesh -property monotonic\n", c.Name)
	return status, cmp.Or(err, f.writePage(pages, real, done))
}

// newReal builds the worker that runs counterexamples.
func (f *abstract) newReal(ctx context.Context, c *console.Console) (*conformance.Matrix, error) {
	runner, err := runs.Simulator(ctx, c, f.worker, runs.Limits{})
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
		Runner: runner, Repaired: func(ctx context.Context, names []string) (drive.Runner, error) { return buildRepaired(ctx, c, names) },
		Repairs: f.repairs, Seeds: f.seeds.Seeds, Parallel: runtime.NumCPU(), Dir: f.out,
		OnRun: func(cell conformance.Cell) {
			c.Progress.Show("%s: running the counterexample of %s", cell.Mode, cell.Property)
		},
	}, conformance.Outcomes{Version: conformance.OutcomesVersion, Code: versions, Bounds: f.bounds, Seeds: f.seeds.String()}), nil
}

// buildRepaired builds the worker with repairs.
func buildRepaired(ctx context.Context, c *console.Console, names []string) (drive.Runner, error) {
	plant, err := conformance.Plant(names)
	if err != nil {
		return nil, err
	}
	path, err := c.Build(ctx, det.BuildConfig{Plant: plant})
	return runs.SimulatorOf(c, path, runs.Limits{}), err
}

// addReal runs the counterexamples of a row and writes what became of them.
func (f *abstract) addReal(ctx context.Context, c *console.Console, real *conformance.Matrix, row *mesh.Row) ([]conformance.Cell, error) {
	cells, line, err := real.Add(ctx, row)
	if err == nil && line != "" {
		_, err = fmt.Fprintln(c.Text(f.json), line)
	}
	for i := 0; f.json && i < len(cells); i++ {
		err = errors.Join(err, report.WriteLine(c.Stdout, outcomeLine{report.Head("model-outcome"), cells[i]}))
	}
	return cells, err
}

// outcomeLine is what -json writes of a cell.
type outcomeLine struct {
	report.Header
	conformance.Cell
}

// exploring shows how far the search of a mode is.
func exploring(c *console.Console, md mode.Mode) func(explore.Progress) {
	return func(p explore.Progress) { c.Progress.Show("%s: %v", md, p) }
}
