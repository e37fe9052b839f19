package report

import (
	"cmp"
	"fmt"
	"io"

	"github.com/meshcheck/meshcheck/checker"
)

// Panic is how the code under test ended a run: a finding about it, and no failure of the
// harness.
type Panic struct {
	Value    string `json:"value"`          // that it panicked with
	Function string `json:"function"`       // with the last part of its package's path
	At       string `json:"at,omitempty"`   // file and line
	Page     string `json:"page,omitempty"` // of testdata/findings, without ".md"; empty: news
}

// group is the panic as what else is broken in a run is shown.
func (p *Panic) group() Group {
	sentence := fmt.Sprintf("%s panicked at %s: %s", p.Function, cmp.Or(p.At, "an unknown line"), p.Value)
	g := Group{Mechanism: p.Page, Properties: []string{"the run"}, Violations: 1}
	if p.Page == "" {
		g.Broken = "panic in " + p.Function
	}
	g.First.Rule = &checker.Rule{Name: "panic", Text: func(*checker.Facts) string { return sentence }}
	return g
}

// WritePanic writes the verdict of a run that a panic of the code under test has ended.
func (f *Failure) WritePanic(w io.Writer, style Style, commands []Command) error {
	out := NewOutput(w, style)
	g := f.Panic.group()
	known := "it looks like a finding (suspected; simrun judge measures it)"
	if g.News() {
		known = "it looks like no finding"
	}
	out.Row("\nverdict     ", "FAIL: the code under test panicked, and nothing else is judged; %s", known)
	out.Row("panic       ", "%s: %s", g.title(), g.First.Sentence())
	out.Row("            ", "%s", f.Message)
	out.Row("kept        ", "%s has the plan, what the worker printed, and the history until then", f.Kept)
	for _, command := range commands {
		out.Command(fmt.Sprintf("%-11s ", command.Purpose), command.Line)
	}
	return out.Flush()
}
