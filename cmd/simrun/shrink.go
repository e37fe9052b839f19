package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/model/schema"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

const shrinkHelp = `
shrink makes a plan that breaks a property smaller: as few faults, steps of the
workload, pods, objects, hosts and nodes as will do, then simple times and
options. The smaller plan breaks the same property on the same kind of object.

  simrun shrink -seed N
  simrun shrink -plan FILE

It runs as many plans at once as there are cores, and ends when nothing more can
be left out. The best plan so far is written if it is interrupted (^C) or if its
time is up. A plan that is done is run twice more, to see that it replays.

Flags:

Examples:
  simrun shrink -seed 5 -o five.json
  simrun shrink -mode crd -seed 47
  simrun shrink -plan big.json -property monotonic -kind endpoint -for 60s
  simrun -plan five.json -v

Exit status:
  0    the smaller plan is written
  1    the plan does not break that, so there is nothing to shrink
  2    bad flags or bad input
  3    the harness failed: no run of the plan came to its end, or the smaller
       plan does not replay
  130  interrupted; the best plan so far is written
`

// shrinkPlan is the command shrink: it makes a failing plan smaller and writes it.
type shrinkPlan struct {
	runs.Source
	finding checker.Finding
	out     string
	length  time.Duration
	json    bool
}

func (s *shrinkPlan) Flags(f *console.Flags) {
	s.length = 5 * time.Minute
	s.Source.Add(f)
	f.Add(&s.finding.Property, "property NAME", "the broken property to keep; if not given, the first that the mode promises, or else the first")
	f.Add(&s.finding.Kind, "kind KIND", "the kind of object that it is broken on: identity, endpoint, node, service, backend or meta; the first, if not given")
	f.Add(&s.out, "o FILE", "where to write the plan; shrunk-seed-N.json, if not given")
	f.Add(&s.length, "for TIME", "search no longer than this; 5m, if not given")
	f.JSON(&s.json)
}

func (s *shrinkPlan) Check() error {
	var properties []string
	for _, p := range checker.Properties() {
		properties = append(properties, p.Name)
	}
	kinds := append(schema.KindNames(), schema.Meta)
	switch {
	case !s.Seed.Given && s.Plan == "" && s.Scenario == "":
		return console.Usagef("what shall be shrunk? Give -seed N, -plan FILE or -scenario NAME; simrun help shrink shows examples")
	case s.finding.Property != "" && !slices.Contains(properties, s.finding.Property):
		return console.Usagef("-property %s: there is no such property; there are %s", s.finding.Property, strings.Join(properties, ", "))
	case s.finding.Kind != "" && !slices.Contains(kinds, s.finding.Kind):
		return console.Usagef("-kind %s: there is no such kind; there are %s", s.finding.Kind, strings.Join(kinds, ", "))
	case s.length <= 0:
		return console.Usagef("-for %s: want a time such as 60s", s.length)
	case s.Worker.Runtime == det.Stock:
		return console.Usagef("-runtime %s: a plan whose runs are not determined by its seed cannot be shrunk", det.Stock)
	}
	return s.Source.Check(false)
}

func (s *shrinkPlan) Run(ctx context.Context, c *console.Console) (int, error) {
	name, plan, err := s.Read(c)
	if err != nil {
		return 0, err
	}
	s.out = cmp.Or(s.out, fmt.Sprintf("shrunk-seed-%d.json", plan.Seed))
	if err := output.Check(s.Inputs(), output.To("o", s.out, output.Plan, false)); err != nil {
		return 0, err
	}
	runner, err := runs.Simulator(ctx, c, s.Worker, s.Limits)
	if err != nil {
		return 0, err
	}
	c.Notice("the smaller plan will be written to " + s.out)
	var failures failedPlans
	result, err := runner.Shrink(ctx, plan, s.finding, drive.ShrinkConfig{
		Parallel:   runtime.NumCPU(),
		For:        s.length,
		OnProgress: runs.ShrinkProgress(c, plan),
		OnFailure:  failures.add,
	})
	var nothing *drive.NothingToShrink
	switch {
	case errors.As(err, &nothing):
		fmt.Fprintf(c.Stderr, "simrun: %s: %v\n", name, nothing)
		return console.StatusBroken, nil
	case result == nil:
		return runs.Failed(c, s.json, plan, err)
	}
	result.Name, result.Run.Code = name, runs.Code(ctx, c, runner, plan)
	if err := cmp.Or(s.write(c, result), keepFirst(c, &failures)); err != nil {
		return 0, err
	}
	switch {
	case err != nil && ctx.Err() == nil:
		return runs.Failed(c, s.json, result.Run.Plan, err)
	case err == nil && result.Replays == report.Differs:
		return console.StatusHarness, nil
	}
	return console.StatusHold, err
}

// write writes the plan to its file and the report to the terminal.
func (s *shrinkPlan) write(c *console.Console, result *report.Shrunk) error {
	if err := output.Write("o", s.out, result.Run.Plan.Encode()); err != nil {
		return err
	}
	result.File = s.out
	result.Commands = []report.Command{{
		Purpose: "replay",
		Line:    console.CommandLine(c.Name, append([]string{"-plan", s.out}, s.Worker.Arguments()...)...),
	}}
	if s.json {
		return result.WriteJSON(c.Stdout)
	}
	return result.WriteText(c.Stdout, c.Style(false))
}

// failedPlans counts plans whose worker failed, and holds the first.
type failedPlans struct {
	mu      sync.Mutex
	count   int
	plan    *fault.Plan
	failure *det.Failure
}

func (p *failedPlans) add(plan *fault.Plan, failure *det.Failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count++; p.count == 1 {
		p.plan, p.failure = plan, failure
	}
}

// keepFirst keeps what is known of the first failure, and says where.
func keepFirst(c *console.Console, p *failedPlans) error {
	if p.count == 0 {
		return nil
	}
	first, err := runs.Failure(c, p.plan, p.failure)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Stderr, "simrun: %d of the runs gave no history; the first one (%s): %s; its plan and output are kept in %s\n", p.count, first.Kind, first.Message, first.Kept)
	return nil
}
