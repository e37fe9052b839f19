package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// simulateFlags are the flags of the command without a name.
type simulateFlags struct {
	seed         seedFlag
	seeds        seedsFlag
	plan         string
	scenario     string
	mode         modeFlag
	objects      list
	writePlan    string
	writeHistory string
	cpuProfile   string
	memProfile   string
	worker       workerFlags
	json         bool
	all          bool
	failOn       failOn
}

// simulate draws or reads plans, runs them and judges their histories.
func (c *console) simulate(ctx context.Context, args []string) (int, error) {
	f, err := parseSimulate(args)
	if err != nil {
		return 0, err
	}
	if f.seeds.given {
		plans, err := c.family(f)
		if err != nil {
			return 0, err
		}
		return c.runMany(ctx, f, plans)
	}
	name, plan, err := c.plan(f)
	if err != nil {
		return 0, err
	}
	return c.runOne(ctx, f, name, plan)
}

// plan draws or reads the one plan that the flags name.
func (c *console) plan(f *simulateFlags) (name string, plan *fault.Plan, err error) {
	if f.plan != "" {
		if plan, err = fault.ReadFile(f.plan); err != nil {
			return "", nil, &usageError{err}
		}
		return f.plan, plan, nil
	}
	plans, err := c.family(f)
	if err != nil {
		return "", nil, err
	}
	if !f.seed.given { // a scenario as it is written
		return plans.Name(), plans.Plan, nil
	}
	if plan, err = plans.Member(f.seed.seed); err != nil {
		return "", nil, &usageError{err}
	}
	return plans.NameOf(f.seed.seed), plan, nil
}

// family returns the plans that the flags draw from.
func (c *console) family(f *simulateFlags) (*family.Family, error) {
	objects, err := c.loadObjects(f.objects)
	if err != nil {
		return nil, err
	}
	plans, err := family.New(f.scenario, string(f.mode), objects)
	if err != nil {
		return nil, &usageError{err}
	}
	return plans, nil
}

func parseSimulate(args []string) (*simulateFlags, error) {
	f := new(simulateFlags)
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.Var(&f.seed, "seed", "")
	set.Var(&f.seeds, "seeds", "")
	set.StringVar(&f.plan, "plan", "", "")
	set.StringVar(&f.scenario, "scenario", "", "")
	set.Var(&f.mode, "mode", "")
	set.Var(&f.objects, "objects", "")
	set.StringVar(&f.writePlan, "write-plan", "", "")
	set.StringVar(&f.writeHistory, "write-history", "", "")
	set.StringVar(&f.cpuProfile, "cpuprofile", "", "")
	set.StringVar(&f.memProfile, "memprofile", "", "")
	f.worker.add(set)
	set.BoolVar(&f.json, "json", false, "")
	set.BoolVar(&f.all, "v", false, "")
	set.Var(&f.failOn, "fail-on", "")
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
	case sources == 0 && f.scenario == family.Reference:
		return usageErrorf("-scenario %s needs -seed N or -seeds A-B: it has no plan of its own", family.Reference)
	case f.scenario != "" && f.plan != "":
		return usageErrorf("-scenario and -plan exclude each other")
	case f.scenario != "" && len(f.objects) > 0:
		return usageErrorf("-scenario and -objects exclude each other: a scenario starts from its own pods")
	case sources > 1:
		return usageErrorf("-seed, -seeds and -plan exclude each other")
	case f.plan != "" && len(f.objects) > 0:
		return usageErrorf("-plan and -objects exclude each other: a plan carries its objects")
	case f.plan != "" && f.mode != "":
		return usageErrorf("-plan and -mode exclude each other: a plan carries its mode")
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
		if err := files.Write(f.writePlan, plan.Encode()); err != nil {
			return 0, err
		}
	}
	if !f.json {
		if err := report.WritePlan(c.stdout, &report.Run{Name: name, Plan: plan}, c.style(f.all)); err != nil {
			return 0, err
		}
	}
	worker, err := c.worker(ctx, f.worker)
	if err != nil {
		return 0, err
	}
	limits := det.RunConfig{OnProgress: c.runProgress(), CPUProfile: f.cpuProfile, MemProfile: f.memProfile}
	runner := drive.Simulator{Worker: worker, Limits: limits}
	run, err := runner.Run(ctx, plan)
	c.progress.clear()
	if err != nil {
		return c.failed(f, plan, err)
	}
	if f.writeHistory != "" {
		if err := files.Write(f.writeHistory, run.File); err != nil {
			return 0, err
		}
	}
	run.Name = name
	if run.Code, err = drive.CodeOf(worker.Path); err != nil {
		c.notice(err.Error())
	}
	run.Commands = f.commands(c.name, run.Run)
	status := f.failOn.status(run.Verdict)
	if f.json {
		return status, run.WriteJSON(c.stdout, true)
	}
	return status, report.WriteVerdict(c.stdout, run.Run, c.style(f.all))
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

// failure keeps what is known of a failed run. A plan that the worker refuses is the
// user's to correct.
func (c *console) failure(plan *fault.Plan, err error) (report.Failure, error) {
	var failure *det.Failure
	if errors.As(err, &failure) && failure.Kind == det.Input {
		return report.Failure{}, usageErrorf("the worker refuses the plan: %s", failure.Message)
	}
	return drive.Keep(plan, err)
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
	switch v.Outcome() {
	case checker.Pass:
		return statusHold
	case checker.Mistake:
		return statusHarness
	}
	return statusBroken
}

// failOn says which broken properties have the exit status of a failure: any, or those
// that no known mechanism explains.
type failOn struct{ news bool }

func (f *failOn) String() string { return "" }
func (f *failOn) Set(value string) error {
	if value != "any" && value != "news" {
		return errors.New("want any or news")
	}
	f.news = value == "news"
	return nil
}

// status is the exit status of a verdict. What is undecided is never a pass.
func (f failOn) status(v checker.Verdict) int {
	if !f.news || v.Outcome() != checker.Fail {
		return status(v)
	}
	news := slices.ContainsFunc(report.Groups(v), func(g report.Group) bool { return g.News() })
	undecided := slices.ContainsFunc(v.Results, func(r checker.Result) bool { return r.Outcome == checker.Unknown })
	if news || undecided {
		return statusBroken
	}
	return statusHold
}

// source are the flags that name the plan of a run.
func (f *simulateFlags) arguments(seed uint64) []string {
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
	return slices.Concat(args, f.mode.arguments(), f.worker.arguments())
}

// commands are how to go on after a run: replay it; if it broke something, explain that
// and make the plan smaller; keep it, judge it again.
func (f *simulateFlags) commands(program string, run *report.Run) []report.Command {
	args := f.arguments(run.Plan.Seed)
	replay := commandLine(program, args)
	commands := []report.Command{{Purpose: "replay", Line: replay}}
	if run.Verdict.Outcome() == checker.Fail {
		commands = append(commands,
			report.Command{Purpose: "explain", Line: replay + " -v"},
			report.Command{Purpose: "shrink", Line: commandLine(program+" shrink", args)})
	}
	planFile, historyFile := fmt.Sprintf("seed-%d.json", run.Plan.Seed), fmt.Sprintf("seed-%d.history", run.Plan.Seed)
	commands = append(commands, report.Command{Purpose: "keep", Line: replay + " -write-plan " + planFile + " -write-history " + historyFile})
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

// An attempt is what came of one seed: a run, or an error.
type attempt struct {
	plan *fault.Plan
	run  *report.Run
	err  error
}

// runMany runs a range of seeds, as many at once as there are cores, and reports
// on all of them together. Only the summary is kept.
func (c *console) runMany(ctx context.Context, f *simulateFlags, plans *family.Family) (int, error) {
	if _, err := plans.Member(f.seeds.First); err != nil {
		return 0, &usageError{err} // of the objects, thus of every seed: say it before a build of minutes
	}
	worker, err := c.worker(ctx, f.worker)
	if err != nil {
		return 0, err
	}
	runner := drive.Simulator{Worker: worker}
	start := time.Now()
	summary := report.Summary{Seeds: f.seeds.Count(), Replay: func(seed uint64) string { return commandLine(c.name, f.arguments(seed)) }}
	if summary.Code, err = drive.CodeOf(worker.Path); err != nil {
		c.notice(err.Error())
	}
	stopped := drive.Each(ctx, f.seeds.All(), runtime.NumCPU(), func(ctx context.Context, seed uint64) (attempt, error) {
		return f.attempt(ctx, &runner, seed, plans), nil
	}, func(seed uint64, a attempt) error {
		err := c.count(f, &summary, seed, a)
		c.progress.show("%s %d of %d seeds, %d failing, %.1f seeds/s", bar(summary.Done(), summary.Seeds),
			summary.Done(), summary.Seeds, summary.Failing()+summary.Failed(), float64(summary.Done())/time.Since(start).Seconds())
		return err
	})
	c.progress.clear()
	summary.Elapsed = time.Since(start)
	if stopped != nil {
		summary.Note = "stopped before all seeds were run"
	}
	if err := c.writeSummary(f, &summary); err != nil {
		return 0, err
	}
	return f.failOn.summaryStatus(&summary), stopped
}

func (f *simulateFlags) attempt(ctx context.Context, runner *drive.Simulator, seed uint64, plans *family.Family) (a attempt) {
	if a.plan, a.err = plans.Member(seed); a.err != nil {
		return a
	}
	run, err := runner.Run(ctx, a.plan)
	if err != nil {
		a.err = err
		return a
	}
	a.run = run.Run
	a.run.Name = plans.NameOf(seed)
	if f.writePlan != "" {
		a.err = errors.Join(a.err, files.Write(filepath.Join(f.writePlan, fmt.Sprintf("seed-%d.json", seed)), a.plan.Encode()))
	}
	if f.writeHistory != "" {
		a.err = errors.Join(a.err, files.Write(filepath.Join(f.writeHistory, fmt.Sprintf("seed-%d.history", seed)), run.File))
	}
	return a
}

// count adds an attempt to the summary. Its error ends the campaign: it is not
// about one seed.
func (c *console) count(f *simulateFlags, summary *report.Summary, seed uint64, a attempt) error {
	if a.err != nil {
		failure, err := c.failure(a.plan, a.err)
		if err != nil {
			return err
		}
		summary.AddFailure(failure)
		if f.json {
			return failure.WriteJSON(c.stdout)
		}
		return nil
	}
	summary.Add(seed, a.run)
	if f.json {
		return a.run.WriteJSON(c.stdout, false)
	}
	return nil
}

func (c *console) writeSummary(f *simulateFlags, summary *report.Summary) error {
	if f.json {
		return summary.WriteJSON(c.stdout)
	}
	return summary.WriteText(c.stdout, c.style(f.all))
}

// summaryStatus is the exit status of a campaign: a failure of the harness comes
// first, since it hides what the seeds would have shown.
func (f failOn) summaryStatus(s *report.Summary) int {
	switch {
	case s.Failed() > 0:
		return statusHarness
	case f.news && s.News()+s.Unsure() > 0, !f.news && s.Failing()+s.Undecided() > 0:
		return statusBroken
	}
	return statusHold
}
