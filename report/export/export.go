// Package export writes runs in forms that other programs read: the trace events of
// Perfetto and Chrome, JUnit's XML, and CSV.
package export

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/junit"
)

// JUnit writes a test for each property of each run. What is broken in a known way fails,
// too; what could not be decided is an error.
func JUnit(w io.Writer, runs []*report.Run) error {
	s := junit.Suite{Name: "simrun check"}
	var took time.Duration
	for _, run := range runs {
		took += run.Checking
		s.Add("trace of "+run.Name, run.Hash)
		first := map[string][]report.Numbered{}
		for _, v := range report.Violations(run.Verdict) {
			first[v.Property] = append(first[v.Property], v)
		}
		for _, r := range run.Verdict.Results {
			c := junit.Case{Class: run.Name, Name: r.Property}
			switch r.Outcome {
			case checker.Pass:
				c.Out = r.Evidence
			case checker.NotApplicable:
				c.Skipped = &junit.Problem{Message: r.Evidence}
			case checker.Fail:
				c.Failure = &junit.Problem{Message: first[r.Property][0].Sentence(), Text: violations(first[r.Property])}
			default:
				c.Error = &junit.Problem{Message: string(r.Outcome) + ": " + r.Evidence}
			}
			s.Cases = append(s.Cases, c)
		}
	}
	return s.Write(w, took)
}

func violations(all []report.Numbered) string {
	const most = 20
	var b strings.Builder
	for _, v := range all[:min(most, len(all))] {
		fmt.Fprintf(&b, "violation %d: %s", v.Number, v.Sentence())
		if v.Cause != nil {
			fmt.Fprintf(&b, "; looks like %s", v.Cause.Name())
		}
		b.WriteByte('\n')
	}
	if more := len(all) - most; more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	return b.String()
}

// CSV writes a row for each measure of each run: its quantiles, and how many instances it
// had.
func CSV(w io.Writer, runs []*report.Run) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"run", "trace", "property", "measure", "group", "unit", "n", "p50", "p99", "max"}}
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	for _, run := range runs {
		for _, r := range run.Verdict.Results {
			for _, m := range r.Measures {
				rows = append(rows, []string{run.Name, run.Hash, r.Property, m.Name, m.Group, m.Unit, strconv.Itoa(m.N), number(m.P50), number(m.P99), number(m.Max)})
			}
		}
	}
	return out.WriteAll(rows)
}
