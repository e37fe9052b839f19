package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// properties is the command that prints what a history is judged by.
type properties struct{}

func (properties) flags(*flags) {}

func (properties) run(_ context.Context, c *console) (int, error) {
	clusterMesh, crd := mode.Mode{Base: mode.ClusterMesh}, mode.Mode{Base: mode.CRD}
	var b strings.Builder
	b.WriteString("PROPERTIES\n")
	for _, p := range checker.Properties() {
		fmt.Fprintf(&b, "\n  %s\n%s%s", p.Name, text.Wrap("      ", p.Promise), text.Wrap("      why: ", p.Why))
		var rules []string
		for _, rule := range p.Rules {
			rules = append(rules, rule.Name)
		}
		b.WriteString(text.Wrap("      rules: ", strings.Join(rules, ", ")))
		if !clusterMesh.Promises(p.Name) {
			b.WriteString("      judged in every mode; clustermesh does not promise it\n")
		}
		if len(p.RestsOn) > 0 {
			b.WriteString(text.Wrap("      ", "rests on: "+strings.Join(p.RestsOn, ", ")))
		}
		if ok, why := crd.Applies(p.Name); !ok {
			b.WriteString(text.Wrap("      ", "not applicable in crd: "+why))
		}
	}
	b.WriteString("\nWHAT VIOLATIONS LOOK LIKE (testdata/findings/NAME.md; simrun judge measures it)\n")
	for _, m := range checker.Mechanisms() {
		fmt.Fprintf(&b, "\n  %s (%s)\n%s", m.Name, m.Whose, text.Wrap("      ", m.Sentence))
	}
	_, err := fmt.Fprint(c.stdout, b.String())
	return statusHold, err
}

// faults is the command that prints the reference of faults, triggers and scenarios.
type faults struct{}

func (faults) flags(*flags) {}

func (faults) run(_ context.Context, c *console) (int, error) {
	scenarios, err := family.Text()
	if err == nil {
		_, err = fmt.Fprint(c.stdout, fault.Text(), scenarios)
	}
	return statusHold, err
}
