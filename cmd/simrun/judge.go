package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/known"
	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
	files "github.com/meshcheck/meshcheck/testdata/repairs"
)

const judgeHelp = `
judge measures of what a plan breaks whether it is known. The plan runs as it is and with
all repairs of testdata/repairs in Cilium's source, over several schedules: with other
seeds, which change the order of events. What is still broken with all repairs in is
news, whatever it looks like. What is gone is tried with each repair alone of the findings
that it looks like, and is known as the finding of the one that takes it away: "gone with
sweep (5 of 5)". If none of these does, a smallest set is looked for among all repairs.

  simrun judge -seed N           what a drawn plan breaks
  simrun judge -plan FILE        what a plan of yours breaks
  simrun judge HISTORY...        what the plans of these histories break

One exception is never called known: if no repair of a finding is written yet
(testdata/repairs/README.md), what looks like it by the records is "suspected", and is not
measured.

What came of a run is kept in the user's cache directory, so that the same plan runs
once with the same worker. Each repair that is tried needs a worker of its own, which takes
less than a minute to build: only the edited packages are compiled.

Flags:

Examples:
  simrun judge -seed 5
  simrun judge -mode crd -seed 47 -schedules 20
  simrun judge -plan testdata/findings/writer-restart-orphans.json
  simrun judge -seed 5 -plant stale-keys-not-drained
  simrun -seeds 0-199 -judge

Exit status:
  0    nothing is broken, or nothing but what is known or suspected
  1    something is news
  2    bad flags or bad input
  3    the harness failed: a worker could not be built, or the run gave no history
  130  interrupted
`

// judging are the flags of commands that measure what is known.
type judging struct {
	repaired string
	plant    string
}

func (j *judging) add(f *flags) {
	f.add(&j.repaired, "repaired FILE", "use this worker from build-worker -repairs all with all the repairs in; without sources to build from it tells news from what is known, and not as what it is known")
}

// judge is the command that measures what is known of what plans break.
type judge struct {
	sourceFlags
	judging
	files     []string
	schedules int
	workers   int
	json      bool
}

func (j *judge) flags(f *flags) {
	j.schedules, j.workers, f.arguments = known.DefaultSchedules, runtime.NumCPU(), &j.files
	j.sourceFlags.add(f)
	j.judging.add(f)
	f.add(&j.plant, "plant NAME", "with the bug NAME of testdata/planted in Cilium's source: what only the bug breaks must be news")
	f.add(&j.schedules, "schedules N", fmt.Sprintf("over how many schedules of a plan, its own among them; %d, and more by itself where they do not tell a repair from chance", known.DefaultSchedules))
	f.add(&j.workers, "workers N", "how many runs at once; as many as there are cores")
	f.json(&j.json)
}

func (j *judge) check() error {
	named := j.seed.given || j.plan != "" || j.scenario != ""
	switch {
	case len(j.files) == 0 && !named:
		return usageErrorf("what shall be judged? Give -seed N, -plan FILE, -scenario NAME or the files of histories; simrun help judge shows examples")
	case len(j.files) > 0 && named:
		return usageErrorf("a history has its plan: -seed, -plan and -scenario exclude histories")
	case j.schedules < 1:
		return usageErrorf("-schedules %d: want at least 1", j.schedules)
	case j.workers < 1:
		return usageErrorf("-workers %d: want at least 1", j.workers)
	case j.plant != "" && (j.worker.path != "" || j.repaired != ""):
		return usageErrorf("-plant excludes -worker and -repaired: workers with the bug are built")
	}
	return j.sourceFlags.check(false)
}

func (j *judge) run(ctx context.Context, c *console) (int, error) {
	if err := j.check(); err != nil {
		return 0, err
	}
	plans, err := j.plans(c)
	if err != nil {
		return 0, err
	}
	judge, _, err := c.judge(ctx, j.worker, j.limits, j.judging, j.workers)
	if err != nil {
		return 0, err
	}
	judge.Schedules = j.schedules
	var all []report.Judged
	for _, plan := range plans {
		judged, err := judge.Plan(ctx, plan)
		if err := errors.Join(err, c.writeJudged(j.json, judged)); err != nil {
			return 0, err
		}
		all = append(all, judged...)
	}
	if !j.json && len(all) == 0 {
		fmt.Fprintln(c.stdout, "nothing is broken")
	}
	return standingStatus(all), nil
}

// summaryOf says how many findings are what.
func summaryOf(all []report.Judged) string {
	count := map[report.Standing]int{}
	for i := range all {
		count[all[i].Is]++
	}
	return fmt.Sprintf("%s: %d known, measured; %d suspected, not measured; %d news",
		text.Count(len(all), "finding"), count[report.Known], count[report.Suspected], count[report.News])
}

func standingStatus(all []report.Judged) int {
	if slices.ContainsFunc(all, func(j report.Judged) bool { return j.Is == report.News }) {
		return statusBroken
	}
	return statusHold
}

// plans are those that the flags or the histories name.
func (j *judge) plans(c *console) (all []*fault.Plan, err error) {
	if len(j.files) == 0 {
		_, plan, err := j.read(c)
		return []*fault.Plan{plan}, err
	}
	for _, file := range j.files {
		judged, err := fromHistory(file, func(text []byte) (*drive.Judged, error) { return drive.JudgeIndexed(text, checker.Config{}) })
		if err == nil && judged.PlanErr != nil {
			err = usageErrorf("%s: its plan cannot be run: %w", file, judged.PlanErr)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, judged.Plan)
	}
	return all, nil
}

// judgedLine is what -json writes of a finding.
type judgedLine struct {
	report.Header
	Judged report.Judged `json:"judged"`
}

// writeJudged writes what is known of what a plan breaks.
func (c *console) writeJudged(asJSON bool, all []report.Judged) error {
	if asJSON {
		for _, judged := range all {
			if err := report.WriteLine(c.stdout, judgedLine{report.Head("judged"), judged}); err != nil {
				return err
			}
		}
		return nil
	}
	out := report.NewOutput(c.stdout, c.style(false))
	if len(all) > 0 {
		out.Row("measured    ", "%s", summaryOf(all))
	}
	report.WriteJudged(out, all, nil)
	return out.Flush()
}

// judge returns what measures what is known, and what runs plans without repairs.
func (c *console) judge(ctx context.Context, w workerFlags, l limitFlags, flags judging, parallel int) (*known.Judge, *drive.Simulator, error) {
	if w.runtime == det.Stock {
		return nil, nil, usageErrorf("-runtime=stock judges nothing: a run must replay")
	}
	if err := checkWorker("repaired", flags.repaired); err != nil {
		return nil, nil, err
	}
	with, err := known.Load(files.Files)
	if err != nil {
		return nil, nil, err
	}
	b := &builds{c: c, limits: l, given: w.path, repaired: flags.repaired, all: len(with.All)}
	if flags.plant != "" {
		bug, err := (&buildWorker{plant: flags.plant}).bug()
		if err != nil {
			return nil, nil, err
		}
		b.bug = bug.Plant()
	}
	base := c.simulatorOf(w.path, l)
	if w.path == "" {
		base.Worker.Path, err = c.build(ctx, det.BuildConfig{Plant: b.bug, Progress: c.progress.log})
		if built := det.BuiltWorker(); errors.Is(err, det.ErrNoSources) && b.bug == nil && built != "" {
			c.notice("there are no sources here to build workers from; this is with the worker " + built)
			base.Worker.Path, err = built, nil
			if beside := built + "-repaired"; flags.repaired == "" && checkWorker("repaired", beside) == nil {
				b.repaired = beside
			}
		}
		if err != nil {
			return nil, nil, err
		}
	}
	without, err := b.worker(base.Worker.Path)
	if err != nil {
		return nil, nil, err
	}
	b.hash = without.Hash
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	program, err := drive.CodeOf(self)
	if err != nil {
		return nil, nil, err
	}
	kept, err := known.OpenKept(program.Hash)
	if err != nil {
		return nil, nil, err
	}
	return &known.Judge{Repairs: with, Without: without, Build: b.build, Kept: kept, Parallel: parallel, OnProgress: func(line string) { c.progress.show("%s", line) }}, base, nil
}

// builds makes workers with repairs.
type builds struct {
	c               *console
	limits          limitFlags
	given, repaired string // workers by -worker and -repaired; empty: none
	hash            string // of the one without repairs
	bug             *det.Plant
	all             int // how many repairs there are

	once sync.Once
	err  error // why what is built here cannot be compared with the given worker
}

func (b *builds) worker(path string) (repairs.Worker, error) {
	code, err := drive.CodeOf(path)
	if err != nil {
		return repairs.Worker{}, err
	}
	return repairs.Worker{Runner: b.c.simulatorOf(path, b.limits), Hash: code.Hash}, nil
}

func (b *builds) build(ctx context.Context, set []*repairs.Repair) (repairs.Worker, error) {
	if b.repaired != "" && len(set) == b.all {
		return b.worker(b.repaired)
	}
	b.once.Do(func() { b.err = b.sameSources(ctx) })
	if b.err != nil {
		return repairs.Worker{}, b.err
	}
	path, err := b.c.build(ctx, det.BuildConfig{Plant: repairs.With(set, b.bug), Progress: b.c.progress.log})
	if err != nil {
		return repairs.Worker{}, err
	}
	return b.worker(path)
}

// sameSources tells whether the given worker is one of the sources here: repairs are put into
// these, and a bug that only the given one has would look repaired.
func (b *builds) sameSources(ctx context.Context) error {
	if b.given == "" {
		return nil
	}
	path, err := b.c.build(ctx, det.BuildConfig{Progress: b.c.progress.log})
	if err != nil {
		return err
	}
	here, err := drive.CodeOf(path)
	if err == nil && here.Hash != b.hash {
		err = usageErrorf("-worker %s is of other sources than those here, into which repairs are put: give none, and it is built", b.given)
	}
	return err
}
