// Package matrix runs the same plans in several modes and sets side by side what each mode
// keeps and what it costs.
//
// A plan is drawn once and projected into each mode (fault.Project): topology, workload
// and faults are the same, but for what a mode lacks. What a run showed is kept in a file
// as soon as it is known, so that an interrupted matrix goes on where it stopped. The
// table is made of what was kept, in the order of modes and seeds, so that the same runs
// give the same bytes.
package matrix

import (
	"context"
	"errors"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/load"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Config is what a matrix is made with. All fields are needed, but those that say so.
type Config struct {
	Runner   drive.Runner
	Modes    []string // names of modes, in the order of the columns
	Seeds    drive.Seeds
	Plan     func(seed uint64) (*fault.Plan, error)
	Parallel int // runs at once
	Kept     *Kept
	OnRun    func(done, all int) // if non-nil, told of each run, one call at a time
}

// Cell is what a run showed.
type Cell struct {
	Mode     string                     `json:"mode"`
	Seed     uint64                     `json:"seed"`
	Failure  string                     `json:"failure,omitempty"` // why there is no history: then all below is empty
	Panic    bool                       `json:"panic,omitempty"`   // of the code under test
	Outcomes map[string]checker.Outcome `json:"outcomes,omitempty"`
	Ways     []Way                      `json:"ways,omitempty"` // in which properties are broken, the earliest first
	Agents   int                        `json:"agents,omitempty"`
	Replicas int                        `json:"replicas,omitempty"` // that exist in the mode
	Servers  int                        `json:"servers,omitempty"`  // kube-apiservers
	Virtual  time.Duration              `json:"virtualNanoseconds,omitempty"`
	Costs    []*load.Cost               `json:"costs,omitempty"`
	Loads    []*Load                    `json:"loads,omitempty"`
	Measures []*Measured                `json:"measures,omitempty"`
}

// Way is how something is broken.
type Way struct {
	Mechanism  string   `json:"mechanism,omitempty"` // a page in testdata/findings; none: news
	Properties []string `json:"properties"`
	Sentence   string   `json:"sentence,omitempty"` // of the first violation
}

// Measured is what a property measured, as durations.
type Measured struct {
	Property string `json:"property"`
	report.Pool
}

// Run runs what is not kept yet, and returns the table of all. A table of what there is
// comes with the error of ctx, too.
func Run(ctx context.Context, cfg Config) (*Table, error) {
	all := len(cfg.Modes) * cfg.Seeds.Count()
	done := 0
	for seed := range cfg.Seeds.All() {
		for _, m := range cfg.Modes {
			if cfg.Kept.has(m, seed) {
				done++
			}
		}
	}
	err := drive.Each(ctx, cfg.missing, cfg.Parallel, func(ctx context.Context, r run) (*Cell, error) {
		return cfg.cell(ctx, r)
	}, func(_ run, c *Cell) error {
		done++
		if cfg.OnRun != nil {
			cfg.OnRun(done, all)
		}
		return cfg.Kept.add(c)
	})
	return newTable(cfg), err
}

// TableOf returns the table of what is kept, of all modes or of those that are named, and
// runs nothing.
func TableOf(k *Kept, modes []string, seeds drive.Seeds) *Table {
	t := newTable(Config{Modes: modes, Seeds: seeds, Kept: k})
	t.Code = k.Of.Code
	return t
}

type run struct {
	mode string
	seed uint64
}

// missing are the runs that are not kept, seed by seed: an interrupted matrix has whole rows.
func (cfg *Config) missing(yield func(run) bool) {
	for seed := range cfg.Seeds.All() {
		for _, m := range cfg.Modes {
			if !cfg.Kept.has(m, seed) && !yield(run{m, seed}) {
				return
			}
		}
	}
}

// cell runs a plan in a mode. A run without a history is a cell, too; the error is about
// what all runs have in common.
func (cfg *Config) cell(ctx context.Context, r run) (*Cell, error) {
	drawn, err := cfg.Plan(r.seed)
	if err != nil {
		return nil, err
	}
	plan := fault.Project(drawn, r.mode)
	judged, err := cfg.Runner.Run(ctx, plan)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c := &Cell{Mode: r.mode, Seed: r.seed}
	var failure *det.Failure
	switch {
	case errors.As(err, &failure) && failure.Kind == det.Input:
		return nil, err
	case errors.As(err, &failure):
		c.Failure, c.Panic = failure.Message, failure.Kind == det.Crash && drive.PanicOf(failure.Output) != nil
		return c, nil
	case err != nil:
		return nil, err
	}
	c.Outcomes = map[string]checker.Outcome{}
	for _, result := range judged.Verdict.Results {
		c.Outcomes[result.Property] = result.Outcome
		for _, m := range result.Measures {
			if len(m.Samples()) > 0 {
				measured := &Measured{result.Property, report.Pool{Name: m.Name, Group: m.Group}}
				measured.Add(m)
				c.Measures = append(c.Measures, measured)
			}
		}
	}
	for _, g := range report.Groups(judged.Verdict) {
		c.Ways = append(c.Ways, Way{g.Mechanism, g.Properties, g.First.Sentence()})
	}
	c.Agents, c.Servers = plan.Topology.Agents, plan.Topology.APIServers
	if plan.InMode().Runs(mode.Replica) {
		c.Replicas = plan.Topology.Replicas
	}
	c.Virtual, c.Costs, c.Loads = judged.Virtual, load.CostsOf(judged.Index.Records), loadsOf(judged.Index.Records)
	return c, nil
}
