package main

import (
	"context"
	"errors"
	"flag"
	"runtime"
	"time"

	"github.com/meshcheck/meshcheck/checker/coverage"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/campaign"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/family"
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
	plans, err := family.New(f.scenario, string(f.mode), nil)
	if err != nil {
		return 0, &usageError{err}
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
	code, err := drive.CodeOf(worker.Path)
	if err != nil {
		return 0, err
	}
	state.Versions = code.Versions()
	return c.search(ctx, f, plans, kept, state, worker)
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
func (c *console) search(ctx context.Context, f *campaignFlags, plans *family.Family, kept *corpus.Corpus, state *corpus.State, worker det.Worker) (int, error) {
	runner := &drive.Simulator{Worker: worker}
	start := time.Now()
	out := c.campaignWriter(f)
	var writeErr error
	result, stopped := campaign.Run(ctx, campaign.Config{
		Runner:   runner,
		Draw:     plans.Member,
		Shrink:   campaign.ShrinkWith(runner, f.shrink),
		Corpus:   kept,
		State:    state,
		Marks:    coverage.New(faultKinds()),
		Parallel: runtime.NumCPU(),
		For:      f.length,
		OnEvent: func(e campaign.Event) {
			if e.Found != nil {
				c.progress.clear()
				writeErr = errors.Join(writeErr, out.Found(e))
			}
			elapsed := time.Since(start)
			c.progress.show("%s %s of %s, %d seeds, %d findings (%d new), %.1f seeds/s", bar(int(min(elapsed, f.length)/time.Millisecond), int(f.length/time.Millisecond)),
				elapsed.Round(time.Second), f.length, e.Seeds, len(kept.Findings()), e.New, float64(e.Seeds)/elapsed.Seconds())
		},
	})
	c.progress.clear()
	if err := errors.Join(writeErr, out.Campaign(kept, state, result)); err != nil {
		return 0, err
	}
	return campaignStatus(result), stopped
}

func (c *console) campaignWriter(f *campaignFlags) *campaign.Writer {
	return &campaign.Writer{Out: c.stdout, JSON: f.json, Dir: f.dir, Replay: func(plan string) string {
		return commandLine(c.name, append([]string{"-plan", plan}, f.worker.arguments()...))
	}}
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
	if err := c.campaignWriter(f).Replays(all); err != nil {
		return 0, err
	}
	for _, replayed := range all {
		if !replayed.Shows {
			return statusBroken, nil
		}
	}
	return statusHold, nil
}
