package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/coverage"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/campaign"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// campaignFlags are the flags of campaign.
type campaignFlags struct {
	length   time.Duration
	dir      string
	base     seedFlag
	shrink   time.Duration
	scenario string
	mode     modeFlag
	replay   bool
	worker   workerFlags
	json     bool
}

// campaign searches seeds for violations and keeps what it finds, or runs again
// what was kept.
func (c *console) campaign(ctx context.Context, args []string) (int, error) {
	f, err := parseCampaign(args)
	if err != nil {
		return 0, err
	}
	if f.replay {
		return c.replayCorpus(ctx, f)
	}
	family, err := c.family(f.scenario, f.mode, nil)
	if err != nil {
		return 0, err
	}
	kept, err := corpus.Open(f.dir)
	if errors.Is(err, corpus.ErrBusy) {
		return 0, &usageError{err}
	}
	if err != nil {
		return 0, err
	}
	defer kept.Close()
	state, err := kept.LoadState()
	if err != nil {
		return 0, &usageError{err}
	}
	if f.scenario != state.Scenario || string(f.mode) != state.Mode || f.base.given && f.base.seed != state.Base {
		state.Begin(f.scenario, string(f.mode), f.base.seed)
	}
	worker, err := c.worker(ctx, f.worker)
	if err != nil {
		return 0, err
	}
	if state.Versions, err = campaign.Versions(worker.Path); err != nil {
		return 0, err
	}
	return c.search(ctx, f, family, kept, state, worker)
}

func parseCampaign(args []string) (*campaignFlags, error) {
	f := new(campaignFlags)
	set := flag.NewFlagSet("campaign", flag.ContinueOnError)
	f.length, f.shrink = 10*time.Minute, 30*time.Second
	set.Var(lengthFlag{&f.length}, "for", "")
	set.StringVar(&f.dir, "corpus", "corpus", "")
	set.Var(&f.base, "base", "")
	set.Var(lengthFlag{&f.shrink}, "shrink", "")
	set.StringVar(&f.scenario, "scenario", "", "")
	set.Var(&f.mode, "mode", "")
	set.BoolVar(&f.replay, "replay", false, "")
	f.worker.add(set)
	set.BoolVar(&f.json, "json", false, "")
	if err := parse(set, args); err != nil {
		return nil, err
	}
	var excluded []string
	set.Visit(func(given *flag.Flag) {
		switch given.Name {
		case "for", "base", "shrink", "scenario", "mode":
			excluded = append(excluded, "-"+given.Name)
		}
	})
	switch {
	case set.NArg() > 0:
		return nil, usageErrorf("campaign takes no arguments, and there is %q; -corpus DIR names the directory", set.Arg(0))
	case f.replay && len(excluded) > 0:
		return nil, usageErrorf("-replay and %s exclude each other: it runs the plans of the corpus, once each", excluded[0])
	case f.length <= 0:
		return nil, usageErrorf("-for %s: want a time such as 10m", f.length)
	case f.shrink < 0:
		return nil, usageErrorf("-shrink %s: want a time such as 30s, or 0 to keep plans as they are drawn", f.shrink)
	case f.dir == "":
		return nil, usageErrorf("-corpus needs the name of a directory")
	}
	return f, f.worker.check()
}

// search runs the campaign and reports on it.
func (c *console) search(ctx context.Context, f *campaignFlags, family *family, kept *corpus.Corpus, state *corpus.State, worker det.Worker) (int, error) {
	runner := &drive.Simulator{Worker: worker}
	start := time.Now()
	var writeErr error
	result, stopped := campaign.Run(ctx, campaign.Config{
		Runner:   runner,
		Draw:     family.member,
		Shrink:   shrinker(runner, f.shrink),
		Corpus:   kept,
		State:    state,
		Marks:    coverage.New(faultKinds()),
		Parallel: runtime.NumCPU(),
		For:      f.length,
		OnEvent: func(e campaign.Event) {
			if e.Found != nil {
				writeErr = errors.Join(writeErr, c.writeFound(f, e))
			}
			elapsed := time.Since(start)
			c.progress.show("%s %s of %s, %d seeds, %d findings (%d new), %.1f seeds/s", bar(int(min(elapsed, f.length)/time.Millisecond), int(f.length/time.Millisecond)),
				elapsed.Round(time.Second), f.length, e.Seeds, len(kept.Findings()), e.New, float64(e.Seeds)/elapsed.Seconds())
		},
	})
	c.progress.clear()
	if err := errors.Join(writeErr, c.writeCampaign(f, kept, state, result)); err != nil {
		return 0, err
	}
	return campaignStatus(result), stopped
}

// campaignStatus is the exit status: a new failure of the harness comes first,
// since it hides what its seeds would have shown. A finding that a page in
// testdata/findings explains is no news, even if the corpus did not have it.
func campaignStatus(r campaign.Result) int {
	status := statusHold
	for _, f := range r.New {
		if f.Property == corpus.Harness {
			return statusHarness
		}
		if f.Cause == "" {
			status = statusBroken
		}
	}
	return status
}

// shrinker shrinks plans one run at a time: the cores are busy with other seeds.
func shrinker(runner *drive.Simulator, limit time.Duration) campaign.Shrinker {
	if limit == 0 {
		return nil
	}
	return func(ctx context.Context, plan *fault.Plan, broken checker.Finding) (campaign.Shrunk, error) {
		shrunk, err := runner.Shrink(ctx, plan, broken, drive.ShrinkConfig{For: limit})
		if err != nil {
			return campaign.Shrunk{}, err
		}
		return campaign.Shrunk{Plan: shrunk.Run.Plan, Sentence: shrunk.Violation.Sentence(), Minimal: shrunk.Minimal}, nil
	}
}

// faultKinds are the kinds of faults that coverage marks exist for, in the order of the
// reference.
func faultKinds() (kinds []string) {
	for i := range fault.Specs {
		kinds = append(kinds, string(fault.Specs[i].Kind))
	}
	return kinds
}

// replayCorpus runs every plan of a corpus again.
func (c *console) replayCorpus(ctx context.Context, f *campaignFlags) (int, error) {
	findings, err := corpus.Read(f.dir)
	if err != nil {
		return 0, &usageError{err}
	}
	if len(findings) == 0 {
		return 0, usageErrorf("-corpus %s: there are no findings to replay; simrun campaign -corpus %s makes some", f.dir, f.dir)
	}
	worker, err := c.worker(ctx, f.worker)
	if err != nil {
		return 0, err
	}
	done := 0
	all, err := campaign.Replay(ctx, &drive.Simulator{Worker: worker}, findings, runtime.NumCPU(), func(campaign.Replayed) {
		done++
		c.progress.show("%s %d of %d findings", bar(done, len(findings)), done, len(findings))
	})
	c.progress.clear()
	if err != nil {
		return 0, err
	}
	if err := c.writeReplay(f, all); err != nil {
		return 0, err
	}
	for _, replayed := range all {
		if !replayed.Shows {
			return statusBroken, nil
		}
	}
	return statusHold, nil
}

// What campaign writes as JSON, one object to a line, each with version and kind.
type (
	foundLine struct {
		report.Header
		Name    string          `json:"name"` // of its folder
		Plan    string          `json:"plan"` // the file
		Drawn   string          `json:"drawn,omitempty"`
		Finding *corpus.Finding `json:"finding"`
	}
	campaignLine struct {
		report.Header
		Seeds          int           `json:"seeds"`
		ElapsedSeconds float64       `json:"elapsedSeconds"`
		Findings       []string      `json:"findings"`
		New            []string      `json:"new"`
		State          *corpus.State `json:"state"`
	}
	replayLine struct {
		report.Header
		Name  string `json:"name"`
		Plan  string `json:"plan"`
		Shows bool   `json:"shows"`
		Says  string `json:"says"`
	}
)

func header(kind string) report.Header { return report.Header{Version: report.JSONVersion, Kind: kind} }

// writeFound tells of a new finding when it is found.
func (c *console) writeFound(f *campaignFlags, e campaign.Event) error {
	path := corpus.PlanPath(f.dir, e.Found)
	if f.json {
		return report.WriteLine(c.stdout, foundLine{header("finding"), e.Found.Name(), path, e.Kept, e.Found})
	}
	c.progress.clear()
	label, explained := "new", ""
	if e.Found.Cause != "" {
		label, explained = "explained", fmt.Sprintf("          known as %s: see testdata/findings\n", e.Found.Cause)
	}
	_, err := fmt.Fprintf(c.stdout, "%-9s %s\n          by seed %d: %s\n%s          replay: %s\n", label, e.Found.Name(), e.Found.Seeds[0].Seed,
		e.Found.Sentence, explained, commandLine(c.name, append([]string{"-plan", path}, f.worker.arguments()...)))
	if e.Kept != "" && err == nil {
		_, err = fmt.Fprintf(c.stdout, "          kept as it was drawn: %s\n", e.Kept)
	}
	return err
}

// writeCampaign sums up: the findings, the coverage marks, and where it goes on.
func (c *console) writeCampaign(f *campaignFlags, kept *corpus.Corpus, state *corpus.State, result campaign.Result) error {
	if f.json {
		line := campaignLine{header("campaign"), result.Seeds, result.Elapsed.Seconds(), []string{}, []string{}, state}
		for _, finding := range kept.Findings() {
			line.Findings = append(line.Findings, finding.Name())
		}
		for _, finding := range result.New {
			line.New = append(line.New, finding.Name())
		}
		return report.WriteLine(c.stdout, line)
	}
	if len(result.New) > 0 {
		fmt.Fprintln(c.stdout)
	}
	explained := 0
	for _, finding := range result.New {
		if finding.Cause != "" {
			explained++
		}
	}
	_, err := fmt.Fprintf(c.stdout, "%s\nseeds     %d in %.1fs: %.1f seeds/s; %d findings are new to the corpus, %d of them explained\ncorpus    %s; the next seed is %d\n",
		corpus.Summary(kept.Findings(), state), result.Seeds, result.Elapsed.Seconds(), float64(result.Seeds)/max(1e-9, result.Elapsed.Seconds()),
		len(result.New), explained, kept.Dir(), state.Next)
	return err
}

// writeReplay says of each finding whether its plan still shows it.
func (c *console) writeReplay(f *campaignFlags, all []campaign.Replayed) error {
	lost := 0
	for _, r := range all {
		path := corpus.PlanPath(f.dir, r.Finding)
		if f.json {
			if err := report.WriteLine(c.stdout, replayLine{header("replay"), r.Finding.Name(), path, r.Shows, r.Says}); err != nil {
				return err
			}
		}
		word := "shows"
		if !r.Shows {
			word = "LOST"
			lost++
		}
		if f.json {
			continue
		}
		if _, err := fmt.Fprintf(c.stdout, "%-9s %s: %s\n", word, r.Finding.Name(), r.Says); err != nil {
			return err
		}
	}
	if f.json {
		return nil
	}
	text := "every one still shows"
	if lost > 0 {
		text = fmt.Sprintf("%d of them no longer show: what they found is fixed, or the plan lost it when the code around it changed", lost)
	}
	_, err := fmt.Fprintf(c.stdout, "\nfindings  %d: %s\n", len(all), text)
	return err
}
