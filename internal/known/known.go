// Package known tells of what a run breaks whether it is known, by measuring it: the same
// plan runs with all repairs of testdata/repairs in Cilium's source, and what is still
// broken then is news, whatever it looks like. What is gone is known as the finding whose
// repair takes it away alone.
//
// What a violation looks like by the records, a suspicion, only orders the tries. There is one
// exception, which is never called known: where a finding has no repair yet, what looks
// like it is suspected to be it (report.Suspected).
//
// Judge.Plan judges one plan, over other schedules of it; Many the plans of many seeds, of
// which each distinct finding is followed once.
package known

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/report"
)

// Finding is what is broken: a property on a kind of object, or the run by a panic in a
// function.
type Finding struct{ Property, Kind string }

// ThePanic is the property of a run that the code under test ended by a panic.
const ThePanic = "panic"

// findings are what a run breaks, each once.
func findings(o *Outcome) (all []Finding) {
	if f := panicOf(o); f != nil {
		return []Finding{{ThePanic, f.Function}}
	}
	for i := range o.Broke {
		if f := (Finding{o.Broke[i].Property, o.Broke[i].Kind}); !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

func panicOf(o *Outcome) *report.Panic {
	if o.Crash == "" {
		return nil
	}
	return drive.PanicOf(o.Crash)
}

// breaks tells whether a run breaks it, and leavesOpen whether it does not tell.
func (f Finding) breaks(o *Outcome) bool { return slices.Contains(findings(o), f) }
func (f Finding) leavesOpen(o *Outcome) bool {
	return !f.breaks(o) && (o.Failed != "" || f.Property != ThePanic && (o.Crash != "" || slices.Contains(o.Undecided, f.Property)))
}

// looks are the pages that the run's violations of it look like; "" for one that looks like none.
func (f Finding) looks(o *Outcome) (pages []string) {
	if p := panicOf(o); p != nil {
		return []string{p.Page}
	}
	for i := range o.Broke {
		if b := &o.Broke[i]; b.Property == f.Property && b.Kind == f.Kind {
			pages = append(pages, strings.Split(b.Cause, " + ")...)
		}
	}
	slices.Sort(pages)
	return slices.Compact(pages)
}

// named leaves out that some violations look like none.
func named(pages []string) []string {
	return slices.DeleteFunc(pages, func(page string) bool { return page == "" })
}

// first is the run's first violation of it.
func (f Finding) first(o *Outcome) string {
	if p := panicOf(o); p != nil {
		return p.Function + " panicked: " + p.Value
	}
	for i := range o.Broke {
		if b := &o.Broke[i]; b.Property == f.Property && b.Kind == f.Kind {
			return b.First
		}
	}
	return ""
}

// Repairs are what a judge takes the mechanisms of findings away with.
type Repairs struct {
	All        []*repairs.Repair
	Unrepaired []string // pages of findings that have none
}

// Load reads the repairs of a directory, and which findings have none: its README.md names
// them in the table below "Without a repair".
func Load(dir fs.FS) (r Repairs, err error) {
	if r.All, err = repairs.Load(dir); err != nil {
		return r, err
	}
	text, err := fs.ReadFile(dir, "README.md")
	if err != nil {
		return r, err
	}
	within := false
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "## ") {
			within = line == "## Without a repair"
		}
		if page, ok := strings.CutPrefix(line, "| `"); ok && within {
			page, _, _ = strings.Cut(page, "`")
			if len(r.of(page)) > 0 {
				return r, fmt.Errorf("README.md says that %s is without a repair, and %s has it", page, r.of(page)[0].Name)
			}
			r.Unrepaired = append(r.Unrepaired, page)
		}
	}
	return r, nil
}

// of are the repairs of a finding's page.
func (r *Repairs) of(page string) (of []*repairs.Repair) {
	for _, repair := range r.All {
		if slices.Contains(repair.Findings, page) {
			of = append(of, repair)
		}
	}
	return of
}

// suspects are the repairs of pages, in their order.
func (r *Repairs) suspects(pages []string) (all []*repairs.Repair) {
	for _, page := range pages {
		for _, repair := range r.of(page) {
			if !slices.Contains(all, repair) {
				all = append(all, repair)
			}
		}
	}
	return all
}

// unrepaired tells whether each page is of a finding without a repair.
func (r *Repairs) unrepaired(pages []string) bool {
	return len(pages) > 0 && !slices.ContainsFunc(pages, func(page string) bool { return !slices.Contains(r.Unrepaired, page) })
}

// names are those of repairs, and pages the findings that they are for; both sorted.
func names(set []*repairs.Repair) (names, pages []string) {
	for _, r := range set {
		names, pages = append(names, r.Name), append(pages, r.Findings...)
	}
	slices.Sort(names)
	slices.Sort(pages)
	return names, slices.Compact(pages)
}
