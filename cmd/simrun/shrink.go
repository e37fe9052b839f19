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

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// shrinkPlan is the command shrink: it makes a failing plan smaller and writes it.
type shrinkPlan struct {
	sourceFlags
	finding checker.Finding
	out     string
	length  time.Duration
	json    bool
}

func (s *shrinkPlan) flags(f *flags) {
	s.length = 5 * time.Minute
	s.sourceFlags.add(f)
	f.add(&s.finding.Property, "property NAME", "the broken property to keep; if not given, the first that the mode promises, or else the first")
	f.add(&s.finding.Kind, "kind KIND", "the kind of object that it is broken on: identity, endpoint, node or meta; the first, if not given")
	f.add(&s.out, "o FILE", "where to write the plan; shrunk-seed-N.json, if not given")
	f.add(&s.length, "for TIME", "search no longer than this; 5m, if not given")
	f.json(&s.json)
}

func (s *shrinkPlan) check() error {
	var properties []string
	for _, p := range checker.Properties() {
		properties = append(properties, p.Name)
	}
	kinds := []string{history.Identity, history.Endpoint, history.Node, history.Meta}
	switch {
	case !s.seed.given && s.plan == "" && s.scenario == "":
		return usageErrorf("what shall be shrunk? Give -seed N, -plan FILE or -scenario NAME; simrun help shrink shows examples")
	case s.finding.Property != "" && !slices.Contains(properties, s.finding.Property):
		return usageErrorf("-property %s: there is no such property; there are %s", s.finding.Property, strings.Join(properties, ", "))
	case s.finding.Kind != "" && !slices.Contains(kinds, s.finding.Kind):
		return usageErrorf("-kind %s: there is no such kind; there are %s", s.finding.Kind, strings.Join(kinds, ", "))
	case s.length <= 0:
		return usageErrorf("-for %s: want a time such as 60s", s.length)
	case s.worker.runtime == det.Stock:
		return usageErrorf("-runtime %s: a plan whose runs are not determined by its seed cannot be shrunk", det.Stock)
	}
	return s.sourceFlags.check(false)
}

func (s *shrinkPlan) run(ctx context.Context, c *console) (int, error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	name, plan, err := s.read(c)
	if err != nil {
		return 0, err
	}
	s.out = cmp.Or(s.out, fmt.Sprintf("shrunk-seed-%d.json", plan.Seed))
	if err := checkOutputs(s.inputs(), output{"o", s.out, planForm, false}); err != nil {
		return 0, err
	}
	runner, err := c.simulator(ctx, s.worker, s.limits)
	if err != nil {
		return 0, err
	}
	c.notice("the smaller plan will be written to " + s.out)
	var failures failedPlans
	result, err := runner.Shrink(ctx, plan, s.finding, drive.ShrinkConfig{
		Parallel:   runtime.NumCPU(),
		For:        s.length,
		OnProgress: c.shrinkProgress(plan),
		OnFailure:  failures.add,
	})
	var nothing *drive.NothingToShrink
	switch {
	case errors.As(err, &nothing):
		fmt.Fprintf(c.stderr, "simrun: %s: %v\n", name, nothing)
		return statusBroken, nil
	case result == nil:
		return c.failed(s.json, plan, err)
	}
	result.Name, result.Run.Code = name, c.code(runner)
	if err := cmp.Or(s.write(c, result), c.keepFirst(&failures)); err != nil {
		return 0, err
	}
	switch {
	case err != nil && ctx.Err() == nil:
		return c.failed(s.json, result.Run.Plan, err)
	case err == nil && result.Replays == report.Differs:
		return statusHarness, nil
	}
	return statusHold, err
}

// write writes the plan to its file and the report to the terminal.
func (s *shrinkPlan) write(c *console, result *report.Shrunk) error {
	if err := writeTarget("o", s.out, result.Run.Plan.Encode()); err != nil {
		return err
	}
	result.File = s.out
	result.Commands = []report.Command{{
		Purpose: "replay",
		Line:    commandLine(c.name, append([]string{"-plan", s.out}, s.worker.arguments()...)...),
	}}
	if s.json {
		return result.WriteJSON(c.stdout)
	}
	return result.WriteText(c.stdout, c.style(false))
}

// shrinkProgress shows how small the plan is.
func (c *console) shrinkProgress(plan *fault.Plan) func(shrink.Progress) {
	start, before := time.Now(), shrink.SizeOf(plan).Decisions()
	return func(p shrink.Progress) {
		c.progress.show("%d of %d decisions left, %d agents, %d replicas; %d runs in %s",
			p.Now.Decisions(), before, p.Now.Agents, p.Now.Replicas, p.Runs, time.Since(start).Round(time.Second))
	}
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
func (c *console) keepFirst(p *failedPlans) error {
	if p.count == 0 {
		return nil
	}
	first, err := c.failure(p.plan, p.failure)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stderr, "simrun: %d of the runs gave no history; the first one (%s): %s; its plan and output are kept in %s\n", p.count, first.Kind, first.Message, first.Kept)
	return nil
}
