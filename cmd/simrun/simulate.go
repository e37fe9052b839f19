package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/histories"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/known"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/page"
	"github.com/meshcheck/meshcheck/sim/det"
)

const simulateHelp = `
simrun runs Cilium's control plane in a simulated world and judges what its
agents saw. A seed fixes everything: topology, workload, faults, and each step
of the execution.

  simrun -seed 1                 draw a plan from a seed, run it, judge it
  simrun -seeds 0-999            many seeds, as many at once as there are cores
  simrun -plan FILE              run a plan that was drawn before, or edited
  simrun -scenario NAME          run a scenario of the proposal; with -seed or
                                 -seeds, members of its family
  simrun -mode crd -seed 1       the same, where agents read the kube-apiserver

  simrun check HISTORY...        judge histories again
  simrun report VERDICT...       print verdicts that check has written
  simrun verify -seeds 0-99      run each seed twice and compare
  simrun matrix                  the modes side by side: what each keeps, and its cost
  simrun load -scenario proposal
                                 the load of the proposal, and whether its claims hold
  simrun compare -cilium DIR     what a branch of Cilium breaks that go.mod's does not
  simrun campaign -for 10m       search seeds, and keep each distinct finding
  simrun shrink -seed 1          the smallest plan that breaks the same property
  simrun planted                 known bugs, and which properties catch them
  simrun repairs                 edits of Cilium that take the findings away
  simrun judge -seed 1           is what a run breaks known? measured with repairs
  simrun faults                  what a plan's faults, triggers and scenarios are
  simrun properties              what a run is judged by, and what findings look like
  simrun model -all              every interleaving of an abstract mesh
  simrun validate HISTORY...     is a run one that the abstract mesh allows?
  simrun build-worker -o FILE    build the worker for a machine without Go
  simrun version                 which program this is, with which worker
  simrun help COMMAND            more on a command

Flags:

Examples:
  simrun -seed 7 -write-plan seven.json -write-history seven.history
  simrun -plan testdata/plans/failover-ip-reuse.json
  simrun -mode crd -seeds 0-99
  kubectl get ciliumidentities,ciliumendpoints,ciliumendpointslices,ciliumnodes,namespaces,pods -A -o yaml > cluster.yaml
  simrun -seed 1 -objects cluster.yaml

Exit status:
  0    every property holds that applies to the mode
  1    a property is broken (with -fail-on news: in a way that is not known), or the
       code under test panicked; or one could not be decided, or none was judged,
       which is not a pass
  2    bad flags or bad input
  3    the harness failed: the worker could not be built, crashed, hung or grew
       too large, and the plan is kept and its place printed; or meshcheck was
       wrong in judging a history, which says nothing about Cilium
  130  interrupted; what was done until then is printed
With several seeds, 3 comes before 1.
`

// simulate is the command without a name: it draws or reads plans, runs them and judges
// their histories.
type simulate struct {
	runs.Source
	seeds        runs.Seeds
	writePlan    string
	writeHistory string
	html         string
	metrics      string
	cpuProfile   string
	memProfile   string
	log          string
	json         bool
	all          bool
	failOn       failOn
	judge        bool
	judging      runs.Judging
}

func (s *simulate) Flags(f *console.Flags) {
	f.Add(&s.seeds, "seeds A-B", "all seeds from A to B")
	s.Source.Add(f)
	f.Add(&s.writePlan, "write-plan FILE", "write the plan; with -seeds, a directory for all of them")
	f.Add(&s.writeHistory, "write-history FILE", "write the history; with -seeds, a directory for all of them")
	f.Add(&s.html, "html FILE", "write a page to look at the run in a browser, or with -seeds at all of them; it needs no network")
	f.Add(&s.metrics, "metrics FILE", output.MetricsUsage+"; it is of one run")
	f.Add(&s.cpuProfile, "cpuprofile FILE", "write where the worker's CPU went, for go tool pprof")
	f.Add(&s.memProfile, "memprofile FILE", "write where the worker allocated memory; both are for one run, and such a run may have another trace than without them")
	f.Add(&s.log, "log FILE", "write the log of the code under test, by virtual time and host; it is of one run, which may have another trace than without it: the history of such a run says what happened in it")
	f.JSON(&s.json)
	f.Add(&s.all, "v", "show every property with its evidence, every violation and every seed; else what matters first")
	f.Add(&s.judge, "judge", "measure of what is broken whether it is known, with repairs of Cilium's source; simrun help judge tells how. With -seeds, each distinct finding is followed once")
	s.judging.Add(f)
	f.Add(&s.failOn, "fail-on WHICH", "which broken properties have exit status 1: any (the default), or news, what no repair takes away, be it that none is written yet, which is measured as with -judge. The default is any, since a promise that is broken in a known way is broken; to ask what a branch breaks, use compare")
}

func (s *simulate) Run(ctx context.Context, c *console.Console) (int, error) {
	if s.seeds.Given {
		return s.runMany(ctx, c)
	}
	return s.runOne(ctx, c)
}

func (s *simulate) Check() error {
	switch {
	case !s.Seed.Given && !s.seeds.Given && s.Plan == "" && s.Scenario == "":
		return console.Usagef("what shall be run? Give -seed N, -seeds A-B, -plan FILE or -scenario NAME; simrun help shows examples")
	case s.seeds.Given && (s.cpuProfile != "" || s.memProfile != "" || s.log != ""):
		return console.Usagef("-cpuprofile, -memprofile and -log are of one run: give -seed N in place of -seeds")
	case s.seeds.Given && s.metrics != "":
		return console.Usagef("-metrics is of one run: give -seed N in place of -seeds")
	case s.judges() && (s.cpuProfile != "" || s.memProfile != "" || s.log != ""):
		return console.Usagef("-cpuprofile, -memprofile and -log can change a run: judge it without them")
	case s.judging.Repaired != "" && !s.judges():
		return console.Usagef("-repaired is of -judge and -fail-on news")
	}
	return cmp.Or(
		s.Source.Check(s.seeds.Given),
		output.Check(s.Inputs(),
			output.To("write-plan", s.writePlan, output.Plan, s.seeds.Given),
			output.To("write-history", s.writeHistory, output.History, s.seeds.Given),
			output.To("html", s.html, output.Page, false),
			output.To("metrics", s.metrics, output.Metrics, false),
			output.To("cpuprofile", s.cpuProfile, output.Profile, false),
			output.To("memprofile", s.memProfile, output.Profile, false),
			output.To("log", s.log, output.Log, false)),
	)
}

// judges tells whether it is measured what is known.
func (s *simulate) judges() bool { return s.judge || s.failOn.news }

// runOne runs one plan and reports on it.
func (s *simulate) runOne(ctx context.Context, c *console.Console) (int, error) {
	name, plan, err := s.Read(c)
	if err != nil {
		return 0, err
	}
	if err := output.Write("write-plan", s.writePlan, plan.Encode()); err != nil {
		return 0, err
	}
	if err := report.WritePlan(c.Text(s.json), &report.Run{Name: name, Plan: plan}, c.Style(s.all)); err != nil {
		return 0, err
	}
	judge, runner, err := s.runner(ctx, c, plan)
	if err != nil {
		return 0, err
	}
	if err := runner.Affords(plan); err != nil {
		return 0, err
	}
	if cost := drive.CostOf(plan); cost.Wall > time.Minute {
		c.Notice(fmt.Sprintf("this is a large plan: it will write about %s, which takes some %s and %d MiB of memory",
			text.Count(cost.Records/1000*1000, "record"), cost.Wall.Round(time.Minute), cost.Memory>>20))
	}
	runner.Limits.OnProgress, runner.Limits.CPUProfile, runner.Limits.MemProfile = runs.Progress(c, plan), s.cpuProfile, s.memProfile
	running, log := ctx, (*output.LogFile)(nil)
	if s.log != "" {
		if running, log, err = output.OpenLog(ctx, "log", s.log); err != nil {
			return 0, err
		}
		runner.Limits.Log = log
	}
	run, err := runner.Run(running, plan)
	if unwritten := log.Close(); unwritten != nil {
		return 0, unwritten
	}
	if err != nil {
		return s.failed(ctx, c, judge, plan, err)
	}
	if err := cmp.Or(output.Write("write-history", s.writeHistory, run.File), output.WriteMetrics(s.metrics, run.File, run.Said)); err != nil {
		return 0, err
	}
	run.Name = name
	run.Code = runs.Code(ctx, c, runner, plan)
	run.Commands = s.commands(c.Name, run.Run)
	run.Logged = s.log != ""
	if s.writeHistory != "" {
		run.Explain = histories.Explainer(c, s.writeHistory)
	}
	if err := runs.WritePage(s.html, run); err != nil {
		return 0, err
	}
	if s.json {
		err = run.WriteJSON(c.Stdout, true)
	} else {
		err = report.WriteVerdict(c.Stdout, run.Run, c.Style(s.all))
	}
	if err != nil || judge == nil {
		return console.StatusOf(run.Verdict), err
	}
	all, err := s.measure(ctx, c, judge, plan, run, nil)
	return s.failOn.status(run.Verdict, all), err
}

// runner returns what runs a plan, and those of other seeds, and, if that is asked for, what
// measures what is known.
func (s *simulate) runner(ctx context.Context, c *console.Console, plan *fault.Plan) (*known.Judge, *drive.Simulator, error) {
	if s.judges() {
		s.judging.Whole = plan.HasWhole()
		return runs.Judge(ctx, c, s.Worker, s.Limits, s.judging, runtime.NumCPU())
	}
	runner, err := runs.Simulator(ctx, c, s.Worker, s.Limits)
	return nil, runner, err
}

// measure measures what is known of what a run broke, and writes it.
func (s *simulate) measure(ctx context.Context, c *console.Console, j *known.Judge, plan *fault.Plan, run *drive.Judged, failed error) ([]report.Judged, error) {
	if _, err := j.Keep(ctx, plan, run, failed); err != nil {
		return nil, err
	}
	all, err := j.Plan(ctx, plan)
	if err == nil {
		err = writeJudged(c, s.json, all)
	}
	return all, err
}

// failed reports a run that gave no verdict. If it was ended by a panic of the code under
// test, that is what it has found.
func (s *simulate) failed(ctx context.Context, c *console.Console, judge *known.Judge, plan *fault.Plan, err error) (int, error) {
	ran := err
	var failure *det.Failure
	if !errors.As(err, &failure) || failure.Kind != det.Crash || drive.PanicOf(failure.Output) == nil {
		return runs.Failed(c, s.json, plan, err)
	}
	kept, err := runs.Failure(c, plan, err)
	if err != nil {
		return 0, err
	}
	if s.json {
		err = kept.WriteJSON(c.Stdout)
	} else {
		err = kept.WritePanic(c.Stdout, c.Style(s.all), []report.Command{
			{Purpose: "replay", Line: console.CommandLine(c.Name, s.oneRun(plan.Seed)...)},
		})
	}
	if err != nil || judge == nil {
		return console.StatusBroken, err
	}
	all, err := s.measure(ctx, c, judge, plan, nil, ran)
	if s.failOn.news {
		return standingStatus(all), err
	}
	return console.StatusBroken, err
}

// commands are how to go on after a run: replay it; if it broke something, explain that
// and make the plan smaller; keep it, judge it again.
func (s *simulate) commands(program string, run *report.Run) []report.Command {
	args := s.Arguments(run.Plan.Seed)
	replay := console.CommandLine(program, s.oneRun(run.Plan.Seed)...)
	commands := []report.Command{{Purpose: "replay", Line: replay}}
	if run.Verdict.Outcome() == checker.Fail {
		commands = append(commands,
			report.Command{Purpose: "explain", Line: s.explainCommand(program, replay, run)},
			report.Command{Purpose: "shrink", Line: console.CommandLine(program+" shrink", args...)})
	}
	var keep []string
	name := s.fileName(run.Plan.Seed)
	if s.writePlan == "" && s.Plan == "" {
		keep = append(keep, "-write-plan", name+".json")
	}
	if s.writeHistory == "" {
		keep = append(keep, "-write-history", name+".history")
	}
	if len(keep) > 0 {
		commands = append(commands, report.Command{Purpose: "keep", Line: console.CommandLine(replay, keep...)})
	}
	if s.writeHistory != "" {
		commands = append(commands, report.Command{Purpose: "judge again", Line: console.CommandLine(program, "check", s.writeHistory)})
	}
	return commands
}

// oneRun are the flags that give the same run again: a log can change its trace.
func (s *simulate) oneRun(seed uint64) []string {
	if args := s.Arguments(seed); s.log == "" {
		return args
	} else {
		return append(args, "-log", s.log)
	}
}

// fileName names the files of a run after what it is of.
func (s *simulate) fileName(seed uint64) string {
	if s.Plan != "" {
		return strings.TrimSuffix(filepath.Base(s.Plan), ".json")
	}
	var parts []string
	if s.Scenario != "" {
		parts = append(parts, s.Scenario)
	}
	if s.Seed.Given {
		parts = append(parts, fmt.Sprintf("seed-%d", seed))
	}
	return strings.Join(parts, "-")
}

// runMany runs a range of seeds and reports on all of them together. Only the summary is
// kept.
func (s *simulate) runMany(ctx context.Context, c *console.Console) (int, error) {
	plans, err := runs.SeedPlans(c, &s.Family, s.seeds.Seeds)
	if err != nil {
		return 0, err
	}
	first, err := plans.Member(s.seeds.First)
	if err != nil {
		return 0, err
	}
	judge, runner, err := s.runner(ctx, c, first)
	if err != nil {
		return 0, err
	}
	run := runner.Run
	var many *known.Many
	if judge != nil {
		many = &known.Many{Judge: judge}
		run = many.Runner(runner).Run
	}
	start := time.Now()
	var done []uint64
	var pages page.Campaign
	summary := report.Summary{
		Seeds: s.seeds.Count(), Code: runs.Code(ctx, c, runner, first),
		Replay: func(seed uint64) string { return console.CommandLine(c.Name, s.ofSeed(seed)...) },
	}
	show := func() {
		c.Progress.Show("%s %d of %d seeds, %d failing, %.1f seeds/s", console.Bar(summary.Done(), summary.Seeds),
			summary.Done(), summary.Seeds, summary.Failing()+summary.Failed(), float64(summary.Done())/time.Since(start).Seconds())
	}
	stopped := runs.Each(ctx, c, s.seeds.Seeds, plans, func(ctx context.Context, seed uint64, plan *fault.Plan) (*report.Run, error) {
		judged, err := run(ctx, plan)
		if err != nil {
			return nil, err
		}
		judged.Name = plans.NameOf(seed)
		return judged.Run, s.write(seed, plan, judged.File)
	}, func(seed uint64, run *report.Run) (err error) {
		summary.Add(seed, run)
		pages.Add(seed, run)
		done = append(done, seed)
		if s.json {
			err = run.WriteJSON(c.Stdout, false)
		}
		show()
		return err
	}, func(failure report.Failure) (err error) {
		summary.AddFailure(failure)
		pages.AddFailure(failure)
		done = append(done, failure.Seed)
		if s.json {
			err = failure.WriteJSON(c.Stdout)
		}
		show()
		return err
	})
	if stopped == nil && many != nil {
		summary.Measured = true
		if summary.Judged, err = many.Judged(ctx); err != nil {
			return 0, err
		}
	}
	summary.Elapsed = time.Since(start)
	if stopped != nil {
		summary.Note = "stopped before all seeds were run" + s.rest(c.Name, done)
	}
	if err := cmp.Or(runs.WriteCampaign(s.html, plans.Name()+" seeds "+s.seeds.String(), &pages, &summary), s.writeSummary(c, &summary)); err != nil {
		return 0, err
	}
	return s.failOn.summaryStatus(&summary), stopped
}

// ofSeed are the flags that name the run of one of the seeds.
func (s *simulate) ofSeed(seed uint64) []string {
	one := s.Source
	one.Seed.Given = true
	return one.Arguments(seed)
}

// rest says which seeds of a range that was stopped are done, and how to go on. Several
// run at once, so that some above the first that is not done may be.
func (s *simulate) rest(program string, done []uint64) string {
	slices.Sort(done)
	next := s.seeds.First
	var ranges []string
	for i := 0; i < len(done); {
		first, last := done[i], done[i]
		for i++; i < len(done) && done[i] == last+1; i++ {
			last++
		}
		if first == next {
			next = last + 1
		}
		ranges = append(ranges, (&runs.Seeds{Seeds: drive.Seeds{First: first, Last: last}}).String())
	}
	said := "none is done"
	if len(ranges) > 0 {
		said = "done are " + strings.Join(ranges, ", ")
	}
	if next > s.seeds.Last { // all are: what stopped it came after them
		return ": " + said
	}
	args := s.ofSeed(next)
	args[slices.Index(args, "-seed")] = "-seeds"
	args[slices.Index(args, "-seeds")+1] = fmt.Sprintf("%d-%d", next, s.seeds.Last)
	return fmt.Sprintf(": %s; to go on: %s", said, console.CommandLine(program, args...))
}

// write writes the files of a seed that are asked for.
func (s *simulate) write(seed uint64, plan *fault.Plan, history []byte) error {
	in := func(dir, form string) string {
		if dir == "" {
			return ""
		}
		return filepath.Join(dir, fmt.Sprintf(form, seed))
	}
	return cmp.Or(output.WriteForm("write-plan", in(s.writePlan, "seed-%d.json"), output.Plan, plan.Encode()),
		output.WriteForm("write-history", in(s.writeHistory, "seed-%d.history"), output.History, history))
}

func (s *simulate) writeSummary(c *console.Console, summary *report.Summary) error {
	if s.json {
		return summary.WriteJSON(c.Stdout)
	}
	return summary.WriteText(c.Stdout, c.Style(s.all))
}

// explainCommand keeps the history, if it is not, and explains the violation that came first.
func (s *simulate) explainCommand(program, replay string, run *report.Run) string {
	number := strconv.Itoa(report.Groups(run.Verdict)[0].Number)
	if s.writeHistory != "" {
		return console.CommandLine(program, "explain", s.writeHistory, "-violation", number)
	}
	name := s.fileName(run.Plan.Seed) + ".history"
	return console.CommandLine(replay, "-write-history", name) + "; " + console.CommandLine(program, "explain", name, "-violation", number)
}
