package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/histories"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/known"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
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
  0    nothing is broken, or nothing but what is known
  1    something is news, or suspected and not measured
  2    bad flags or bad input
  3    the harness failed: a worker could not be built, or the run gave no history
  130  interrupted
`

// judge is the command that measures what is known of what plans break.
type judge struct {
	runs.Source
	runs.Judging
	files     []string
	schedules int
	workers   runs.Workers
	json      bool
}

func (j *judge) Flags(f *console.Flags) {
	j.schedules, f.Arguments = known.DefaultSchedules, &j.files
	j.Source.Add(f)
	j.Judging.Add(f)
	f.Add(&j.Plant, "plant NAME", "with the bug NAME of testdata/planted in Cilium's source: what only the bug breaks must be news")
	f.Add(&j.schedules, "schedules N", fmt.Sprintf("over how many schedules of a plan, its own among them; %d, and more by itself where they do not tell a repair from chance", known.DefaultSchedules))
	j.workers.Add(f)
	f.JSON(&j.json)
}

func (j *judge) Check() error {
	named := j.Seed.Given || j.Plan != "" || j.Scenario != ""
	switch {
	case len(j.files) == 0 && !named:
		return console.Usagef("what shall be judged? Give -seed N, -plan FILE, -scenario NAME or the files of histories; simrun help judge shows examples")
	case len(j.files) > 0 && named:
		return console.Usagef("a history has its plan: -seed, -plan and -scenario exclude histories")
	case j.schedules < 1:
		return console.Usagef("-schedules %d: want at least 1", j.schedules)
	case j.Plant != "" && (j.Worker.Path != "" || j.Repaired != ""):
		return console.Usagef("-plant excludes -worker and -repaired: workers with the bug are built")
	}
	return cmp.Or(j.workers.Check(), j.Source.Check(false))
}

func (j *judge) Run(ctx context.Context, c *console.Console) (int, error) {
	plans, err := j.plans(c)
	if err != nil {
		return 0, err
	}
	j.Whole = !slices.ContainsFunc(plans, func(p *fault.Plan) bool { return !p.HasWhole() })
	judge, _, err := runs.Judge(ctx, c, j.Worker, j.Limits, j.Judging, int(j.workers))
	if err != nil {
		return 0, err
	}
	judge.Schedules = j.schedules
	var all []report.Judged
	for _, plan := range plans {
		judged, err := judge.Plan(ctx, plan)
		if err := errors.Join(err, writeJudged(c, j.json, judged)); err != nil {
			return 0, err
		}
		all = append(all, judged...)
	}
	if !j.json && len(all) == 0 {
		fmt.Fprintln(c.Stdout, "nothing is broken")
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

// standingStatus is that of what was measured: what is not known by a repair is broken.
func standingStatus(all []report.Judged) int {
	if slices.ContainsFunc(all, func(j report.Judged) bool { return j.Is != report.Known }) {
		return console.StatusBroken
	}
	return console.StatusHold
}

// plans are those that the flags or the histories name.
func (j *judge) plans(c *console.Console) (all []*fault.Plan, err error) {
	if len(j.files) == 0 {
		_, plan, err := j.Read(c)
		return []*fault.Plan{plan}, err
	}
	for _, file := range j.files {
		judged, err := histories.Read(file, func(text []byte) (*drive.Judged, error) { return drive.JudgeIndexed(text, checker.Config{}) })
		if err == nil && judged.PlanErr != nil {
			err = console.Usagef("%s: its plan cannot be run: %w", file, judged.PlanErr)
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
func writeJudged(c *console.Console, asJSON bool, all []report.Judged) error {
	if asJSON {
		for _, judged := range all {
			if err := report.WriteLine(c.Stdout, judgedLine{report.Head("judged"), judged}); err != nil {
				return err
			}
		}
		return nil
	}
	out := report.NewOutput(c.Stdout, c.Style(false))
	if len(all) > 0 {
		out.Row("measured    ", "%s", summaryOf(all))
	}
	report.WriteJudged(out, all, nil)
	return out.Flush()
}

// failOn says which broken properties have the exit status of a failure: any, or those
// that no repair takes away.
type failOn struct{ news bool }

func (f *failOn) String() string { return "" }
func (f *failOn) Set(value string) error {
	if value != "any" && value != "news" {
		return errors.New("want any or news")
	}
	f.news = value == "news"
	return nil
}

// status is the exit status of a verdict, with what was measured of what is broken. What is
// undecided is never a pass.
func (f failOn) status(v checker.Verdict, measured []report.Judged) int {
	undecided := slices.ContainsFunc(v.Results, func(r checker.Result) bool { return r.Outcome == checker.Unknown })
	if !f.news || v.Outcome() != checker.Fail || undecided {
		return console.StatusOf(v)
	}
	return standingStatus(measured)
}

// summaryStatus is the exit status of a campaign: a failure of the harness comes
// first, since it hides what the seeds would have shown.
func (f failOn) summaryStatus(s *report.Summary) int {
	switch {
	case s.Failed() > 0:
		return console.StatusHarness
	case f.news && s.News()+s.Suspected()+s.Unsure() > 0, !f.news && s.Failing()+s.Undecided() > 0:
		return console.StatusBroken
	}
	return console.StatusHold
}
