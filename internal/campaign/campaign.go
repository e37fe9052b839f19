// Package campaign searches seed after seed for violations and keeps in a corpus
// what it finds: each distinct finding once, shrunk, with the seeds that show it.
//
// A violation is identified cheaply before it is shrunk (identify.go). What a
// killed campaign had not finished is done again by the next one, since a seed
// counts as done only when all that it showed is kept.
package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/coverage"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Shrinker makes a plan smaller that shows a finding. It bounds the time that it
// takes.
type Shrinker func(ctx context.Context, plan *fault.Plan, broken checker.Finding) (Shrunk, error)

// Shrunk is a plan that was made smaller.
type Shrunk struct {
	Plan     *fault.Plan
	Sentence string // of the violation that it shows
	Minimal  bool   // nothing more can be left out
}

// ShrinkWith shrinks plans one run at a time: the cores are busy with other seeds. With a limit of zero
// there is no shrinker.
func ShrinkWith(runner *drive.Simulator, limit time.Duration) Shrinker {
	if limit == 0 {
		return nil
	}
	return func(ctx context.Context, plan *fault.Plan, broken checker.Finding) (Shrunk, error) {
		shrunk, err := runner.Shrink(ctx, plan, broken, drive.ShrinkConfig{For: limit})
		if err != nil {
			return Shrunk{}, err
		}
		return Shrunk{Plan: shrunk.Run.Plan, Sentence: shrunk.Violation.Sentence(), Minimal: shrunk.Minimal}, nil
	}
}

// Config is what a campaign works with. All fields are needed, except those that
// may be nil.
type Config struct {
	Runner   drive.Runner // its error, if not a *det.Failure, ends the campaign
	Draw     func(seed uint64) (*fault.Plan, error)
	Shrink   Shrinker // nil: plans are kept as they were drawn
	Corpus   *corpus.Corpus
	State    *corpus.State // where it begins; Run brings it up to date
	Marks    *coverage.Catalogue
	Parallel int           // seeds at once
	For      time.Duration // no seed begins later than this; what has begun is finished
	// OnRun, if non-nil, is told what came of each seed's plan, by several goroutines; its error ends the campaign.
	OnRun   func(ctx context.Context, plan *fault.Plan, run *drive.Judged, failed error) error
	OnEvent func(Event) // if non-nil, told of each seed that is done and each new finding, one at a time
}

// Event is something that happened in a campaign.
type Event struct {
	Found *corpus.Finding // a new finding; nil if a seed is done
	Kept  string          // why a new finding is kept as it was drawn; empty if it was shrunk
	Seeds int             // done in this campaign
	New   int             // findings that were not known before, the harness's included
}

// Result sums up a campaign.
type Result struct {
	Seeds   int               // done
	New     []*corpus.Finding // that were not known before, in the order in which they were found
	Elapsed time.Duration
}

// campaign is one that is under way.
type campaign struct {
	cfg              Config
	start            time.Time
	seedsFrom, until time.Time // no plan of an earlier campaign is begun after the one, no seed after the other

	mu      sync.Mutex // guards what follows, and the state
	next    uint64     // the seed to begin with next
	saved   time.Time
	carried time.Duration // State.Elapsed at the start
	result  Result
}

// Run runs seeds until the time is over or ctx ends. The state and the findings
// are kept in either case. The error is that of ctx, or of what made it impossible
// to go on.
func Run(ctx context.Context, cfg Config) (Result, error) {
	start := time.Now()
	c := &campaign{cfg: cfg, start: start, seedsFrom: start.Add(cfg.For / 5), until: start.Add(cfg.For), next: cfg.State.Next, carried: cfg.State.Elapsed.Std()}
	cfg.State.Marks = align(cfg.State.Marks, cfg.Marks.Marks())
	err := drive.Each(ctx, c.tasks, cfg.Parallel, func(ctx context.Context, t task) (struct{}, error) {
		return struct{}{}, t(ctx)
	}, func(task, struct{}) error { return nil })
	c.mu.Lock()
	defer c.mu.Unlock()
	err = errors.Join(err, c.save(true))
	c.result.Elapsed = time.Since(start)
	return c.result, err
}

// A task keeps what comes of it by itself.
type task func(context.Context) error

// tasks are what there is to do: first the findings that are not shrunk enough, for a
// fifth of the time, then seeds.
func (c *campaign) tasks(yield func(task) bool) {
	for _, f := range c.unminimized() {
		if time.Now().After(c.seedsFrom) {
			break
		}
		if !yield(func(ctx context.Context) error { return c.minimize(ctx, f) }) {
			return
		}
	}
	for time.Now().Before(c.until) {
		seed := c.begin()
		if !yield(func(ctx context.Context) error { return c.try(ctx, seed) }) {
			return
		}
	}
}

// align returns the counts of coverage marks in the order of a catalogue; counts of
// coverage marks that it does not have are dropped.
func align(old []corpus.Reached, marks []coverage.Mark) []corpus.Reached {
	all := make([]corpus.Reached, len(marks))
	for i, m := range marks {
		all[i] = corpus.Reached{Mark: m.Name, Sentence: m.Sentence}
		if j := slices.IndexFunc(old, func(r corpus.Reached) bool { return r.Mark == m.Name }); j >= 0 {
			all[i].Runs, all[i].Times = old[j].Runs, old[j].Times
		}
	}
	return all
}

// begin returns the next seed.
func (c *campaign) begin() (seed uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seed = c.cfg.State.After(c.next)
	c.next = seed + 1
	return seed
}

// try runs a seed and keeps what it shows.
func (c *campaign) try(ctx context.Context, seed uint64) error {
	plan, err := c.cfg.Draw(seed)
	if err != nil {
		return fmt.Errorf("drawing the plan of seed %d: %w", seed, err)
	}
	start := time.Now()
	run, err := c.cfg.Runner.Run(ctx, plan)
	if c.cfg.OnRun != nil {
		if err := c.cfg.OnRun(ctx, plan, run, err); err != nil {
			return err
		}
	}
	var failure *det.Failure
	switch {
	case errors.As(err, &failure):
		if err := c.keep(harnessFinding(plan, failure, corpus.Occurrence{Scenario: c.cfg.State.Scenario, Seed: seed, Wall: fault.Duration(time.Since(start))}), ""); err != nil {
			return err
		}
		return c.finish(seed, func(s *corpus.State) { s.NoRun++ })
	case err != nil:
		return err
	}
	reached := c.cfg.Marks.Count(run.Index)
	for _, broken := range run.Verdict.Findings() {
		if err := c.found(ctx, seed, plan, run.Run, broken); err != nil {
			return err
		}
	}
	return c.finish(seed, func(s *corpus.State) {
		switch run.Verdict.Outcome() {
		case checker.Pass:
			s.Pass++
		case checker.Fail:
			s.Fail++
		case checker.Unknown:
			s.Unknown++
		}
		s.Virtual += fault.Duration(run.Virtual)
		for i, times := range reached {
			s.Marks[i].Times += times
			s.Marks[i].Runs += min(times, 1)
		}
	})
}

// found keeps what a run has broken: as an instance of a known finding, or as one
// of its own, shrunk.
func (c *campaign) found(ctx context.Context, seed uint64, plan *fault.Plan, run *report.Run, broken checker.Finding) error {
	violation, _ := run.Verdict.First(broken)
	seen := corpus.Occurrence{Scenario: c.cfg.State.Scenario, Seed: seed, Virtual: fault.Duration(violation.At), Wall: fault.Duration(run.Wall)}
	known, err := Identify(ctx, c.cfg.Runner, plan, broken, violation.Sentence(), c.cfg.Corpus.Findings())
	if err != nil {
		return err
	}
	if known != nil {
		return c.keep(known.Seen(seen), "")
	}
	if c.cfg.Shrink == nil {
		return c.keep(corpus.New(broken, plan, violation.Sentence(), seen), "it was not to be shrunk")
	}
	shrunk, err := c.cfg.Shrink(ctx, plan, broken)
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // half shrunk it has the wrong name; its seed runs again
	case err != nil: // never lose it
		return c.keep(corpus.New(broken, plan, violation.Sentence(), seen), err.Error())
	}
	// What is left may show a known finding that the rest had hidden, or one that was
	// found meanwhile.
	known, err = Identify(ctx, c.cfg.Runner, shrunk.Plan, broken, shrunk.Sentence, c.cfg.Corpus.Findings())
	if err != nil {
		return err
	}
	if known != nil {
		return c.keep(known.Seen(seen), "")
	}
	found := corpus.New(broken, shrunk.Plan, shrunk.Sentence, seen)
	found.Minimal = shrunk.Minimal
	return c.keep(found, "")
}

// keep adds a finding to the corpus and tells if it is new.
func (c *campaign) keep(f *corpus.Finding, why string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.Versions = c.cfg.State.Versions
	isNew, err := c.cfg.Corpus.Add(f)
	if err != nil || !isNew {
		return err
	}
	c.result.New = append(c.result.New, f)
	c.tell(Event{Found: f, Kept: why})
	return c.save(true)
}

// finish notes that a seed is done.
func (c *campaign) finish(seed uint64, count func(*corpus.State)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	count(c.cfg.State)
	c.cfg.State.Finish(seed)
	c.result.Seeds++
	c.tell(Event{})
	return c.save(false)
}

func (c *campaign) tell(e Event) {
	if c.cfg.OnEvent == nil {
		return
	}
	e.Seeds, e.New = c.result.Seeds, len(c.result.New)
	c.cfg.OnEvent(e)
}

// saveEvery is how much work a killed campaign may do again, beside what its
// findings need.
const saveEvery = 2 * time.Second

// save writes the state, unless it was written a moment ago.
func (c *campaign) save(now bool) error {
	if !now && time.Since(c.saved) < saveEvery {
		return nil
	}
	c.saved = time.Now()
	c.cfg.State.Elapsed = fault.Duration(c.carried + time.Since(c.start))
	return c.cfg.Corpus.SaveState(c.cfg.State)
}
