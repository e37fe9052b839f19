package main

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"

	"github.com/meshcheck/meshcheck/checker/coverage"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/campaign"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/known"
	"github.com/meshcheck/meshcheck/report"
)

const campaignHelp = `
campaign runs seeds, as many at once as there are cores, and keeps what they
find in a directory, the corpus: a folder for each distinct finding, with its
plan as small as it could be made and the seeds that showed it. Two runs show the
same finding if, in the same mode, they break the same property on the same kind of
object and look like the same finding or, where they look like none, need the same kinds of faults for it.
A worker that dies is a finding too.

  simrun campaign -for 10m              go on with the seeds where it stopped
  simrun campaign -replay               run the plan of each finding again

It can be interrupted or killed at any time. What is in the corpus is complete,
and the next campaign goes on from there: first with shrinking, where there was
not time enough, then with the seeds. At the end it prints, and writes to
summary.md in the corpus, the findings and a table of coverage marks: situations
that the runs reached, and those that they never did.

Flags:

Examples:
  simrun campaign -for 10m
  simrun campaign -for 8h -corpus nightly -base 1000000
  simrun campaign -for 10m -mode crd
  simrun campaign -replay -corpus testdata/corpus

Exit status:
  0    nothing new was found; with -replay, every finding still shows
  1    there are new findings that nothing explains; with -replay, some do not show
       any more
  2    bad flags or bad input, or another campaign is at work in the corpus
  3    the harness failed: the worker could not be built, or a worker crashed,
       hung, grew too large or refused a plan in a way that was not known before
  130  interrupted; what was found until then is kept
`

// search is the command campaign: it searches seeds for violations and keeps what it finds,
// or runs again what was kept.
type search struct {
	length   time.Duration
	dir      string
	base     runs.Seed
	shrink   time.Duration
	scenario string
	mode     runs.Mode
	replay   bool
	worker   runs.Worker
	limits   runs.Limits
	json     bool
	html     string
	judge    bool
	judging  runs.Judging

	given *console.Flags
}

func (s *search) Flags(f *console.Flags) {
	s.length, s.shrink, s.dir, s.given = 10*time.Minute, 30*time.Second, "corpus", f
	f.Add(&s.length, "for TIME", "how long to begin new seeds; what has begun is finished, which may take as long again as -shrink; 10m")
	f.Add(&s.dir, "corpus DIR", `the corpus; it is made if there is none; "corpus"`)
	f.Add(&s.base, "base N", "the first seed; without it, or with the same as the last time, the campaign goes on where the last one stopped")
	f.Add(&s.shrink, "shrink TIME", "how long to shrink each new finding; 0: not at all; 30s")
	f.Add(&s.scenario, "scenario NAME", "seeds of a scenario's family; simrun faults lists them")
	f.Add(&s.mode, "mode MODE", "the mode of their plans, as for simrun -seed; a finding of another mode is another finding")
	f.Add(&s.html, "html FILE", "write a page to look at all seeds of this campaign in a browser")
	f.Add(&s.replay, "replay", "run the plans of the corpus, and no seeds")
	f.Add(&s.judge, "judge", "measure of what the seeds, or the plans of the corpus, break whether it is known, with repairs of Cilium's source; simrun help judge tells how")
	s.judging.Add(f)
	s.worker.Add(f)
	s.limits.Add(f)
	f.JSON(&s.json)
}

func (s *search) Check() error {
	switch given := s.given.Given("for", "base", "shrink", "scenario", "mode", "html"); {
	case s.replay && given != "":
		return console.Usagef("-replay and %s exclude each other: it runs the plans of the corpus, once each", given)
	case s.length <= 0:
		return console.Usagef("-for %s: want a time such as 10m", s.length)
	case s.shrink < 0:
		return console.Usagef("-shrink %s: want a time such as 30s, or 0 to keep plans as they are drawn", s.shrink)
	case s.dir == "":
		return console.Usagef("-corpus needs the name of a directory")
	case s.judging.Repaired != "" && !s.judge:
		return console.Usagef("-repaired is of -judge")
	}
	return cmp.Or(s.worker.Check(), s.limits.Check(), output.CheckForm("corpus", filepath.Join(s.dir, "summary.md"), output.Findings), output.Check(nil, output.To("html", s.html, output.Page, false)))
}

func (s *search) Run(ctx context.Context, c *console.Console) (int, error) {
	if s.replay {
		return s.runKept(ctx, c)
	}
	plans, err := runs.Plans(c, &runs.Family{Scenario: s.scenario, Mode: s.mode})
	if err != nil {
		return 0, err
	}
	kept, err := corpus.Open(s.dir)
	if err != nil {
		return 0, console.Usage(err)
	}
	defer kept.Close()
	state, err := corpus.ReadState(s.dir)
	if err != nil {
		return 0, console.Usage(err)
	}
	if s.scenario != state.Scenario || s.mode.Drawn() != state.Mode || s.base.Given && s.base.N != state.Base {
		state.Begin(s.scenario, s.mode.Drawn(), s.base.N)
	}
	many, runner, err := s.runner(ctx, c)
	if err != nil {
		return 0, err
	}
	code, err := drive.CodeOf(runner.Worker.Path)
	if err != nil {
		return 0, err
	}
	state.Versions = code.Versions()
	start := time.Now()
	out := s.writer(c)
	gathered := &runs.Gathering{Runner: runner}
	gathered.Summary.Code = code
	gathered.Summary.Replay = func(seed uint64) string { return s.seedCommand(c, seed) }
	var writeErr error
	cfg := campaign.Config{
		Runner:   gathered,
		Draw:     plans.Member,
		Shrink:   campaign.ShrinkWith(runner, s.shrink),
		Corpus:   kept,
		State:    state,
		Marks:    coverage.New(faultKinds()),
		Parallel: runtime.NumCPU(),
		For:      s.length,
		OnEvent: func(e campaign.Event) {
			if e.Found != nil {
				writeErr = errors.Join(writeErr, out.Found(e))
			}
			elapsed := time.Since(start)
			c.Progress.Show("%s %s of %s, %d seeds, %d findings (%d new), %.1f seeds/s", console.Bar(int(min(elapsed, s.length)/time.Millisecond), int(s.length/time.Millisecond)),
				elapsed.Round(time.Second), s.length, e.Seeds, len(kept.Findings()), e.New, float64(e.Seeds)/elapsed.Seconds())
		},
	}
	if many != nil {
		cfg.OnRun = many.See
	}
	result, stopped := campaign.Run(ctx, cfg)
	if stopped == nil && many != nil {
		gathered.Summary.Measured = true
		if gathered.Summary.Judged, err = many.Judged(ctx); err != nil {
			return 0, err
		}
	}
	gathered.Summary.Elapsed = time.Since(start)
	if err := errors.Join(writeErr, out.Campaign(kept, state, result, &gathered.Summary), runs.WriteCampaign(s.html, "campaign into "+s.dir, &gathered.Pages, &gathered.Summary)); err != nil {
		return 0, err
	}
	return campaignStatus(result, &gathered.Summary), stopped
}

// runner returns what runs plans and, if that is asked for, what measures what is known.
func (s *search) runner(ctx context.Context, c *console.Console) (*known.Many, *drive.Simulator, error) {
	if !s.judge {
		runner, err := runs.Simulator(ctx, c, s.worker, s.limits)
		return nil, runner, err
	}
	judge, runner, err := runs.Judge(ctx, c, s.worker, s.limits, s.judging, runtime.NumCPU())
	return &known.Many{Judge: judge}, runner, err
}

// seedCommand is the command line that runs a seed of the campaign.
func (s *search) seedCommand(c *console.Console, seed uint64) string {
	run := runs.Source{Family: runs.Family{Scenario: s.scenario, Mode: s.mode}, Worker: s.worker}
	run.Seed.Given = true
	return console.CommandLine(c.Name, run.Arguments(seed)...)
}

func (s *search) writer(c *console.Console) *campaign.Writer {
	return &campaign.Writer{Out: c.Stdout, JSON: s.json, Dir: s.dir, Replay: func(plan string) string {
		return console.CommandLine(c.Name, append([]string{"-plan", plan}, s.worker.Arguments()...)...)
	}}
}

// campaignStatus is the exit status: a new failure of the harness comes first,
// since it hides what its seeds would have shown. Where it was measured what is known, only
// news counts, whether the corpus has it or not; else what is new to the corpus and looks
// like no finding of testdata/findings.
func campaignStatus(r campaign.Result, summary *report.Summary) int {
	status := console.StatusHold
	for _, f := range r.New {
		if f.Property == corpus.Harness && !(summary.Measured && f.Panics()) {
			return console.StatusHarness
		}
		if f.Cause == "" && !summary.Measured {
			status = console.StatusBroken
		}
	}
	if summary.Measured {
		return standingStatus(summary.Judged)
	}
	return status
}

// faultKinds are the kinds of faults that coverage marks exist for, in the order of the
// reference.
func faultKinds() (kinds []string) {
	for i := range fault.Specs {
		kinds = append(kinds, string(fault.Specs[i].Kind))
	}
	return kinds
}

// runKept runs every plan of a corpus again.
func (s *search) runKept(ctx context.Context, c *console.Console) (int, error) {
	findings, err := corpus.Read(s.dir)
	if err != nil {
		return 0, console.Usage(err)
	}
	if len(findings) == 0 {
		return 0, console.Usagef("-corpus %s: there are no findings to replay; simrun campaign -corpus %s makes some", s.dir, s.dir)
	}
	many, simulator, err := s.runner(ctx, c)
	if err != nil {
		return 0, err
	}
	runner := drive.Runner(simulator)
	if many != nil {
		runner = many.Runner(runner)
	}
	done := 0
	all, err := campaign.Replay(ctx, runner, findings, runtime.NumCPU(), func(campaign.Replayed) {
		done++
		c.Progress.Show("%s %d of %d findings", console.Bar(done, len(findings)), done, len(findings))
	})
	if err != nil {
		return 0, err
	}
	if err := s.writer(c).Replays(all); err != nil {
		return 0, err
	}
	status := console.StatusHold
	if many != nil {
		judged, err := many.Judged(ctx)
		if err := errors.Join(err, writeJudged(c, s.json, judged)); err != nil {
			return 0, err
		}
		status = standingStatus(judged)
	}
	for _, replayed := range all {
		if !replayed.Shows {
			status = console.StatusBroken
		}
	}
	return status, nil
}
