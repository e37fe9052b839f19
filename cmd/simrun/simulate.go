package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/fault/objects"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/known"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/page"
	"github.com/meshcheck/meshcheck/sim/det"
)

// familyFlags say what plans of seeds are drawn from.
type familyFlags struct {
	scenario string
	mode     modeFlag
	objects  list
	leaveOut bool
	// clusterID is that of the objects; zero: as the numbers of their identities say
	clusterID int
}

func (p *familyFlags) add(f *flags) {
	f.add(&p.scenario, "scenario NAME", "a scenario, or with seeds the members of its family; simrun faults lists them")
	f.add(&p.mode, "mode MODE", "how the agents of a drawn plan read: clustermesh (the default), the etcds of replicas, crd, the kube-apiserver, or kvstore, an etcd that they share and write; a seed has the same workload in each")
	f.add(&p.objects, "objects FILE...", "start from these Kubernetes objects (YAML or JSON, from kubectl get ... -o yaml; - is standard input) in place of drawn pods and nodes")
	f.add(&p.leaveOut, "leave-out", "leave objects of other kinds out of -objects, with a count, in place of refusing them")
	f.add(&p.clusterID, "cluster-id N", "the cluster ID of -objects; needed above 255 (maxConnectedClusters: 511), where the number of an identity alone does not tell it")
}

// family returns the plans that the flags draw from.
func (c *console) family(p *familyFlags) (*family.Family, error) {
	switch {
	case p.clusterID < 0 || p.clusterID > fault.MostClusters:
		return nil, usageErrorf("-cluster-id %d: ClusterMesh takes 1 to %d", p.clusterID, fault.MostClusters)
	case p.clusterID != 0 && len(p.objects) == 0:
		return nil, usageErrorf("-cluster-id is that of -objects, and there are none")
	}
	cfg := draw.Config{Mode: string(p.mode)}
	if len(p.objects) > 0 {
		loaded, summary, err := objects.Load(objects.Config{LeaveOut: p.leaveOut, ClusterID: p.clusterID}, p.objects...)
		if err != nil {
			return nil, &usageError{err}
		}
		cfg.Objects, cfg.ClusterID = loaded, summary.ClusterID
		c.places = summary.Places
		for _, line := range summary.Lines() {
			fmt.Fprintf(c.stderr, "objects: %s\n", line)
		}
		for _, line := range summary.Missing() {
			fmt.Fprintf(c.stderr, "note  %s\n", line)
		}
	}
	plans, err := family.New(p.scenario, cfg)
	if err != nil {
		return nil, &usageError{err}
	}
	return plans, nil
}

// sourceFlags name one plan, and the worker that runs it.
type sourceFlags struct {
	seed seedFlag
	plan string
	familyFlags
	worker workerFlags
	limits limitFlags
}

func (s *sourceFlags) add(f *flags) {
	f.add(&s.seed, "seed N", "the seed, from 0 to 18446744073709551615")
	f.add(&s.plan, "plan FILE", "the plan, drawn before or edited; docs/plan.md describes it")
	s.familyFlags.add(f)
	s.worker.add(f)
	s.limits.add(f)
}

// check refuses what does not fit together. Seeds tells whether there is a range of seeds, too.
func (s *sourceFlags) check(seeds bool) error {
	switch {
	case seeds && (s.seed.given || s.plan != ""):
		return usageErrorf("-seed, -seeds and -plan exclude each other")
	case s.seed.given && s.plan != "":
		return usageErrorf("-seed and -plan exclude each other")
	case !s.seed.given && !seeds && s.scenario == family.Reference:
		return usageErrorf("-scenario %s needs -seed N or -seeds A-B: it has no plan of its own", family.Reference)
	case s.scenario != "" && s.plan != "":
		return usageErrorf("-scenario and -plan exclude each other")
	case s.scenario != "" && len(s.objects) > 0:
		return usageErrorf("-scenario and -objects exclude each other: a scenario starts from its own pods; write a plan with -seed N -objects FILE -write-plan plan.json, put the faults of the scenario's plan (-scenario %s -write-plan scenario.json) into it, and run it with -plan plan.json", s.scenario)
	case s.plan != "" && len(s.objects) > 0:
		return usageErrorf("-plan and -objects exclude each other: a plan carries its objects")
	case s.plan != "" && s.clusterID != 0:
		return usageErrorf("-plan and -cluster-id exclude each other: a plan carries its cluster ID")
	case s.plan != "" && s.mode != "":
		return usageErrorf("-plan and -mode exclude each other: a plan carries its mode")
	}
	return cmp.Or(s.worker.check(), s.limits.check())
}

// inputs are the files that a run is made of.
func (s *sourceFlags) inputs() []string { return append([]string{s.plan, s.worker.path}, s.objects...) }

// read draws or reads the plan that the flags name.
func (s *sourceFlags) read(c *console) (name string, plan *fault.Plan, err error) {
	if s.plan != "" {
		if plan, err = fault.ReadFile(s.plan); err != nil {
			return "", nil, &usageError{err}
		}
		return s.plan, plan, nil
	}
	plans, err := c.family(&s.familyFlags)
	if err != nil {
		return "", nil, err
	}
	if !s.seed.given { // a scenario as it is written
		return plans.Name(), plans.Plan, nil
	}
	if plan, err = plans.Member(s.seed.seed); err != nil {
		return "", nil, &usageError{err}
	}
	return plans.NameOf(s.seed.seed), plan, nil
}

// simulate is the command without a name: it draws or reads plans, runs them and judges
// their histories.
type simulate struct {
	sourceFlags
	seeds        seedsFlag
	writePlan    string
	writeHistory string
	html         string
	cpuProfile   string
	memProfile   string
	log          string
	json         bool
	all          bool
	failOn       failOn
	judge        bool
	judging      judging
}

func (s *simulate) flags(f *flags) {
	f.add(&s.seeds, "seeds A-B", "all seeds from A to B")
	s.sourceFlags.add(f)
	f.add(&s.writePlan, "write-plan FILE", "write the plan; with -seeds, a directory for all of them")
	f.add(&s.writeHistory, "write-history FILE", "write the history; with -seeds, a directory for all of them")
	f.add(&s.html, "html FILE", "write a page to look at the run in a browser, or with -seeds at all of them; it needs no network")
	f.add(&s.cpuProfile, "cpuprofile FILE", "write where the worker's CPU went, for go tool pprof")
	f.add(&s.memProfile, "memprofile FILE", "write where the worker allocated memory; both are for one run, and such a run may have another trace than without them")
	f.add(&s.log, "log FILE", "write the log of the code under test, by virtual time and host; it is of one run, which may have another trace than without it: the history of such a run says what happened in it")
	f.json(&s.json)
	f.add(&s.all, "v", "show every property with its evidence, every violation and every seed; else what matters first")
	f.add(&s.judge, "judge", "measure of what is broken whether it is known, with repairs of Cilium's source; simrun help judge tells how. With -seeds, each distinct finding is followed once")
	s.judging.add(f)
	f.add(&s.failOn, "fail-on WHICH", "which broken properties have exit status 1: any (the default), or news, what no repair takes away, which is measured as with -judge. The default is any, since a promise that is broken in a known way is broken; to ask what a branch breaks, use compare")
}

func (s *simulate) run(ctx context.Context, c *console) (int, error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	if s.seeds.given {
		return s.runMany(ctx, c)
	}
	return s.runOne(ctx, c)
}

func (s *simulate) check() error {
	switch {
	case !s.seed.given && !s.seeds.given && s.plan == "" && s.scenario == "":
		return usageErrorf("what shall be run? Give -seed N, -seeds A-B, -plan FILE or -scenario NAME; simrun help shows examples")
	case s.seeds.given && (s.cpuProfile != "" || s.memProfile != "" || s.log != ""):
		return usageErrorf("-cpuprofile, -memprofile and -log are of one run: give -seed N in place of -seeds")
	case s.judges() && (s.cpuProfile != "" || s.memProfile != "" || s.log != ""):
		return usageErrorf("-cpuprofile, -memprofile and -log can change a run: judge it without them")
	case s.judging.repaired != "" && !s.judges():
		return usageErrorf("-repaired is of -judge and -fail-on news")
	}
	return cmp.Or(
		s.sourceFlags.check(s.seeds.given),
		checkOutputs(s.inputs(),
			output{"write-plan", s.writePlan, planForm, s.seeds.given},
			output{"write-history", s.writeHistory, historyForm, s.seeds.given},
			output{"html", s.html, pageForm, false},
			output{"cpuprofile", s.cpuProfile, profileForm, false},
			output{"memprofile", s.memProfile, profileForm, false},
			output{"log", s.log, logForm, false}),
	)
}

// judges tells whether it is measured what is known.
func (s *simulate) judges() bool { return s.judge || s.failOn.news }

// runOne runs one plan and reports on it.
func (s *simulate) runOne(ctx context.Context, c *console) (int, error) {
	name, plan, err := s.read(c)
	if err != nil {
		return 0, err
	}
	if err := writeTarget("write-plan", s.writePlan, plan.Encode()); err != nil {
		return 0, err
	}
	if err := report.WritePlan(c.text(s.json), &report.Run{Name: name, Plan: plan}, c.style(s.all)); err != nil {
		return 0, err
	}
	judge, runner, err := s.runner(ctx, c)
	if err != nil {
		return 0, err
	}
	if err := runner.Affords(plan); err != nil {
		return 0, err
	}
	if cost := drive.CostOf(plan); cost.Wall > time.Minute {
		c.notice(fmt.Sprintf("this is a large plan: it will write about %s, which takes some %s and %d MiB of memory",
			text.Count(cost.Records/1000*1000, "record"), cost.Wall.Round(time.Minute), cost.Memory>>20))
	}
	runner.Limits.OnProgress, runner.Limits.CPUProfile, runner.Limits.MemProfile = c.runProgress(plan), s.cpuProfile, s.memProfile
	var log logFile
	if s.log != "" {
		if log.File, err = os.Create(s.log); err != nil {
			return 0, usageErrorf("-log %s: cannot write it: %w", s.log, files.Plain(err))
		}
		defer log.Close()
		ctx, log.stop = context.WithCancel(ctx)
		defer log.stop()
		runner.Limits.Log = &log
	}
	run, err := runner.Run(ctx, plan)
	if log.failed != nil {
		return 0, usageErrorf("-log %s: cannot write it: %w", s.log, files.Plain(log.failed))
	}
	if err != nil {
		return s.failed(ctx, c, judge, plan, err)
	}
	if err := writeTarget("write-history", s.writeHistory, run.File); err != nil {
		return 0, err
	}
	run.Name = name
	run.Code = c.code(runner)
	run.Commands = s.commands(c.name, run.Run)
	run.Logged = s.log != ""
	if s.writeHistory != "" {
		run.Explain = c.explainer(s.writeHistory)
	}
	if err := writePage(s.html, run); err != nil {
		return 0, err
	}
	if s.json {
		err = run.WriteJSON(c.stdout, true)
	} else {
		err = report.WriteVerdict(c.stdout, run.Run, c.style(s.all))
	}
	if err != nil || judge == nil {
		return status(run.Verdict), err
	}
	all, err := s.measure(ctx, c, judge, plan, run, nil)
	return s.failOn.status(run.Verdict, all), err
}

// runner returns what runs plans and, if that is asked for, what measures what is known.
func (s *simulate) runner(ctx context.Context, c *console) (*known.Judge, *drive.Simulator, error) {
	if s.judges() {
		return c.judge(ctx, s.worker, s.limits, s.judging, runtime.NumCPU())
	}
	runner, err := c.simulator(ctx, s.worker, s.limits)
	return nil, runner, err
}

// measure measures what is known of what a run broke, and writes it.
func (s *simulate) measure(ctx context.Context, c *console, j *known.Judge, plan *fault.Plan, run *drive.Judged, failed error) ([]report.Judged, error) {
	if _, err := j.Kept.Keep(ctx, j.Without, plan, run, failed); err != nil {
		return nil, err
	}
	all, err := j.Plan(ctx, plan)
	if err == nil {
		err = c.writeJudged(s.json, all)
	}
	return all, err
}

// failed reports a run that gave no verdict. If it was ended by a panic of the code under
// test, that is what it has found.
func (s *simulate) failed(ctx context.Context, c *console, judge *known.Judge, plan *fault.Plan, err error) (int, error) {
	ran := err
	var failure *det.Failure
	if !errors.As(err, &failure) || failure.Kind != det.Crash || drive.PanicOf(failure.Output) == nil {
		return c.failed(s.json, plan, err)
	}
	kept, err := c.failure(plan, err)
	if err != nil {
		return 0, err
	}
	if s.json {
		err = kept.WriteJSON(c.stdout)
	} else {
		err = kept.WritePanic(c.stdout, c.style(s.all), []report.Command{
			{Purpose: "replay", Line: commandLine(c.name, s.oneRun(plan.Seed)...)},
		})
	}
	if err != nil || judge == nil {
		return statusBroken, err
	}
	all, err := s.measure(ctx, c, judge, plan, nil, ran)
	if s.failOn.news {
		return standingStatus(all), err
	}
	return statusBroken, err
}

// failed reports a run that gave no history to judge.
func (c *console) failed(asJSON bool, plan *fault.Plan, err error) (int, error) {
	failure, err := c.failure(plan, err)
	if err != nil {
		return 0, err
	}
	if asJSON {
		if err := failure.WriteJSON(c.stdout); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("the run failed (%s): %s; its plan and output are kept in %s, and %s runs it again",
		failure.Kind, failure.Message, failure.Kept, commandLine(c.name, "-plan", filepath.Join(failure.Kept, "plan.json")))
}

// failure keeps what is known of a failed run. A plan that the worker refuses is the
// user's to correct.
func (c *console) failure(plan *fault.Plan, err error) (report.Failure, error) {
	var failure *det.Failure
	if errors.As(err, &failure) && failure.Kind == det.Input {
		return report.Failure{}, c.refusal(failure)
	}
	return drive.Keep(plan, err)
}

// placeOf finds where a worker's refusal names an object of a plan.
var placeOf = regexp.MustCompile(`objects\[(\d+)\]`)

// refusal is the error of a plan that the worker refuses. Objects that came from files are
// named by their places there.
func (c *console) refusal(failure *det.Failure) error {
	message := placeOf.ReplaceAllStringFunc(failure.Message, func(path string) string {
		if i, err := strconv.Atoi(placeOf.FindStringSubmatch(path)[1]); err == nil && i < len(c.places) {
			return c.places[i]
		}
		return path
	})
	return usageErrorf("the worker refuses the plan: %s", message)
}

// arguments are the flags that name the plan of a run.
func (s *simulate) arguments(seed uint64) (args []string) {
	if s.scenario != "" {
		args = []string{"-scenario", s.scenario}
	}
	switch {
	case s.plan != "":
		args = []string{"-plan", s.plan}
	case s.seed.given || s.seeds.given:
		args = append(args, "-seed", strconv.FormatUint(seed, 10))
	}
	if len(s.objects) > 0 {
		args = append(append(args, "-objects"), s.objects...)
		if s.leaveOut {
			args = append(args, "-leave-out")
		}
		if s.clusterID != 0 {
			args = append(args, "-cluster-id", strconv.Itoa(s.clusterID))
		}
	}
	return slices.Concat(args, s.mode.arguments(), s.worker.arguments())
}

// commands are how to go on after a run: replay it; if it broke something, explain that
// and make the plan smaller; keep it, judge it again.
func (s *simulate) commands(program string, run *report.Run) []report.Command {
	args := s.arguments(run.Plan.Seed)
	replay := commandLine(program, s.oneRun(run.Plan.Seed)...)
	commands := []report.Command{{Purpose: "replay", Line: replay}}
	if run.Verdict.Outcome() == checker.Fail {
		commands = append(commands,
			report.Command{Purpose: "explain", Line: s.explainCommand(program, replay, run)},
			report.Command{Purpose: "shrink", Line: commandLine(program+" shrink", args...)})
	}
	var keep []string
	name := s.fileName(run.Plan.Seed)
	if s.writePlan == "" && s.plan == "" {
		keep = append(keep, "-write-plan", name+".json")
	}
	if s.writeHistory == "" {
		keep = append(keep, "-write-history", name+".history")
	}
	if len(keep) > 0 {
		commands = append(commands, report.Command{Purpose: "keep", Line: commandLine(replay, keep...)})
	}
	if s.writeHistory != "" {
		commands = append(commands, report.Command{Purpose: "judge again", Line: commandLine(program, "check", s.writeHistory)})
	}
	return commands
}

// oneRun are the flags that give the same run again: a log can change its trace.
func (s *simulate) oneRun(seed uint64) []string {
	if args := s.arguments(seed); s.log == "" {
		return args
	} else {
		return append(args, "-log", s.log)
	}
}

// fileName names the files of a run after what it is of.
func (s *simulate) fileName(seed uint64) string {
	if s.plan != "" {
		return strings.TrimSuffix(filepath.Base(s.plan), ".json")
	}
	var parts []string
	if s.scenario != "" {
		parts = append(parts, s.scenario)
	}
	if s.seed.given {
		parts = append(parts, fmt.Sprintf("seed-%d", seed))
	}
	return strings.Join(parts, "-")
}

// runMany runs a range of seeds and reports on all of them together. Only the summary is
// kept.
func (s *simulate) runMany(ctx context.Context, c *console) (int, error) {
	plans, err := c.seedPlans(&s.familyFlags, s.seeds.Seeds)
	if err != nil {
		return 0, err
	}
	judge, runner, err := s.runner(ctx, c)
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
		Seeds: s.seeds.Count(), Code: c.code(runner),
		Replay: func(seed uint64) string { return commandLine(c.name, s.arguments(seed)...) },
	}
	show := func() {
		c.progress.show("%s %d of %d seeds, %d failing, %.1f seeds/s", bar(summary.Done(), summary.Seeds),
			summary.Done(), summary.Seeds, summary.Failing()+summary.Failed(), float64(summary.Done())/time.Since(start).Seconds())
	}
	stopped := eachSeed(ctx, c, s.seeds.Seeds, plans, func(ctx context.Context, seed uint64, plan *fault.Plan) (*report.Run, error) {
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
			err = run.WriteJSON(c.stdout, false)
		}
		show()
		return err
	}, func(failure report.Failure) (err error) {
		summary.AddFailure(failure)
		pages.AddFailure(failure)
		done = append(done, failure.Seed)
		if s.json {
			err = failure.WriteJSON(c.stdout)
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
		summary.Note = "stopped before all seeds were run" + s.rest(c.name, done)
	}
	if err := cmp.Or(writeCampaign(s.html, plans.Name()+" seeds "+s.seeds.String(), &pages, &summary), s.writeSummary(c, &summary)); err != nil {
		return 0, err
	}
	return s.failOn.summaryStatus(&summary), stopped
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
		ranges = append(ranges, (&seedsFlag{Seeds: drive.Seeds{First: first, Last: last}}).String())
	}
	said := "none is done"
	if len(ranges) > 0 {
		said = "done are " + strings.Join(ranges, ", ")
	}
	if next > s.seeds.Last { // all are: what stopped it came after them
		return ": " + said
	}
	args := s.arguments(0)
	args[slices.Index(args, "-seed")] = "-seeds"
	args[slices.Index(args, "-seeds")+1] = fmt.Sprintf("%d-%d", next, s.seeds.Last)
	return fmt.Sprintf(": %s; to go on: %s", said, commandLine(program, args...))
}

// write writes the files of a seed that are asked for.
func (s *simulate) write(seed uint64, plan *fault.Plan, history []byte) error {
	in := func(dir, form string) string {
		if dir == "" {
			return ""
		}
		return filepath.Join(dir, fmt.Sprintf(form, seed))
	}
	return cmp.Or(writeForm("write-plan", in(s.writePlan, "seed-%d.json"), planForm, plan.Encode()),
		writeForm("write-history", in(s.writeHistory, "seed-%d.history"), historyForm, history))
}

func (s *simulate) writeSummary(c *console, summary *report.Summary) error {
	if s.json {
		return summary.WriteJSON(c.stdout)
	}
	return summary.WriteText(c.stdout, c.style(s.all))
}
