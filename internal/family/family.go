// Package family gives each seed its plan: drawn in a swarm, or a variation of a scenario
// or of any other plan.
package family

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/testdata/scenarios"
)

// Reference is the name of the scenario that is no file: the reference plan, drawn anew
// for each seed, on which speeds are measured.
const Reference = "reference"

// Family is plans that have something in common.
type Family struct {
	Plan   *fault.Plan // that the members are variations of; nil if they are drawn
	title  string      // ends in a comma, for the seed
	config draw.Config
}

// New returns the family of a scenario, in a mode, which is the plan's own or the default
// if it is empty; without a scenario the swarm, which starts from the objects if there are
// any.
func New(scenario string, cfg draw.Config) (*Family, error) {
	inMode := cfg.Mode
	cfg.Reference = scenario == Reference
	f := &Family{config: cfg}
	if inMode != "" {
		f.title = fmt.Sprintf("mode %s, ", inMode)
	}
	if cfg.Agents != "" {
		f.title += fmt.Sprintf("agents %s, ", cfg.Agents)
	}
	switch scenario {
	case "":
		return f, nil
	case Reference:
		f.title += "reference plan, "
		return f, nil
	}
	f.title += "scenario " + scenario + ", "
	file := scenario + ".json"
	data, err := scenarios.Files.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-scenario %s: there is no such scenario; there are %s", scenario, strings.Join(Scenarios(), ", "))
	}
	if f.Plan, err = fault.Read("scenario "+file, data); err != nil || inMode == "" && cfg.Agents == "" {
		return f, err
	}
	if inMode != "" {
		f.Plan = fault.Project(f.Plan, inMode)
	}
	f.Plan = fault.WithAgents(f.Plan, cfg.Agents)
	if err := f.Plan.Validate(); err != nil {
		return nil, fmt.Errorf("-scenario %s: %w", scenario, err)
	}
	for i := range f.Plan.Faults {
		if why := f.Plan.NotApplicable(&f.Plan.Faults[i]); why != "" {
			return nil, fmt.Errorf("-mode %s: the scenario %s does not exist there: its %s is %s", inMode, scenario, f.Plan.Faults[i].Kind, why)
		}
	}
	return f, nil
}

// Of returns the variations of a plan.
func Of(plan *fault.Plan) *Family { return &Family{Plan: plan} }

// Member returns the plan of a seed. Its error is about what all members have.
func (f *Family) Member(seed uint64) (*fault.Plan, error) {
	if f.Plan != nil {
		return draw.Vary(f.Plan, seed), nil
	}
	return draw.Plan(seed, f.config)
}

// Name is the name of the family's own plan.
func (f *Family) Name() string { return strings.TrimSuffix(f.title, ", ") }

// NameOf is the name of the plan of a seed.
func (f *Family) NameOf(seed uint64) string { return fmt.Sprintf("%sseed %d", f.title, seed) }

// Scenarios are the names of scenarios, in order.
func Scenarios() (names []string) {
	files, err := fs.Glob(scenarios.Files, "*.json")
	if err != nil {
		panic(err) // the pattern is right
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(file, ".json"))
	}
	return append(names, Reference)
}

// modes returns the modes in which a scenario exists.
func modes(scenario string) (all []string) {
	for _, m := range mode.Simulated() {
		if _, err := New(scenario, draw.Config{Mode: m.String()}); err == nil {
			all = append(all, m.String())
		}
	}
	return all
}

// Text describes the scenarios.
func Text() (string, error) {
	var b strings.Builder
	b.WriteString("SCENARIOS (simrun -scenario NAME)\n\n")
	for _, name := range Scenarios() {
		if name == Reference {
			fmt.Fprintf(&b, "  %s\n      the reference plan, drawn anew for each seed: 6 faults of 8 kinds; speeds are measured on it\n", name)
			continue
		}
		f, err := New(name, draw.Config{})
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "  %s\n", name)
		for i := range f.Plan.Faults {
			fmt.Fprintf(&b, "      %s\n", f.Plan.Faults[i].Sentence())
		}
		fmt.Fprintf(&b, "      promised: %s\n      modes: %s\n\n", strings.Join(f.Plan.Promise, ", "), strings.Join(modes(name), ", "))
	}
	return b.String(), nil
}
