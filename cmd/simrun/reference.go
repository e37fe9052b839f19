package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// properties prints what a history is judged by.
func (c *console) properties(_ context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("properties", flag.ContinueOnError)
	if err := parse(set, args); err != nil {
		return 0, err
	}
	if set.NArg() > 0 {
		return 0, usageErrorf("properties takes no arguments; it prints everything that a history is judged by")
	}
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
	b.WriteString("\nKNOWN MECHANISMS (testdata/findings/NAME.md)\n")
	for _, m := range checker.Mechanisms() {
		fmt.Fprintf(&b, "\n  %s\n%s", m.Name, text.Wrap("      ", m.Sentence))
	}
	_, err := fmt.Fprint(c.stdout, b.String())
	return statusHold, err
}

// faults prints the reference of faults, triggers and scenarios.
func (c *console) faults(_ context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("faults", flag.ContinueOnError)
	if err := parse(set, args); err != nil {
		return 0, err
	}
	if set.NArg() > 0 {
		return 0, usageErrorf("faults takes no arguments; it prints everything that a plan's faults can be")
	}
	scenarios, err := family.Text()
	if err == nil {
		_, err = fmt.Fprint(c.stdout, fault.Text(), scenarios)
	}
	return statusHold, err
}
