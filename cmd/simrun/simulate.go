package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// simulateFlags are the flags of the command without a name.
type simulateFlags struct {
	seed         seedFlag
	seeds        seedsFlag
	plan         string
	scenario     string
	objects      list
	writePlan    string
	writeHistory string
	cpuProfile   string
	memProfile   string
	worker       workerFlags
	json         bool
	all          bool
}

// simulate draws or reads plans, runs them and judges their histories.
func (c *console) simulate(ctx context.Context, args []string) (int, error) {
	f, err := parseSimulate(args)
	if err != nil {
		return 0, err
	}
	if f.plan != "" {
		plan, err := fault.ReadFile(f.plan)
		if err != nil {
			return 0, &usageError{err}
		}
		return c.runOne(ctx, f, f.plan, plan)
	}
	family, err := c.family(f.scenario, f.objects)
	if err != nil {
		return 0, err
	}
	switch {
	case f.seeds.given:
		return c.runMany(ctx, f, family)
	case !f.seed.given: // a scenario as it is written
		return c.runOne(ctx, f, "scenario "+f.scenario, family.plan)
	}
	plan, err := family.member(f.seed.seed)
	if err != nil {
		return 0, err
	}
	return c.runOne(ctx, f, fmt.Sprintf("%sseed %d", family.title, f.seed.seed), plan)
}

func parseSimulate(args []string) (*simulateFlags, error) {
	f := new(simulateFlags)
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.Var(&f.seed, "seed", "")
	set.Var(&f.seeds, "seeds", "")
	set.StringVar(&f.plan, "plan", "", "")
	set.StringVar(&f.scenario, "scenario", "", "")
	set.Var(&f.objects, "objects", "")
	set.StringVar(&f.writePlan, "write-plan", "", "")
	set.StringVar(&f.writeHistory, "write-history", "", "")
	set.StringVar(&f.cpuProfile, "cpuprofile", "", "")
	set.StringVar(&f.memProfile, "memprofile", "", "")
	f.worker.add(set)
	set.BoolVar(&f.json, "json", false, "")
	set.BoolVar(&f.all, "v", false, "")
	if err := parse(set, args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, usageErrorf("there is an argument %q that belongs to no flag; simrun help shows examples", set.Arg(0))
	}
	return f, f.check()
}

func (f *simulateFlags) check() error {
	sources := 0
	for _, given := range []bool{f.seed.given, f.seeds.given, f.plan != ""} {
		if given {
			sources++
		}
	}
	switch {
	case sources == 0 && f.scenario == "":
		return usageErrorf("what shall be run? Give -seed N, -seeds A-B, -plan FILE or -scenario NAME; simrun help shows examples")
	case sources == 0 && f.scenario == referenceFamily:
		return usageErrorf("-scenario %s needs -seed N or -seeds A-B: it has no plan of its own", referenceFamily)
	case f.scenario != "" && f.plan != "":
		return usageErrorf("-scenario and -plan exclude each other")
	case f.scenario != "" && len(f.objects) > 0:
		return usageErrorf("-scenario and -objects exclude each other: a scenario starts from its own pods")
	case sources > 1:
		return usageErrorf("-seed, -seeds and -plan exclude each other")
	case f.plan != "" && len(f.objects) > 0:
		return usageErrorf("-plan and -objects exclude each other: a plan carries its objects")
	case f.seeds.given && (f.cpuProfile != "" || f.memProfile != ""):
		return usageErrorf("-cpuprofile and -memprofile are of one run: give -seed N in place of -seeds")
	}
	return cmp.Or(
		f.worker.check(),
		checkTarget("write-plan", f.writePlan, f.seeds.given),
		checkTarget("write-history", f.writeHistory, f.seeds.given),
		checkTarget("cpuprofile", f.cpuProfile, false),
		checkTarget("memprofile", f.memProfile, false),
	)
}

// runOne runs one plan and reports on it.
func (c *console) runOne(ctx context.Context, f *simulateFlags, name string, plan *fault.Plan) (int, error) {
	if f.writePlan != "" {
		if err := writeFile(f.writePlan, plan.Encode()); err != nil {
			return 0, err
		}
	}
	if !f.json {
		if err := report.WritePlan(c.stdout, &report.Run{Name: name, Plan: plan}); err != nil {
			return 0, err
		}
	}
	worker, err := c.worker(ctx, f.worker)
	if err != nil {
		return 0, err
	}
	limits := det.RunConfig{OnProgress: c.runProgress(), CPUProfile: f.cpuProfile, MemProfile: f.memProfile}
	runner := drive.Runner{Worker: worker, Limits: limits}
	run, err := runner.Run(ctx, plan)
	c.progress.clear()
	if err != nil {
		return c.failed(f, plan, err)
	}
	if f.writeHistory != "" {
		if err := writeFile(f.writeHistory, run.File); err != nil {
			return 0, err
		}
	}
	run.Name = name
	run.Commands = f.commands(c.name, plan.Seed)
	if f.json {
		return status(run.Verdict), run.WriteJSON(c.stdout, true)
	}
	return status(run.Verdict), report.WriteVerdict(c.stdout, run.Run, f.all)
}

// failed reports a run that gave no history to judge.
func (c *console) failed(f *simulateFlags, plan *fault.Plan, err error) (int, error) {
	failure, err := c.failure(plan, err)
	if err != nil {
		return 0, err
	}
	if f.json {
		if err := failure.WriteJSON(c.stdout); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("the run failed (%s): %s; its plan and output are kept in %s, and %s -plan %s runs it again",
		failure.Kind, failure.Message, failure.Kept, c.name, quoteArgument(filepath.Join(failure.Kept, "plan.json")))
}

// failure keeps what is known of a failed run. Its own error is for what is no
// failure of a worker: an interrupt, a refused plan, a disk that is full.
func (c *console) failure(plan *fault.Plan, err error) (report.Failure, error) {
	var failure *det.Failure
	if !errors.As(err, &failure) {
		return report.Failure{}, err
	}
	if failure.Kind == det.Input {
		return report.Failure{}, usageErrorf("the worker refuses the plan: %s", failure.Message)
	}
	kept, err := keep(plan, failure)
	if err != nil {
		return report.Failure{}, err
	}
	message := failure.Message
	if cause := drive.Cause(failure.Output); cause != "" {
		message += " (" + cause + ")"
	}
	return report.Failure{Seed: plan.Seed, Kind: string(failure.Kind), Message: message, Kept: kept}, nil
}

// runProgress shows how far a run is.
func (c *console) runProgress() func(det.Progress) {
	start := time.Now()
	return func(p det.Progress) {
		c.progress.show("%s: %.1fs virtual, %d events, %.0f times real time", p.Phase,
			p.Virtual.Seconds(), p.Records, p.Virtual.Seconds()/max(1e-3, time.Since(start).Seconds()))
	}
}

// status is the exit status of a verdict.
func status(v checker.Verdict) int {
	if v.Outcome() == checker.Pass {
		return statusHold
	}
	return statusBroken
}

// commands are how to go on after a run: replay it, keep it, judge it again.
func (f *simulateFlags) commands(program string, seed uint64) []report.Command {
	args := []string{"-seed", strconv.FormatUint(seed, 10)}
	switch {
	case f.plan != "":
		args = []string{"-plan", f.plan}
	case f.scenario != "" && !f.seed.given && !f.seeds.given:
		args = []string{"-scenario", f.scenario}
	case f.scenario != "":
		args = append([]string{"-scenario", f.scenario}, args...)
	}
	if len(f.objects) > 0 {
		args = append(append(args, "-objects"), f.objects...)
	}
	replay := commandLine(program, append(args, f.worker.arguments()...))
	planFile, historyFile := fmt.Sprintf("seed-%d.json", seed), fmt.Sprintf("seed-%d.history", seed)
	commands := []report.Command{
		{Purpose: "replay", Line: replay},
		{Purpose: "keep", Line: replay + " -write-plan " + planFile + " -write-history " + historyFile},
	}
	if f.writeHistory != "" {
		historyFile = f.writeHistory
	}
	return append(commands, report.Command{Purpose: "judge again", Line: commandLine(program, []string{"check", historyFile})})
}

// commandLine joins arguments so that a shell takes them apart again.
func commandLine(program string, args []string) string {
	for _, arg := range args {
		program += " " + quoteArgument(arg)
	}
	return program
}

func quoteArgument(arg string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:,+@%"
	if arg != "" && strings.Trim(arg, plain) == "" {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
