package main

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"time"

	"github.com/meshcheck/meshcheck/checker/coverage"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/campaign"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/known"
	"github.com/meshcheck/meshcheck/report"
)

// search is the command campaign: it searches seeds for violations and keeps what it finds,
// or runs again what was kept.
type search struct {
	length   time.Duration
	dir      string
	base     seedFlag
	shrink   time.Duration
	scenario string
	mode     modeFlag
	replay   bool
	worker   workerFlags
	limits   limitFlags
	json     bool
	html     string
	judge    bool
	judging  judging

	given *flags
}

func (s *search) flags(f *flags) {
	s.length, s.shrink, s.dir, s.given = 10*time.Minute, 30*time.Second, "corpus", f
	f.add(&s.length, "for TIME", "how long to begin new seeds; what has begun is finished, which may take as long again as -shrink; 10m")
	f.add(&s.dir, "corpus DIR", `the corpus; it is made if there is none; "corpus"`)
	f.add(&s.base, "base N", "the first seed; without it, or with the same as the last time, the campaign goes on where the last one stopped")
	f.add(&s.shrink, "shrink TIME", "how long to shrink each new finding; 0: not at all; 30s")
	f.add(&s.scenario, "scenario NAME", "seeds of a scenario's family; simrun faults lists them")
	f.add(&s.mode, "mode MODE", "the mode of their plans, as for simrun -seed; a finding of another mode is another finding")
	f.add(&s.html, "html FILE", "write a page to look at all seeds of this campaign in a browser")
	f.add(&s.replay, "replay", "run the plans of the corpus, and no seeds")
	f.add(&s.judge, "judge", "measure of what the seeds, or the plans of the corpus, break whether it is known, with repairs of Cilium's source; simrun help judge tells how")
	s.judging.add(f)
	s.worker.add(f)
	s.limits.add(f)
	f.json(&s.json)
}

func (s *search) check() error {
	switch given := s.given.given("for", "base", "shrink", "scenario", "mode", "html"); {
	case s.replay && given != "":
		return usageErrorf("-replay and %s exclude each other: it runs the plans of the corpus, once each", given)
	case s.length <= 0:
		return usageErrorf("-for %s: want a time such as 10m", s.length)
	case s.shrink < 0:
		return usageErrorf("-shrink %s: want a time such as 30s, or 0 to keep plans as they are drawn", s.shrink)
	case s.dir == "":
		return usageErrorf("-corpus needs the name of a directory")
	case s.judging.repaired != "" && !s.judge:
		return usageErrorf("-repaired is of -judge")
	}
	return cmp.Or(s.worker.check(), s.limits.check(), checkForm("corpus", filepath.Join(s.dir, "summary.md"), findingsForm), checkOutputs(nil, output{"html", s.html, pageForm, false}))
}

func (s *search) run(ctx context.Context, c *console) (int, error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	if s.replay {
		return s.runKept(ctx, c)
	}
	plans, err := c.family(&familyFlags{scenario: s.scenario, mode: s.mode})
	if err != nil {
		return 0, err
	}
	kept, err := corpus.Open(s.dir)
	if err != nil {
		return 0, &usageError{err}
	}
	defer kept.Close()
	state, err := corpus.ReadState(s.dir)
	if err != nil {
		return 0, &usageError{err}
	}
	if s.scenario != state.Scenario || string(s.mode) != state.Mode || s.base.given && s.base.seed != state.Base {
		state.Begin(s.scenario, string(s.mode), s.base.seed)
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
	gathered := &gathering{Runner: runner}
	gathered.summary.Code = code
	gathered.summary.Replay = func(seed uint64) string { return s.seedCommand(c, seed) }
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
			c.progress.show("%s %s of %s, %d seeds, %d findings (%d new), %.1f seeds/s", bar(int(min(elapsed, s.length)/time.Millisecond), int(s.length/time.Millisecond)),
				elapsed.Round(time.Second), s.length, e.Seeds, len(kept.Findings()), e.New, float64(e.Seeds)/elapsed.Seconds())
		},
	}
	if many != nil {
		cfg.OnRun = many.See
	}
	result, stopped := campaign.Run(ctx, cfg)
	if stopped == nil && many != nil {
		gathered.summary.Measured = true
		if gathered.summary.Judged, err = many.Judged(ctx); err != nil {
			return 0, err
		}
	}
	gathered.summary.Elapsed = time.Since(start)
	if err := errors.Join(writeErr, out.Campaign(kept, state, result, &gathered.summary), writeCampaign(s.html, "campaign into "+s.dir, &gathered.pages, &gathered.summary)); err != nil {
		return 0, err
	}
	return campaignStatus(result, &gathered.summary), stopped
}

// runner returns what runs plans and, if that is asked for, what measures what is known.
func (s *search) runner(ctx context.Context, c *console) (*known.Many, *drive.Simulator, error) {
	if !s.judge {
		runner, err := c.simulator(ctx, s.worker, s.limits)
		return nil, runner, err
	}
	judge, runner, err := c.judge(ctx, s.worker, s.limits, s.judging, runtime.NumCPU())
	return &known.Many{Judge: judge}, runner, err
}

// seedCommand is the command line that runs a seed of the campaign.
func (s *search) seedCommand(c *console, seed uint64) string {
	run := simulate{sourceFlags: sourceFlags{familyFlags: familyFlags{scenario: s.scenario, mode: s.mode}, worker: s.worker}}
	run.seed.given = true
	return commandLine(c.name, run.arguments(seed)...)
}

func (s *search) writer(c *console) *campaign.Writer {
	return &campaign.Writer{Out: c.stdout, JSON: s.json, Dir: s.dir, Replay: func(plan string) string {
		return commandLine(c.name, append([]string{"-plan", plan}, s.worker.arguments()...)...)
	}}
}

// campaignStatus is the exit status: a new failure of the harness comes first,
// since it hides what its seeds would have shown. Where it was measured what is known, only
// news counts, whether the corpus has it or not; else what is new to the corpus and looks
// like no finding of testdata/findings.
func campaignStatus(r campaign.Result, summary *report.Summary) int {
	status := statusHold
	for _, f := range r.New {
		if f.Property == corpus.Harness && !(summary.Measured && f.Panics()) {
			return statusHarness
		}
		if f.Cause == "" && !summary.Measured {
			status = statusBroken
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
func (s *search) runKept(ctx context.Context, c *console) (int, error) {
	findings, err := corpus.Read(s.dir)
	if err != nil {
		return 0, &usageError{err}
	}
	if len(findings) == 0 {
		return 0, usageErrorf("-corpus %s: there are no findings to replay; simrun campaign -corpus %s makes some", s.dir, s.dir)
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
		c.progress.show("%s %d of %d findings", bar(done, len(findings)), done, len(findings))
	})
	if err != nil {
		return 0, err
	}
	if err := s.writer(c).Replays(all); err != nil {
		return 0, err
	}
	status := statusHold
	if many != nil {
		judged, err := many.Judged(ctx)
		if err := errors.Join(err, c.writeJudged(s.json, judged)); err != nil {
			return 0, err
		}
		status = standingStatus(judged)
	}
	for _, replayed := range all {
		if !replayed.Shows {
			status = statusBroken
		}
	}
	return status, nil
}
