package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
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
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/internal/files"
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
  -seed N             the seed to shrink
  -plan FILE          the plan to shrink
  -scenario NAME      a scenario, or with -seed a member of its family
  -mode MODE          the mode of a plan that is drawn, as for simrun -seed
  -objects FILE...    as for simrun -seed
  -property NAME      the broken property to keep; the first, if not given
  -kind KIND          the kind of object that it is broken on: identity, endpoint,
                      node or meta; the first, if not given
  -o FILE             where to write the plan; shrunk-seed-N.json, if not given
  -for TIME           search no longer than this; 5m, if not given
  -worker FILE        use a worker from build-worker
  -json               write JSON in place of text

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

// shrinkFlags are the flags of shrink.
type shrinkFlags struct {
	source  simulateFlags // which plan, with which worker
	finding checker.Finding
	out     string
	length  time.Duration
}

// shrink makes a failing plan smaller and writes it.
func (c *console) shrink(ctx context.Context, args []string) (int, error) {
	f, err := parseShrink(args)
	if err != nil {
		return 0, err
	}
	name, plan, err := c.plan(&f.source)
	if err != nil {
		return 0, err
	}
	f.out = cmp.Or(f.out, fmt.Sprintf("shrunk-seed-%d.json", plan.Seed))
	if err := checkTarget("o", f.out, false); err != nil {
		return 0, err
	}
	worker, err := c.worker(ctx, f.source.worker)
	if err != nil {
		return 0, err
	}
	var failures failedPlans
	runner := drive.Simulator{Worker: worker}
	result, err := runner.Shrink(ctx, plan, f.finding, drive.ShrinkConfig{
		Parallel:   runtime.NumCPU(),
		For:        f.length,
		OnProgress: c.shrinkProgress(plan),
		OnFailure:  failures.add,
	})
	c.progress.clear()
	if result == nil {
		return c.notShrunk(f, name, plan, err)
	}
	result.Name = name
	if err := c.writeShrunk(f, result); err != nil {
		return 0, err
	}
	if err := c.keepFirst(&failures); err != nil {
		return 0, err
	}
	switch {
	case err != nil && ctx.Err() == nil:
		return c.failed(&f.source, result.Run.Plan, err)
	case err == nil && result.Replays == report.Differs:
		return statusHarness, nil
	}
	return statusHold, err
}

// notShrunk says why there is no smaller plan.
func (c *console) notShrunk(f *shrinkFlags, name string, plan *fault.Plan, err error) (int, error) {
	var nothing *drive.NothingToShrink
	if errors.As(err, &nothing) {
		fmt.Fprintf(c.stderr, "simrun: %s: %v\n", name, nothing)
		return statusBroken, nil
	}
	return c.failed(&f.source, plan, err)
}

// writeShrunk writes the plan to its file and the report to the terminal.
func (c *console) writeShrunk(f *shrinkFlags, result *report.Shrunk) error {
	if err := files.Write(f.out, result.Run.Plan.Encode()); err != nil {
		return err
	}
	result.File = f.out
	result.Commands = []report.Command{{
		Purpose: "replay",
		Line:    commandLine(c.name, append([]string{"-plan", f.out}, f.source.worker.arguments()...)),
	}}
	if f.source.json {
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

func parseShrink(args []string) (*shrinkFlags, error) {
	f := new(shrinkFlags)
	set := flag.NewFlagSet("shrink", flag.ContinueOnError)
	set.Var(&f.source.seed, "seed", "")
	set.StringVar(&f.source.plan, "plan", "", "")
	set.StringVar(&f.source.scenario, "scenario", "", "")
	set.Var(&f.source.mode, "mode", "")
	set.Var(&f.source.objects, "objects", "")
	f.source.worker.add(set)
	set.BoolVar(&f.source.json, "json", false, "")
	set.StringVar(&f.finding.Property, "property", "", "")
	set.StringVar(&f.finding.Kind, "kind", "", "")
	set.StringVar(&f.out, "o", "", "")
	f.length = 5 * time.Minute
	set.Var(lengthFlag{&f.length}, "for", "")
	if err := parse(set, args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, usageErrorf("there is an argument %q that belongs to no flag; simrun help shrink shows examples", set.Arg(0))
	}
	return f, f.check()
}

func (f *shrinkFlags) check() error {
	var properties []string
	for _, p := range checker.Properties() {
		properties = append(properties, p.Name)
	}
	kinds := []string{history.Identity, history.Endpoint, history.Node, history.Meta}
	switch p := &f.source; {
	case !p.seed.given && p.plan == "" && p.scenario == "":
		return usageErrorf("what shall be shrunk? Give -seed N, -plan FILE or -scenario NAME; simrun help shrink shows examples")
	case p.seed.given && p.plan != "":
		return usageErrorf("-seed and -plan exclude each other")
	case !p.seed.given && p.scenario == family.Reference:
		return usageErrorf("-scenario %s needs -seed N: it has no plan of its own", family.Reference)
	case f.finding.Property != "" && !slices.Contains(properties, f.finding.Property):
		return usageErrorf("-property %s: there is no such property; there are %s", f.finding.Property, strings.Join(properties, ", "))
	case f.finding.Kind != "" && !slices.Contains(kinds, f.finding.Kind):
		return usageErrorf("-kind %s: there is no such kind; there are %s", f.finding.Kind, strings.Join(kinds, ", "))
	case f.length <= 0:
		return usageErrorf("-for %s: want a time such as 60s", f.length)
	case p.worker.runtime == det.Stock:
		return usageErrorf("-runtime %s: a plan whose runs are not determined by its seed cannot be shrunk", det.Stock)
	}
	return f.source.check()
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
