package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/testdata/scenarios"
)

// referenceFamily is the name of the scenario that is no file: the reference plan,
// drawn anew for each seed, on which speeds are measured.
const referenceFamily = "reference"

// A family gives each seed its plan: drawn in a swarm, or a variation of a
// scenario.
type family struct {
	title  string      // what precedes the seed in the name of a run
	plan   *fault.Plan // of the scenario, in the family's mode, or nil
	config fault.DrawConfig
}

func (c *console) family(scenario string, mode modeFlag, objects []string) (*family, error) {
	title := ""
	if mode != "" {
		title = fmt.Sprintf("mode %s, ", mode)
	}
	switch scenario {
	case "":
		loaded, err := c.loadObjects(objects)
		return &family{title: title, config: fault.DrawConfig{Mode: string(mode), Objects: loaded}}, err
	case referenceFamily:
		return &family{title: title + "reference plan, ", config: fault.DrawConfig{Mode: string(mode), Reference: true}}, nil
	}
	file := scenario + ".json"
	data, err := scenarios.Files.ReadFile(file)
	if err != nil {
		return nil, usageErrorf("-scenario %s: there is no such scenario; there are %s", scenario, strings.Join(scenarioNames(), ", "))
	}
	plan, err := fault.Read("scenario "+file, data)
	if err != nil {
		return nil, err
	}
	if mode != "" {
		plan = fault.Project(plan, string(mode))
		for i := range plan.Faults {
			if why := plan.NotApplicable(&plan.Faults[i]); why != "" {
				return nil, usageErrorf("-mode %s: the scenario %s does not exist there: its %s is %s", mode, scenario, plan.Faults[i].Kind, why)
			}
		}
	}
	return &family{title: title + "scenario " + scenario + ", ", plan: plan}, nil
}

// member returns the plan of a seed. Its error is about what all members have.
func (f *family) member(seed uint64) (*fault.Plan, error) {
	if f.plan != nil {
		return fault.Vary(f.plan, seed), nil
	}
	plan, err := fault.Draw(seed, f.config)
	if err != nil {
		return nil, &usageError{err}
	}
	return plan, nil
}

// scenarioNames are the names that -scenario takes, in order.
func scenarioNames() (names []string) {
	files, err := fs.Glob(scenarios.Files, "*.json")
	if err != nil {
		panic(err) // the pattern is right
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(file, ".json"))
	}
	return append(names, referenceFamily)
}

// faults prints the reference of faults, triggers and scenarios.
func (c *console) faults(_ context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	if err := parse(set, args); err != nil {
		return 0, err
	}
	if set.NArg() > 0 {
		return 0, usageErrorf("faults takes no arguments; it prints everything that a plan's faults can be")
	}
	var b bytes.Buffer
	b.WriteString(fault.Text())
	b.WriteString("SCENARIOS (simrun -scenario NAME)\n\n")
	for _, name := range scenarioNames() {
		if name == referenceFamily {
			fmt.Fprintf(&b, "  %s\n      the reference plan, drawn anew for each seed: 6 faults of 8 kinds; speeds are measured on it\n", name)
			continue
		}
		family, err := c.family(name, "", nil)
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(&b, "  %s\n", name)
		for i := range family.plan.Faults {
			fmt.Fprintf(&b, "      %s\n", family.plan.Faults[i].Sentence())
		}
		fmt.Fprintf(&b, "      promised: %s\n\n", strings.Join(family.plan.Promise, ", "))
	}
	_, err := c.stdout.Write(b.Bytes())
	return statusHold, err
}
