package compare

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/meshcheck/meshcheck/report"
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

type suite struct {
	XMLName  xml.Name   `xml:"testsuite"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Seconds  string     `xml:"time,attr"`
	Property []property `xml:"properties>property"`
	Cases    []test     `xml:"testcase"`
}

type property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
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
	for _, p := range []property{{"title", r.Title()}, {"baseline", r.Baseline.String()}, {"branch", r.Branch.String()}, {"tested", r.Tested()}, {"worth", r.Worth()}, {"note", r.Note}} {
		if p.Value != "" {
			s.Property = append(s.Property, p)
		}
	}
	if !r.Passes() && s.Failures+s.Errors == 0 { // it would look like a success
		s.Tests, s.Errors = s.Tests+1, 1
		s.Cases = append(s.Cases, test{Class: "simrun.compare", Name: "comparison", Error: &problem{r.Title(), cmp.Or(r.Failed, r.Note, r.Title())}})
	}
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
