package conformance

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

//go:embed differences.md
var differences string

// Row is a row of a table in differences.md that the test compares.
type Row struct {
	line          int
	class         string // the heading that it is below
	steps, wheres []pattern
}

// pattern is a name with * for anything, and whether it was needed.
type pattern struct {
	text   string
	form   *regexp.Regexp
	needed bool
}

var quoted = regexp.MustCompile("`([^`]+)`")

// Table reads the rows below the heading "Compared by the test".
func Table() ([]Row, error) {
	_, text, found := strings.Cut(differences, "## Compared by the test\n")
	if !found {
		return nil, fmt.Errorf("differences.md has no heading %q", "Compared by the test")
	}
	begin := strings.Count(differences[:len(differences)-len(text)], "\n")
	text, _, _ = strings.Cut(text, "\n## ")
	var rows []Row
	class := ""
	for n, line := range strings.Split(text, "\n") {
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			class = heading
		}
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		if len(cells) != 5 {
			return nil, fmt.Errorf("differences.md:%d has %d cells, want 5", begin+n+1, len(cells))
		}
		rows = append(rows, Row{line: begin + n + 1, class: class, steps: patterns(cells[0]), wheres: patterns(cells[1])})
	}
	return rows, nil
}

func patterns(cell string) (all []pattern) {
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		form := strings.ReplaceAll(regexp.QuoteMeta(m[1]), `\*`, `.*`)
		all = append(all, pattern{text: m[1], form: regexp.MustCompile(`(?s)^` + form + `$`)})
	}
	return all
}

// Explains says whether the row has the difference, and notes what it needed.
func (r *Row) Explains(d Difference) bool {
	matching := func(ps []pattern, s string) (found []*pattern) {
		for i := range ps {
			if ps[i].form.MatchString(s) {
				found = append(found, &ps[i])
			}
		}
		return found
	}
	steps, wheres := matching(r.steps, d.Step), matching(r.wheres, d.Where)
	if len(steps) == 0 || len(wheres) == 0 {
		return false
	}
	for _, p := range append(steps, wheres...) {
		p.needed = true
	}
	return true
}

// unneeded returns the names that no difference needed.
func (r *Row) unneeded() (names []string) {
	for _, p := range append(r.steps, r.wheres...) {
		if !p.needed {
			names = append(names, p.text)
		}
	}
	return names
}
