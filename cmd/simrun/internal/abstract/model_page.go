package abstract

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/histories"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"
	"github.com/meshcheck/meshcheck/internal/conformance"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/report/page"
)

// page begins the page of the model, with what is known of the real code from a file.
func (f *abstract) page() (*page.Model, error) {
	pages := &page.Model{}
	if f.outcomes == "" {
		return pages, nil
	}
	data, err := files.Read(f.outcomes, histories.MostBytes)
	if err != nil {
		return nil, console.Usagef("-outcomes %s: cannot read it: %w", f.outcomes, files.Plain(err))
	}
	known, err := conformance.ReadOutcomes(f.outcomes, data)
	if err != nil {
		return nil, console.Usage(err)
	}
	if known.Bounds != f.bounds {
		return nil, console.Usagef("-outcomes %s: it is of a model with %s, and this one has %s", f.outcomes, known.Bounds, f.bounds)
	}
	pages.Code = codeOf(known.Code, known.Seeds)
	pages.Real = f.realOf(known.Cells, filepath.Dir(f.outcomes))
	return pages, nil
}

// codeOf names the code that was run, and with which seeds.
func codeOf(versions map[string]string, seeds string) string {
	var code []string
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		code = append(code, name+" "+versions[name])
	}
	return fmt.Sprintf("%s; seeds %s", strings.Join(code, ", "), seeds)
}

// realOf is what a page says of outcomes whose plans are in a directory.
func (f *abstract) realOf(cells []conformance.Cell, dir string) (all []page.Real) {
	for _, c := range cells {
		real := page.Real{
			Mode: c.Mode, Property: c.Property, Of: c.Of, Outcome: string(c.Outcome), Bad: c.Outcome == conformance.Refuted || c.Outcome == conformance.NotRepaired,
			Because: c.Because, Plan: c.Plan, Runs: c.Runs, Broke: c.Broke, Sentence: c.Sentence, Seed: c.Seed,
		}
		for _, d := range c.Did {
			if c.CRDsFirst {
				break // these steps are not those of the counterexample that is shown
			}
			real.Did = append(real.Did, page.Did(d))
		}
		if c.Plan != "" && dir != "" {
			real.Replay = console.CommandLine("simrun", "-plan", filepath.Join(dir, c.Plan))
		}
		all = append(all, real)
	}
	return all
}

// writePage writes the page of the model, if it is asked for, with what the real code did
// if it was run.
func (f *abstract) writePage(pages *page.Model, real *conformance.Matrix, done []conformance.Cell) error {
	if real != nil {
		pages.Real, pages.Code = f.realOf(done, f.out), codeOf(real.Code(), f.seeds.String())
	}
	return output.WriteWith("html", f.html, func(w io.Writer) error { return pages.Write(w) })
}
