// Package compare tells what a change of Cilium changes: it runs the same plans with a
// worker that has it, the branch, and one that has not, the baseline.
//
// A seed in which the branch breaks something in a way in which the baseline does not may
// be a regression, or a schedule that has shifted: a change of any kind moves what happens
// when, and a known race is won here and lost there. So each such way is tried with other
// schedules of the same plans on both (around.go), and is a regression if chance does not
// explain the difference.
package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Config is what a comparison works with. All fields are needed, except those that say so.
type Config struct {
	Baseline, Branch drive.Runner
	Seeds            drive.Seeds
	Also             []uint64 // if non-nil, seeds beside these: schedules of one plan
	Plan             func(seed uint64) (*fault.Plan, error)
	Parallel         int           // plans at once
	Around           int           // other schedules of a plan; zero: nothing is told from chance
	OnProgress       func(string)  // if non-nil, told what is done, one call at a time
	OnSeed           func(*Report) // if non-nil, told of each seed, one call at a time

	// Shrink, if non-nil, makes a plan smaller that shows a finding on the branch and for
	// which counts says so.
	Shrink func(ctx context.Context, plan *fault.Plan, finding checker.Finding, counts func(context.Context, *report.Run) (bool, error)) (*report.Shrunk, error)
}

// Outcome is what a change does to a seed.
type Outcome string

const (
	Regressed Outcome = "regressed" // the branch breaks something that the baseline keeps, and not by chance
	Undecided Outcome = "undecided" // one of the runs is, or the branch breaks what the baseline never broke, too seldom to tell it from chance
	Changed   Outcome = "changed"   // both break something, in other ways; or chance explains the difference
	Fixed     Outcome = "fixed"     // the branch keeps what the baseline breaks
	Same      Outcome = "same"
)

// Outcomes are all, the worst first.
var Outcomes = []Outcome{Regressed, Undecided, Changed, Fixed, Same}

// Seed is what came of a seed.
type Seed struct {
	Seed     uint64   `json:"seed"`
	Outcome  Outcome  `json:"outcome"`
	Baseline Observed `json:"baseline"`
	Branch   Observed `json:"branch"`
	Why      string   `json:"why,omitempty"` // a sentence, unless it is the same
}

// Observed is what a run of one side showed.
type Observed struct {
	Ways      []Way    `json:"ways,omitempty"`      // in which something is broken
	Broken    []string `json:"broken,omitempty"`    // properties
	Undecided []string `json:"undecided,omitempty"` // properties, or why the run decides nothing
	Hash      string   `json:"hash,omitempty"`
}

// Way is how something is broken: as a finding that it looks like, or a property and kind of
// object, or a run that ended before its time.
type Way struct {
	Name     string `json:"name"`
	Known    bool   `json:"known"`
	Sentence string `json:"sentence"` // the first violation

	finding checker.Finding // to follow; of a run that ended none
}

func (o *Observed) way(name string) *Way {
	if i := slices.IndexFunc(o.Ways, func(w Way) bool { return w.Name == name }); i >= 0 {
		return &o.Ways[i]
	}
	return nil
}

// Report is what came of a comparison.
type Report struct {
	Baseline *report.Code  `json:"baseline,omitempty"`
	Branch   *report.Code  `json:"branch,omitempty"`
	Changes  *det.Changes  `json:"changes,omitempty"` // of the source, if both sides' is known
	Failed   string        `json:"failed,omitempty"`  // why there is nothing to compare
	Asked    int           `json:"seedsAsked"`
	Seeds    []Seed        `json:"seeds"`              // in order
	Findings []*Difference `json:"findings"`           // in which the branch breaks what the baseline keeps; regressions first
	Note     string        `json:"note,omitempty"`     // why not all seeds were run
	Elapsed  time.Duration `json:"elapsedNanoseconds"` // wall time
}

// Difference is a way in which the branch breaks something in seeds in which the baseline
// does not.
type Difference struct {
	Way
	Outcome Outcome  `json:"outcome"`
	Of      string   `json:"of,omitempty"`  // the regression that it comes with, which is shown in its place
	How     string   `json:"how,omitempty"` // it comes with that
	Seeds   []uint64 `json:"seeds"`
	Around  Around   `json:"around"`

	Plan     *fault.Plan `json:"-"` // that shows it: as small as could be made, or of its lowest seed
	Shrunk   string      `json:"shrunk,omitempty"`
	OnBranch string      `json:"onBranch,omitempty"`   // what the plan shows there
	OnBase   string      `json:"onBaseline,omitempty"` // and there
	File     string      `json:"plan,omitempty"`       // that the plan is in

	also []string // ways in which the plan breaks on the branch and not on the baseline
}

// Compare runs the seeds on both sides and follows what the branch breaks anew. A report
// comes with the error of ctx, too.
func Compare(ctx context.Context, cfg Config) (*Report, error) {
	start := time.Now()
	r := &Report{Asked: cfg.Seeds.Count() + len(cfg.Also), Seeds: []Seed{}, Findings: []*Difference{}}
	seeds := func(yield func(uint64) bool) {
		for seed := range cfg.Seeds.All() {
			if !yield(seed) {
				return
			}
		}
		for _, seed := range cfg.Also {
			if !yield(seed) {
				return
			}
		}
	}
	err := drive.Each(ctx, seeds, cfg.Parallel, func(ctx context.Context, seed uint64) (Seed, error) {
		return both(ctx, cfg, seed)
	}, func(_ uint64, s Seed) error {
		r.Seeds = append(r.Seeds, s)
		if cfg.OnSeed != nil {
			cfg.OnSeed(r)
		}
		return nil
	})
	slices.SortFunc(r.Seeds, func(a, b Seed) int { return cmp.Compare(a.Seed, b.Seed) })
	r.Findings = append(r.Findings, r.differences()...)
	if err == nil {
		err = r.follow(ctx, cfg)
	}
	r.settle()
	if err != nil {
		r.Note = r.stopped(ctx, cfg, err)
	}
	r.Elapsed = time.Since(start)
	return r, err
}

// stopped says why a comparison ended before its time, and how to go on.
func (r *Report) stopped(ctx context.Context, cfg Config, err error) string {
	if ctx.Err() == nil {
		return "stopped: " + err.Error()
	}
	note := "interrupted"
	if cfg.Also != nil {
		return note
	}
	if undecided := r.of(Undecided); len(r.Seeds) == r.Asked && len(undecided) > 0 {
		return fmt.Sprintf("%s before all differences were told from chance; go on with -seeds %d-%d", note, undecided[0].Seed, undecided[len(undecided)-1].Seed)
	}
	for seed := range cfg.Seeds.All() {
		if !slices.ContainsFunc(r.Seeds, func(s Seed) bool { return s.Seed == seed }) {
			return fmt.Sprintf("%s; go on with -seeds %d-%d", note, seed, cfg.Seeds.Last)
		}
	}
	return note
}

// both runs a seed on both sides.
func both(ctx context.Context, cfg Config, seed uint64) (Seed, error) {
	plan, err := cfg.Plan(seed)
	if err != nil {
		return Seed{}, err
	}
	s := Seed{Seed: seed}
	if s.Baseline, err = observe(ctx, cfg.Baseline, plan); err != nil {
		return s, err
	}
	if s.Branch, err = observe(ctx, cfg.Branch, plan); err != nil {
		return s, err
	}
	s.Outcome, s.Why = judge(&s.Baseline, &s.Branch)
	return s, nil
}

// observe runs a plan. Its error is not about what was run.
func observe(ctx context.Context, runner drive.Runner, plan *fault.Plan) (o Observed, err error) {
	run, err := runner.Run(ctx, plan)
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	var failure *det.Failure
	switch {
	case errors.As(err, &failure) && failure.Kind == det.Crash:
		w := Way{Name: "the worker ends: " + cmp.Or(drive.Cause(failure.Output), failure.Message), Sentence: failure.Message}
		if p := drive.PanicOf(failure.Output); p != nil {
			w = Way{Name: cmp.Or(p.Page, "panic in "+p.Function), Known: p.Page != "", Sentence: p.Value + " at " + p.At}
		}
		o.Ways = []Way{w}
		o.Broken = []string{"the run"}
		return o, nil
	case errors.As(err, &failure) && failure.Kind != det.Input:
		o.Undecided = []string{string(failure.Kind) + ": " + failure.Message}
		return o, nil
	case err != nil:
		return o, err
	}
	return seen(run.Run), nil
}

// seen is what a judged run shows.
func seen(run *report.Run) Observed {
	o := Observed{Hash: run.Hash, Broken: run.Verdict.Broken()}
	for _, g := range report.Groups(run.Verdict) {
		finding := checker.Finding{Property: g.Properties[0], Kind: g.First.Kind, Cause: g.Mechanism}
		for _, property := range g.Properties { // the one that the first violation is of
			f := checker.Finding{Property: property, Kind: g.First.Kind, Cause: g.Mechanism}
			if v, shown := run.Verdict.First(f); shown && v.At == g.First.At {
				finding = f
				break
			}
		}
		o.Ways = append(o.Ways, Way{Name: cmp.Or(g.Mechanism, g.Broken), Known: !g.News(), Sentence: g.First.Sentence(), finding: finding})
	}
	for _, result := range run.Verdict.Results {
		if result.Outcome == checker.Unknown {
			o.Undecided = append(o.Undecided, result.Property)
		}
	}
	if run.Deterministic && run.Unseeded > 0 {
		o.Undecided = append(o.Undecided, "the seed did not determine the run")
	}
	return o
}
