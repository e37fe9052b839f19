package compare

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
)

// WriteJSON writes the comparison on one line.
func (r *Report) WriteJSON(w io.Writer) error {
	return report.WriteLine(w, struct {
		report.Header
		*Report
	}{report.Header{Version: report.JSONVersion, Kind: "compare"}, r})
}

type suite struct {
	XMLName  xml.Name `xml:"testsuite"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Seconds  string   `xml:"time,attr"`
	Cases    []test   `xml:"testcase"`
}

type test struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Failure *problem `xml:"failure"`
	Error   *problem `xml:"error"`
	Out     string   `xml:"system-out,omitempty"`
}

type problem struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the comparison as JUnit's XML: a test for each seed, which fails if it
// is a regression and has an error if it is undecided.
func (r *Report) WriteJUnit(w io.Writer) error {
	s := suite{Name: "simrun compare", Tests: len(r.Seeds), Failures: r.Count(Regressed), Errors: r.Count(Undecided), Seconds: fmt.Sprintf("%.3f", r.Elapsed.Seconds())}
	for i := range r.Seeds {
		seed := &r.Seeds[i]
		t := test{Class: "simrun.compare", Name: fmt.Sprintf("seed %d", seed.Seed)}
		switch seed.Outcome {
		case Regressed:
			t.Failure = &problem{seed.Why, r.details(seed)}
		case Undecided:
			t.Error = &problem{seed.Why, r.details(seed)}
		case Same:
		default:
			t.Out = string(seed.Outcome) + ": " + seed.Why
		}
		s.Cases = append(s.Cases, t)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", " ")
	if err := encoder.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// details says what is known of the ways in which a seed breaks on the branch.
func (r *Report) details(s *Seed) string {
	var b strings.Builder
	for _, name := range without(&s.Branch, &s.Baseline) {
		for _, d := range r.Findings {
			if d.Name == name {
				fmt.Fprintf(&b, "%s: %s\n%s\n%s\n", name, d.Sentence, d.Around, d.advice())
			}
		}
	}
	return b.String()
}

// WriteMarkdown writes the comparison as a summary for a page of a CI.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	title := "no regression"
	switch {
	case r.Count(Regressed) > 0:
		title = text.Count(r.Count(Regressed), "seed") + " regressed"
	case r.Count(Undecided) > 0 || len(r.Seeds) < r.Asked:
		title = "undecided"
	}
	fmt.Fprintf(&b, "## meshcheck: %s\n\n%s.\n\nBaseline: %s  \nBranch: %s\n", title, r.Heading(), r.Baseline, r.Branch)
	if r.Note != "" {
		fmt.Fprintf(&b, "\nNote: %s.\n", r.Note)
	}
	if len(r.Findings) > 0 {
		b.WriteString("\n| outcome | what the branch breaks | seeds | other schedules: branch, baseline | confidence | first violation |\n|---|---|---|---|---|---|\n")
	}
	for _, d := range r.Findings {
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
