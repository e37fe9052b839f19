package compare

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/junit"
)

// WriteJSON writes the comparison on one line.
func (r *Report) WriteJSON(w io.Writer) error {
	return report.WriteLine(w, struct {
		report.Header
		Title string `json:"title"`
		Worth string `json:"worth,omitempty"`
		*Report
	}{report.Header{Version: report.JSONVersion, Kind: "compare"}, r.Title(), r.Worth(), r})
}

// WriteJUnit writes the comparison as JUnit's XML: a test for each seed, which fails if it
// is a regression and has an error if it is undecided.
func (r *Report) WriteJUnit(w io.Writer) error {
	s := junit.Suite{Name: "simrun compare"}
	for _, p := range []junit.Property{{Name: "title", Value: r.Title()}, {Name: "baseline", Value: r.Baseline.String()}, {Name: "branch", Value: r.Branch.String()}, {Name: "tested", Value: r.Tested()}, {Name: "worth", Value: r.Worth()}, {Name: "note", Value: r.Note}} {
		s.Add(p.Name, p.Value)
	}
	if !r.Passes() && r.Count(Regressed)+r.Count(Undecided) == 0 { // it would look like a success
		s.Cases = append(s.Cases, junit.Case{Class: "simrun.compare", Name: "comparison", Error: &junit.Problem{Message: r.Title(), Text: cmp.Or(r.Failed, r.Note, r.Title())}})
	}
	for i := range r.Seeds {
		seed := &r.Seeds[i]
		t := junit.Case{Class: "simrun.compare", Name: fmt.Sprintf("seed %d", seed.Seed)}
		switch seed.Outcome {
		case Regressed:
			t.Failure = &junit.Problem{Message: seed.Why, Text: r.details(seed)}
		case Undecided:
			t.Error = &junit.Problem{Message: seed.Why, Text: r.details(seed)}
		case Same:
		default:
			t.Out = string(seed.Outcome) + ": " + seed.Why
		}
		s.Cases = append(s.Cases, t)
	}
	return s.Write(w, r.Elapsed)
}

// details says what is known of the ways in which a seed breaks on the branch.
func (r *Report) details(s *Seed) string {
	var b strings.Builder
	for _, name := range without(&s.Branch, &s.Baseline) {
		for _, d := range r.Findings {
			if d.Name == name {
				told := d.Around.String()
				if d.Of != "" {
					told = d.How + ": " + d.Of
				}
				fmt.Fprintf(&b, "%s: %s\n%s\n%s\n", name, d.Sentence, told, d.advice())
			}
		}
	}
	return b.String()
}

// WriteMarkdown writes the comparison as a summary for a page of a CI.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## meshcheck: %s\n\n%s.\n\nBaseline: %s  \nBranch: %s\n", r.Title(), r.Heading(), r.Baseline, r.Branch)
	for _, note := range []string{r.Note, r.Tested(), r.Worth()} {
		if note != "" {
			fmt.Fprintf(&b, "\nNote: %s.\n", note)
		}
	}
	if r.Failed != "" {
		fmt.Fprintf(&b, "\n```\n%s\n```\n", r.Failed)
	}
	if len(r.Findings) > 0 {
		b.WriteString("\n| outcome | what the branch breaks | seeds | other schedules: branch, baseline | confidence | first violation |\n|---|---|---|---|---|---|\n")
	}
	for _, d := range r.Findings {
		if d.Of != "" {
			fmt.Fprintf(&b, "| %s | %s | %s | | | %s: %s |\n", d.Outcome, cell(d.Name), seedList(d.Seeds, false), d.How, cell(d.Of))
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d of %d, %d of %d | %s | %s |\n", d.Outcome, cell(d.Name), seedList(d.Seeds, false),
			d.Around.Branch, d.Around.BranchRuns, d.Around.Baseline, d.Around.BaselineRuns, d.Around.Confidence(), cell(d.Sentence))
	}
	for _, outcome := range []Outcome{Undecided, Changed, Fixed} {
		for _, s := range r.of(outcome) {
			if len(without(&s.Branch, &s.Baseline)) == 0 {
				fmt.Fprintf(&b, "\n- %s, seed %d: %s", outcome, s.Seed, s.Why)
			}
		}
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// cell is a text in a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(s)
}
