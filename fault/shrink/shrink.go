// Package shrink makes a plan smaller that shows a finding, until nothing that it
// knows to leave out or to simplify can go without the finding going too.
//
// It knows plans only. What a plan's run shows is told by a function, so that the
// search can be tested without running anything. The search is greedy: it goes
// through edits in a fixed order, from coarse to fine, takes the first that keeps
// the finding, and goes on from there. Its result depends on what runs show and
// on nothing else, in particular not on how many run at once.
//
// The edits are in the files: ends.go cuts the time after the violation, drop.go
// leaves faults, workload and objects out (by delta debugging: Zeller and
// Hildebrandt, TSE 2002, with complements only), hosts.go takes hosts away and
// renumbers the others, times.go closes gaps and rounds times, faults.go and
// simplify.go set numbers and options to what a reader expects.
package shrink

import (
	"context"

	"github.com/meshcheck/meshcheck/fault"
)

// Outcome is what the run of a plan showed.
type Outcome struct {
	Shows bool           // the finding
	First fault.Duration // its first instance, since the start of the churn; below zero, or beyond the churn, if it is not within
	// Begun is when each fault of the plan began, since the start of the churn, or
	// Never. It may be nil if that is not known.
	Begun []fault.Duration
	// Stalls are those that options.stall has drawn, until the first instance.
	Stalls []fault.Stall
}

// Never is when a fault began that did not happen.
const Never fault.Duration = -1

// Config says how to search. Run is needed; the zero value of the others is
// their default.
type Config struct {
	// Run tells what the run of a valid plan shows: always the same for the same
	// plan. It is called from several goroutines. An error ends the search, unless
	// it comes after ctx was cancelled, as it is when the outcome is not needed
	// any more.
	Run func(ctx context.Context, plan *fault.Plan) (Outcome, error)

	// KeepSettle leaves plan.settle alone: for a property that a shorter time to
	// settle would break by itself.
	KeepSettle bool

	// Seeds is how many other seeds (1, 2, ...) a plan with something left out is
	// tried with, after its own. Every change of a plan changes the schedule of its
	// run, so a finding that hangs on a schedule may need another one.
	Seeds int

	Parallel int            // runs at once; zero: 1
	Progress func(Progress) // if non-nil, told about each run, one call at a time
}

// Progress is how far a search has come.
type Progress struct {
	Now  Size // of the smallest plan so far
	Runs int  // that have ended
}

// Result is what a search has found.
type Result struct {
	Plan    *fault.Plan // shows the finding
	Outcome Outcome     // of its run
	Runs    int         // that the result rests on; runs ahead of need are not counted
	// Minimal is set if no edit makes the plan smaller, and not if the search was
	// ended before.
	Minimal bool
}

// Shrink returns a plan that shows the finding and is as small as the search can
// make it. Seen is what the run of the given plan has shown, the finding among
// it. The given plan, which must be valid, is not changed. When ctx ends, or after
// an error, the result is the best so far; the error is nil if only ctx ended.
func Shrink(ctx context.Context, plan *fault.Plan, seen Outcome, cfg Config) (Result, error) {
	s := newSearch(ctx, plan, seen, cfg)
	for s.once(structure, coarse, 0) ||
		s.large() && s.once(withLuck, coarse, cfg.Seeds) ||
		s.once(structure, fine, 0) ||
		s.once(details, fine, 0) ||
		s.once(structure, fine, cfg.Seeds) {
	}
	return Result{Plan: s.best, Outcome: s.seen, Runs: s.runs, Minimal: !s.over()}, s.err
}

// A pass tries the edits of one idea and takes those that keep the finding.
type pass func(s *search)

// Passes in their order. Structure begins with what makes the runs after it
// cheaper, and is stable before details are tried, each of which costs runs too.
var (
	structure = []pass{
		cutAfter, dropStalls, dropUnfired, dropAgents, dropServers, dropNodes, cutEnds, dropFaults, dropTargets,
		dropNamespaces, dropPods, dropWorkload, dropPairs, dropObjects,
	}
	withLuck = append([]pass{cutWindow}, structure...)
	details  = []pass{simplifyPlan, dropTriggers, simplifyFaults, simplifyOps, closeGaps, smallSeed}
)

// How small the parts are that a pass leaves out.
const (
	coarse = 8 // not below an eighth of what there is
	fine   = 0 // down to single elements
)

// once goes through passes, trying each plan with so many other seeds, and
// reports whether that is worth going on: the plan has changed, and there is time.
func (s *search) once(passes []pass, parts, seeds int) bool {
	before := s.best
	s.parts, s.seeds = parts, seeds
	for _, p := range passes {
		p(s)
	}
	return s.best != before && !s.over()
}

// large tells whether it would take many runs to leave out single elements. The
// finding then hangs on something that the edits change, most likely the schedule.
func (s *search) large() bool { return SizeOf(s.best).Decisions() > 40 }
