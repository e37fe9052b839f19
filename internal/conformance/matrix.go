package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/mesh"
)

// outcomesFile is the name of the file of a matrix's outcomes, beside the plans.
const outcomesFile = "outcomes.json"

// MatrixConfig says how the counterexamples of a matrix are run.
type MatrixConfig struct {
	Runner drive.Runner
	// Repaired returns a runner whose worker has repairs in Cilium's source. It is called when one
	// is needed, at most once for the same names.
	Repaired func(ctx context.Context, names []string) (drive.Runner, error)
	Repairs  bool // run counterexamples also with the repairs that should repair them
	Seeds    drive.Seeds
	Parallel int        // runs at once
	Dir      string     // where plans and outcomes are written; empty: nowhere
	OnRun    func(Cell) // told of each counterexample before it is run
}

// Matrix runs the counterexamples of a matrix on the real code, row after row.
type Matrix struct {
	cfg      MatrixConfig
	repaired map[string]drive.Runner // by the names of repairs
	outcomes Outcomes
	broken   map[string][]*mesh.Counterexample // by property: those that were run
	tried    map[string]Tried                  // by property, worker and plan: modes share counterexamples
	files    map[string]string                 // by plan
}

// NewMatrix returns a matrix without rows. The outcomes have all but cells.
func NewMatrix(cfg MatrixConfig, outcomes Outcomes) *Matrix {
	return &Matrix{cfg: cfg, outcomes: outcomes, repaired: map[string]drive.Runner{}, broken: map[string][]*mesh.Counterexample{}, tried: map[string]Tried{}, files: map[string]string{}}
}

// Add runs the counterexamples of a row, and returns what became of its cells and the
// line of the matrix that says it; the line is empty if there is nothing to say.
func (m *Matrix) Add(ctx context.Context, row *mesh.Row) (all []Cell, line string, err error) {
	const title = "  real code"
	words := map[string]string{}
	for _, c := range row.Cells {
		cells, err := m.cells(ctx, row, c)
		if err != nil {
			return nil, "", fmt.Errorf("the counterexample of %s in mode %s: %w", c.Property, row.Mode, err)
		}
		all = append(all, cells...)
		words[c.Property] = word(cells)
	}
	m.outcomes.Cells = append(m.outcomes.Cells, all...)
	if line = row.Note(title, words); line == title {
		line = ""
	}
	return all, line, nil
}

// word is the outcome in a column of the matrix.
func word(cells []Cell) string {
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
func (m *Matrix) cells(ctx context.Context, row *mesh.Row, c mesh.Cell) (cells []Cell, err error) {
	cell := Cell{Mode: row.Mode.String(), Property: c.Property}
	switch {
	case c.Verdict == explore.Broken:
		ce, err := row.Counterexample(c)
		if err == nil {
			ce, err = Realizable(ctx, ce)
		}
		if err == nil {
			cell.CRDsFirst = ce.CRDsFirst
			err = m.realize(ctx, &cell, ce)
		}
		if err == nil && cell.Outcome != Inexpressible {
			m.broken[c.Property] = append(m.broken[c.Property], ce)
		}
		return []Cell{cell}, err
	case c.Verdict == explore.Holds && m.cfg.Repairs:
		seen := map[string]bool{} // plans
		for _, before := range m.broken[c.Property] {
			repaired, changed := WithRepairs(before, row.Mode)
			if !changed {
				continue
			}
			cell.Of = before.Mode.String()
			if err := m.realize(ctx, &cell, repaired); err != nil {
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

// realize exports a counterexample, runs it, and fills in what the cell says of it.
func (m *Matrix) realize(ctx context.Context, cell *Cell, ce *mesh.Counterexample) error {
	cell.Steps = len(ce.Steps)
	plan, err := Export(ce)
	var why Obstacle
	if errors.As(err, &why) {
		cell.Outcome, cell.Because = Inexpressible, why.Error()
		return nil
	}
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%s %s %s", cell.Property, Edits(ce), plan.Line())
	tried, done := m.tried[key]
	if !done {
		m.cfg.OnRun(*cell)
		if tried, err = m.try(ctx, ce, plan); err != nil {
			return err
		}
		m.tried[key] = tried
	}
	cell.Outcome, cell.Runs, cell.Broke, cell.Sentence = tried.Outcome(cell.Of != ""), tried.Runs, tried.Seeds, tried.Sentence
	cell.Seed, cell.Did = tried.Seed, tried.Did
	cell.Plan, err = m.write(cell, plan)
	return err
}

// write writes a plan, unless another cell has it, and returns its file.
func (m *Matrix) write(cell *Cell, plan *fault.Plan) (file string, err error) {
	if file, done := m.files[plan.Line()]; done {
		return file, nil
	}
	file = fmt.Sprintf("%s.%s.json", cell.Mode, cell.Property)
	if cell.Of != "" {
		file = fmt.Sprintf("%s.%s.of.%s.json", cell.Mode, cell.Property, cell.Of)
	}
	m.files[plan.Line()] = file
	if m.cfg.Dir == "" {
		return file, nil
	}
	return file, files.Write(filepath.Join(m.cfg.Dir, file), plan.Encode())
}

func (m *Matrix) try(ctx context.Context, ce *mesh.Counterexample, plan *fault.Plan) (tried Tried, err error) {
	runner := m.cfg.Runner
	if edits := Edits(ce); len(edits) > 0 {
		key := strings.Join(edits, " ")
		if m.repaired[key] == nil {
			if m.repaired[key], err = m.cfg.Repaired(ctx, edits); err != nil {
				return tried, err
			}
		}
		runner = m.repaired[key]
	}
	tried, err = Try(ctx, runner, ce, plan, m.cfg.Seeds, m.cfg.Parallel)
	if err == nil || ctx.Err() != nil {
		return tried, err
	}
	failure, other := drive.Keep(plan, err)
	return tried, cmp.Or(other, fmt.Errorf("the run failed (%s): %s; its plan and output are kept in %s", failure.Kind, failure.Message, failure.Kept))
}

// Finish writes the outcomes to their file and tells whether the real code bears the
// model out: whether it refutes no counterexample, and each repair repairs it.
func (m *Matrix) Finish() (bears bool, err error) {
	bears = true
	for _, c := range m.outcomes.Cells {
		bears = bears && c.Outcome != Refuted && c.Outcome != NotRepaired
	}
	if m.cfg.Dir != "" {
		err = files.Write(filepath.Join(m.cfg.Dir, outcomesFile), m.outcomes.Encode())
	}
	return bears, err
}

// Code is what was run: versions by names.
func (m *Matrix) Code() map[string]string { return m.outcomes.Code }

// WriteLegend writes what the words in the lines of a matrix mean, and why cells were
// not run.
func (m *Matrix) WriteLegend(w io.Writer) error {
	var reasons []string
	cells := map[string][]string{} // by reason: modes with their properties
	for _, c := range m.outcomes.Cells {
		if c.Outcome != Inexpressible {
			continue
		}
		of := cells[c.Because]
		if len(of) == 0 {
			reasons = append(reasons, c.Because)
		}
		if last := len(of) - 1; last >= 0 && strings.HasPrefix(of[last], c.Mode+": ") {
			of[last] += ", " + c.Property
		} else {
			cells[c.Because] = append(of, c.Mode+": "+c.Property)
		}
	}
	text := fmt.Sprintf(legend, m.outcomes.Seeds)
	for _, why := range reasons {
		text += fmt.Sprintf("             %s\n                 %s\n", why, strings.Join(cells[why], "\n                 "))
	}
	_, err := io.WriteString(w, text)
	return err
}

const legend = `5/5        with seeds %s: so many broke the property, of so many runs of the real code
           that went as the counterexample. Below a cell that holds: as the
           counterexamples of modes without its repairs, with them
-          the counterexample was not run, because
`
