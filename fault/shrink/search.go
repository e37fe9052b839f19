package shrink

import (
	"context"
	"crypto/sha256"
	"iter"
	"slices"

	"github.com/meshcheck/meshcheck/fault"
)

// search is the state of one Shrink.
type search struct {
	ctx  context.Context
	cfg  Config
	best *fault.Plan // never changed in place
	seen Outcome     // of best

	parts   int                        // of how fine the present pass is
	seeds   int                        // other seeds to try a plan with, in the present pass
	without map[[sha256.Size]byte]bool // plans that do not show the finding
	runs    int                        // as in Result
	ended   int                        // as in Progress
	err     error
}

func newSearch(ctx context.Context, plan *fault.Plan, seen Outcome, cfg Config) *search {
	cfg.Parallel = max(1, cfg.Parallel)
	return &search{ctx: ctx, cfg: cfg, best: clone(plan), seen: seen, without: map[[sha256.Size]byte]bool{}}
}

// over tells whether the search has to end before it has tried everything.
func (s *search) over() bool {
	return s.err != nil || s.ctx.Err() != nil
}

// A trial is one run of one plan.
type trial struct {
	order   int // among the trials of one call of first
	edit    int
	plan    *fault.Plan
	cancel  context.CancelFunc
	outcome Outcome
	err     error
}

// first tries the edits 0 to n-1 of the best plan in order and takes the first
// plan that shows the finding. It returns the edit that it has taken, or -1. An
// edit is nil where there is nothing to edit.
//
// As many plans run at once as there may be. Only what comes before the plan that
// is taken counts and is remembered, so that neither the result nor the number of
// runs depends on what ends first.
func (s *search) first(n int, edit func(i int) *fault.Plan) int {
	next, stop := iter.Pull2(s.plans(n, edit))
	defer stop()
	var (
		trials []*trial
		done   = make(chan *trial)
		active = 0
		taken  = -1 // the first trial, of those that have ended, that decides
	)
	for {
		for active < s.cfg.Parallel && taken < 0 && s.ctx.Err() == nil {
			i, plan, more := next()
			if !more {
				break
			}
			trials = append(trials, s.start(&trial{order: len(trials), edit: i, plan: plan}, done))
			active++
		}
		if active == 0 {
			return s.conclude(trials, taken)
		}
		t := <-done
		active--
		s.ended++
		if decides := t.err != nil || t.outcome.Shows; decides && (taken < 0 || t.order < taken) {
			taken = t.order
			for _, later := range trials[taken+1:] {
				later.cancel()
			}
		}
		s.tell()
	}
}

func (s *search) start(t *trial, done chan<- *trial) *trial {
	ctx, cancel := context.WithCancel(s.ctx)
	t.cancel = cancel
	go func() {
		defer cancel()
		t.outcome, t.err = s.cfg.Run(ctx, t.plan)
		done <- t
	}()
	return t
}

// conclude takes the trial that decides, if there is one, and remembers those
// before it.
func (s *search) conclude(trials []*trial, taken int) int {
	if s.ctx.Err() != nil || s.err != nil {
		return -1
	}
	before := trials
	if taken >= 0 {
		before = trials[:taken]
	}
	for _, t := range before {
		s.without[fingerprint(t.plan)] = true
	}
	s.runs += len(before)
	if taken < 0 {
		return -1
	}
	s.runs++
	t := trials[taken]
	if s.err = t.err; s.err != nil {
		return -1
	}
	s.best, s.seen = t.plan, t.outcome
	s.tell()
	return t.edit
}

// plans are the plans to try, in order, each with the edit that it comes from: an
// edit's plan with its own seed, then with others. Plans that are not valid, that
// are the best one, or that are known not to show the finding are left out.
func (s *search) plans(n int, edit func(i int) *fault.Plan) iter.Seq2[int, *fault.Plan] {
	return func(yield func(int, *fault.Plan) bool) {
		for i := range n {
			base := edit(i)
			if base == nil || base.Line() == s.best.Line() || base.Validate() != nil {
				continue
			}
			for other := range uint64(s.seeds) + 1 {
				plan := base
				if other > 0 {
					plan = clone(base)
					plan.Seed = other
				}
				if known := other > 0 && other == base.Seed || s.without[fingerprint(plan)]; known {
					continue
				}
				if !yield(i, plan) {
					return
				}
			}
		}
	}
}

func (s *search) tell() {
	if s.cfg.Progress != nil {
		s.cfg.Progress(Progress{Now: SizeOf(s.best), Runs: s.ended})
	}
}

func fingerprint(p *fault.Plan) [sha256.Size]byte { return sha256.Sum256([]byte(p.Line())) }

// clone returns a copy that shares nothing that edits change.
func clone(p *fault.Plan) *fault.Plan {
	c := *p
	c.Promise = slices.Clone(p.Promise)
	c.Nodes = slices.Clone(p.Nodes)
	c.Pods = slices.Clone(p.Pods)
	c.Services = slices.Clone(p.Services)
	c.Policies = slices.Clone(p.Policies)
	c.Ops = slices.Clone(p.Ops)
	for i := range c.Ops {
		if pod := c.Ops[i].Pod; pod != nil {
			copied := *pod
			c.Ops[i].Pod = &copied
		}
		if service := c.Ops[i].Service; service != nil {
			copied := *service
			c.Ops[i].Service = &copied
		}
		if policy := c.Ops[i].Policy; policy != nil {
			copied := *policy
			c.Ops[i].Policy = &copied
		}
		if op := &c.Ops[i]; op.When != nil {
			when := *op.When
			op.When = &when
		}
	}
	c.Stalls = slices.Clone(p.Stalls)
	c.Faults = slices.Clone(p.Faults)
	for i := range c.Faults {
		f := &c.Faults[i]
		f.Targets = slices.Clone(f.Targets)
		if f.When != nil {
			when := *f.When
			f.When = &when
		}
	}
	c.Objects = slices.Clone(p.Objects)
	return &c
}
