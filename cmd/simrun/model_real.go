package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/campaign"
	"github.com/meshcheck/meshcheck/internal/conformance"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// outcomesFile is where -all -real -o writes what it found, beside the plans.
const outcomesFile = "outcomes.json"

// reality runs the counterexamples of a matrix on the real code.
type reality struct {
	console  *console
	flags    *modelFlags
	runner   *drive.Simulator
	sweeping *drive.Simulator // with a worker that has the repair sweep; nil until one is needed
	outcomes conformance.Outcomes
	broken   map[string][]*mesh.Course    // by property: those that were run
	tried    map[string]conformance.Tried // by property, worker and plan: modes share counterexamples
	files    map[string]string            // by plan
}

// newReality builds the worker.
func (c *console) newReality(ctx context.Context, f *modelFlags) (*reality, error) {
	worker, err := c.worker(ctx, f.worker)
	if err != nil {
		return nil, err
	}
	versions, err := campaign.Versions(worker.Path)
	if err != nil {
		return nil, err
	}
	// These two change with every edit of the harness.
	delete(versions, "worker")
	delete(versions, "go")
	return &reality{
		console: c, flags: f, runner: &drive.Simulator{Worker: worker},
		outcomes: conformance.Outcomes{Version: conformance.OutcomesVersion, Code: versions, Bounds: f.bounds, Seeds: f.seeds.String()},
		broken:   map[string][]*mesh.Course{}, tried: map[string]conformance.Tried{}, files: map[string]string{},
	}, nil
}

// add runs the counterexamples of a row and writes a line about them.
func (r *reality) add(ctx context.Context, row *mesh.Row) error {
	words := map[string]string{}
	for _, c := range row.Cells {
		cells, err := r.cells(ctx, row, c)
		if err != nil {
			return fmt.Errorf("the counterexample of %s in mode %s: %w", c.Property, row.Mode, err)
		}
		for _, cell := range cells {
			r.outcomes.Cells = append(r.outcomes.Cells, cell)
			if r.flags.json {
				if err := report.WriteLine(r.console.stdout, outcomeLine{header("model-outcome"), cell}); err != nil {
					return err
				}
			}
		}
		words[c.Property] = word(cells)
	}
	r.console.progress.clear()
	line := row.Note("  real code", words)
	if r.flags.json || line == "  real code" {
		return nil
	}
	_, err := fmt.Fprintln(r.console.stdout, line)
	return err
}

// outcomeLine is what -json writes of a cell.
type outcomeLine struct {
	report.Header
	conformance.Cell
}

// word is the outcome in a column of the matrix.
func word(cells []conformance.Cell) string {
	broke, runs := 0, 0
	for _, c := range cells {
		broke, runs = broke+len(c.Broke), runs+c.Runs
	}
	switch {
	case len(cells) == 0:
		return ""
	case runs == 0:
		return "-"
	}
	return fmt.Sprintf("%d/%d", broke, runs)
}

// cells are the outcomes of a cell of the matrix: that of its counterexample, if it is
// broken; if it holds, those of the counterexamples that its repairs change.
func (r *reality) cells(ctx context.Context, row *mesh.Row, c mesh.Cell) (cells []conformance.Cell, err error) {
	cell := conformance.Cell{Mode: row.Mode.String(), Property: c.Property}
	switch {
	case c.Verdict == explore.Broken:
		course, err := row.Course(c)
		if err == nil {
			err = r.realize(ctx, &cell, course)
		}
		if err == nil && cell.Outcome != conformance.Inexpressible {
			r.broken[c.Property] = append(r.broken[c.Property], course)
		}
		return []conformance.Cell{cell}, err
	case c.Verdict == explore.Holds && r.flags.repairs:
		seen := map[string]bool{} // plans
		for _, before := range r.broken[c.Property] {
			mended, changed := conformance.Mend(before, row.Mode)
			if !changed {
				continue
			}
			cell.Of = before.Mode.String()
			if err := r.realize(ctx, &cell, mended); err != nil {
				return nil, err
			}
			if !seen[cell.Plan] {
				cells = append(cells, cell)
			}
			seen[cell.Plan] = true
		}
	}
	return cells, nil
}

// realize exports a course, runs it, and fills in what the cell says of it.
func (r *reality) realize(ctx context.Context, cell *conformance.Cell, course *mesh.Course) error {
	cell.Steps = len(course.Acts)
	plan, err := conformance.Export(course)
	var why conformance.Obstacle
	if errors.As(err, &why) {
		cell.Outcome, cell.Because = conformance.Inexpressible, why.Error()
		return nil
	}
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%s %t %s", cell.Property, conformance.Sweeps(course), plan.Line())
	tried, done := r.tried[key]
	if !done {
		r.console.progress.show("%s: running the counterexample of %s", cell.Mode, cell.Property)
		if tried, err = r.try(ctx, course, plan); err != nil {
			return err
		}
		r.tried[key] = tried
	}
	cell.Outcome, cell.Runs, cell.Broke, cell.Sentence = tried.Outcome(cell.Of != ""), tried.Runs, tried.Seeds, tried.Sentence
	cell.Plan, err = r.write(cell, plan)
	return err
}

// write writes a plan, unless another cell has it, and returns its file.
func (r *reality) write(cell *conformance.Cell, plan *fault.Plan) (file string, err error) {
	if file, done := r.files[plan.Line()]; done {
		return file, nil
	}
	file = fmt.Sprintf("%s.%s.json", cell.Mode, cell.Property)
	if cell.Of != "" {
		file = fmt.Sprintf("%s.%s.of.%s.json", cell.Mode, cell.Property, cell.Of)
	}
	r.files[plan.Line()] = file
	if r.flags.out == "" {
		return file, nil
	}
	return file, files.Write(filepath.Join(r.flags.out, file), plan.Encode())
}

func (r *reality) try(ctx context.Context, course *mesh.Course, plan *fault.Plan) (conformance.Tried, error) {
	runner := r.runner
	if conformance.Sweeps(course) {
		if err := r.buildSweeping(ctx); err != nil {
			return conformance.Tried{}, err
		}
		runner = r.sweeping
	}
	tried, err := conformance.Try(ctx, runner, course, plan, r.flags.seeds.Seeds, runtime.NumCPU())
	if err == nil || ctx.Err() != nil {
		return tried, err
	}
	failure, other := r.console.failure(plan, err)
	if other != nil {
		return tried, other
	}
	return tried, fmt.Errorf("the run failed (%s): %s; its plan and output are kept in %s", failure.Kind, failure.Message, failure.Kept)
}

// buildSweeping builds the worker with the repair sweep.
func (r *reality) buildSweeping(ctx context.Context) error {
	if r.sweeping != nil {
		return nil
	}
	plant, err := conformance.Sweep()
	if err != nil {
		return err
	}
	path, err := det.Build(ctx, det.BuildConfig{Plant: plant, Progress: r.console.progress.log})
	r.console.progress.clear()
	r.sweeping = &drive.Simulator{Worker: det.Worker{Path: path}}
	return err
}

// finish writes why cells were not run, and the outcomes to their file. It returns
// the exit status.
func (r *reality) finish() (int, error) {
	if r.flags.out != "" {
		if err := files.Write(filepath.Join(r.flags.out, outcomesFile), r.outcomes.Encode()); err != nil {
			return 0, err
		}
	}
	status := statusHold
	var reasons []string
	cells := map[string][]string{} // by reason: modes with their properties
	for _, c := range r.outcomes.Cells {
		switch c.Outcome {
		case conformance.Refuted, conformance.NotMended:
			status = statusBroken
		case conformance.Inexpressible:
			of := cells[c.Because]
			switch last := len(of) - 1; {
			case last >= 0 && strings.HasPrefix(of[last], c.Mode+": "):
				of[last] += ", " + c.Property
			case last < 0:
				reasons = append(reasons, c.Because)
				fallthrough
			default:
				cells[c.Because] = append(of, c.Mode+": "+c.Property)
			}
		}
	}
	if r.flags.json {
		return status, nil
	}
	fmt.Fprintf(r.console.stdout, realLegend, &r.flags.seeds)
	for _, why := range reasons {
		fmt.Fprintf(r.console.stdout, "             %s\n                 %s\n", why, strings.Join(cells[why], "\n                 "))
	}
	return status, nil
}

const realLegend = `5/5        with seeds %s: so many broke the property, of so many runs of the real code
           that went as the counterexample. Below a cell that holds: as the
           counterexamples of modes without its repairs, with them
-          the counterexample was not run, because
`
