package known

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/compare"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Judge measures what is known of what plans break. All fields are needed, except OnProgress.
type Judge struct {
	Repairs
	// Build returns a worker with repairs, or without if there are none: for plans with whole
	// agents, or for those without. It is asked once for each set that edits something.
	Build      func(ctx context.Context, set []*repairs.Repair, whole bool) (repairs.Worker, error)
	Kept       *Kept
	Parallel   int          // runs at once
	Schedules  int          // of a plan, its own among them, to begin with; zero: DefaultSchedules
	OnProgress func(string) // told what is done, by several goroutines

	mu    sync.Mutex
	built map[built]repairs.Worker
}

// built is what a worker has.
type built struct {
	repairs string // by name, joined by commas
	whole   bool
}

// DefaultSchedules of a plan tell a mechanism from chance if each breaks it without a repair
// and none with it. If fewer do, twice as many are tried, up to mostSchedules.
const (
	DefaultSchedules = 5
	mostSchedules    = 20
)

// byChance is how probable it may be that a difference is one of schedules alone.
const byChance = 0.05

// mostTogether is how many repairs may be needed together: a run has seldom so many
// mechanisms that break one thing, and what only a crowd of edits hides is news.
const mostTogether = 3

// worker returns the worker that has repairs, for plans with whole agents or without.
func (j *Judge) worker(ctx context.Context, set []*repairs.Repair, whole bool) (repairs.Worker, error) {
	if repairs.Plant(set...) == nil {
		set = nil
	}
	all, _ := names(set)
	key := built{strings.Join(all, ","), whole}
	j.mu.Lock()
	defer j.mu.Unlock()
	if w, ok := j.built[key]; ok {
		return w, nil
	}
	slices.SortFunc(set, func(a, b *repairs.Repair) int { return strings.Compare(a.Name, b.Name) }) // as they fit together
	w, err := j.Build(ctx, set, whole)
	if err != nil && len(set) > 0 {
		err = fmt.Errorf("a worker with %s: %w", strings.Join(all, ", "), err)
	}
	if err != nil {
		return w, err
	}
	if j.built == nil {
		j.built = map[built]repairs.Worker{}
	}
	j.built[key] = w
	return w, nil
}

// run runs a plan with repairs.
func (j *Judge) run(ctx context.Context, plan *fault.Plan, set []*repairs.Repair) (*Outcome, error) {
	worker, err := j.worker(ctx, slices.Clone(set), plan.HasWhole())
	if err != nil {
		return nil, err
	}
	for _, r := range set {
		if plan, err = r.Set(plan); err != nil {
			return nil, fmt.Errorf("repair %s: %w", r.Name, err)
		}
	}
	return j.Kept.Run(ctx, worker, plan)
}

// Keep keeps what came of a run without repairs.
func (j *Judge) Keep(ctx context.Context, plan *fault.Plan, run *drive.Judged, failed error) (*Outcome, error) {
	worker, err := j.worker(ctx, nil, plan.HasWhole())
	if err != nil {
		return nil, err
	}
	return j.Kept.Keep(ctx, worker, plan, run, failed)
}

// tried is what some runs with a set of repairs showed of a finding.
type tried struct {
	report.Share
	outcomes []*Outcome // of the plans, in their order
}

// try runs plans with repairs.
func (j *Judge) try(ctx context.Context, f Finding, plans []*fault.Plan, set []*repairs.Repair) (t tried, err error) {
	t.outcomes = make([]*Outcome, len(plans))
	err = drive.Each(ctx, numbers(len(plans)), j.Parallel, func(ctx context.Context, i int) (*Outcome, error) {
		return j.run(ctx, plans[i], set)
	}, func(i int, o *Outcome) error {
		t.outcomes[i] = o
		return nil
	})
	for _, o := range t.outcomes {
		switch {
		case o == nil: // it was stopped
		case f.breaks(o):
			t.Broken++
			t.Of++
		case !f.leavesOpen(o):
			t.Of++
		}
	}
	return t, err
}

func numbers(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// tell tells what is done.
func (j *Judge) tell(f Finding, format string, args ...any) {
	if j.OnProgress != nil {
		j.OnProgress(strings.TrimSpace(f.Property+" "+f.Kind) + ": " + fmt.Sprintf(format, args...))
	}
}

// Plan runs a plan and tells of each finding what is known, over several schedules of it.
func (j *Judge) Plan(ctx context.Context, plan *fault.Plan) ([]report.Judged, error) {
	o, err := j.run(ctx, plan, nil)
	if err != nil {
		return nil, err
	}
	if o.Failed != "" {
		return nil, fmt.Errorf("seed %d: the run gave nothing to judge: %s", plan.Seed, o.Failed)
	}
	var all []report.Judged
	for _, f := range findings(o) {
		judged, err := j.finding(ctx, plan, f)
		if err != nil {
			return all, err
		}
		judged.First, judged.Seeds = f.first(o), []uint64{plan.Seed}
		all = append(all, judged)
	}
	return all, nil
}

// Once tells what is known of what a run has broken after one run more, with all repairs in:
// what is gone is known, and not as what.
func (j *Judge) Once(ctx context.Context, plan *fault.Plan, run *drive.Judged, failed error) ([]report.Judged, error) {
	all, _, err := j.once(ctx, plan, run, failed)
	for i := range all {
		if all[i].Is == "" {
			all[i].Is, all[i].Why = report.Known, "by which of them is not measured"
		}
	}
	return all, err
}

// once is Once; what is gone has no standing yet.
func (j *Judge) once(ctx context.Context, plan *fault.Plan, run *drive.Judged, failed error) (all []report.Judged, of []Finding, err error) {
	if failed != nil && ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	o, err := j.Keep(ctx, plan, run, failed)
	if err != nil {
		return nil, nil, err
	}
	of = findings(o)
	if len(of) == 0 {
		return nil, nil, nil
	}
	with, err := j.run(ctx, plan, j.Repairs.All)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range of {
		judged := report.Judged{
			Property: f.Property, Kind: f.Kind, Looks: named(f.looks(o)), First: f.first(o), Seeds: []uint64{plan.Seed},
			Without: report.Share{Broken: 1, Of: 1},
		}
		t := tried{outcomes: []*Outcome{with}}
		if t.Of = 1; f.breaks(with) {
			t.Broken = 1
		} else if f.leavesOpen(with) {
			t.Of = 0
		}
		judged.All = t.Share
		j.gone(f, &judged, t)
		all = append(all, judged)
	}
	return all, of, nil
}

// finding judges one finding of a plan that breaks it.
func (j *Judge) finding(ctx context.Context, plan *fault.Plan, f Finding) (report.Judged, error) {
	judged := report.Judged{Property: f.Property, Kind: f.Kind}
	for n := cmp.Or(j.Schedules, DefaultSchedules); ; n *= 2 {
		plans := schedules(plan, n)
		j.tell(f, "%d schedules without repairs, and with all", n)
		without, err := j.try(ctx, f, plans, nil)
		if err != nil {
			return judged, err
		}
		all, err := j.try(ctx, f, plans, j.Repairs.All)
		if err != nil {
			return judged, err
		}
		judged.Looks = named(f.looks(without.outcomes[0]))
		judged.Without, judged.All = without.Share, all.Share
		switch {
		case !j.gone(f, &judged, all):
			return judged, nil
		case chanceOf(without.Share, all.Share) < byChance:
			return judged, j.attribute(ctx, f, plans, &judged, true)
		case n >= mostSchedules && j.unrepaired(judged.Looks):
			judged.Is, judged.As = report.Suspected, judged.Looks
			return judged, nil
		case n >= mostSchedules:
			judged.Is, judged.Why = report.News, "too rare to tell a repair from another schedule"
			return judged, nil
		}
	}
}

func chanceOf(without, with report.Share) float64 {
	return compare.Chance(without.Broken, without.Of, with.Broken, with.Of)
}

// gone tells whether no run with all repairs in breaks it. If not, it says what that means.
func (j *Judge) gone(f Finding, judged *report.Judged, all tried) bool {
	switch {
	case all.Broken > 0:
		judged.Is, judged.Why = report.News, "stays with all repairs in"
		var looks []string
		for _, o := range all.outcomes {
			if f.breaks(o) {
				looks = append(looks, f.looks(o)...)
			}
		}
		slices.Sort(looks)
		if looks = slices.Compact(looks); j.unrepaired(looks) {
			judged.Is, judged.As, judged.Why = report.Suspected, looks, ""
		}
	case all.Of == 0:
		judged.Is, judged.Why = report.News, "undecided with all repairs in"
		if failed := all.outcomes[0].Failed; failed != "" {
			judged.Why += ": " + failed
		}
	default:
		return true
	}
	return false
}

// attribute finds the repairs that take a finding away, of which it is known that all
// together do. Those that it looks like come first, each alone; if these do not, a smallest set is
// looked for among all, if it may take so long: a worker has to be built for each try.
func (j *Judge) attribute(ctx context.Context, f Finding, plans []*fault.Plan, judged *report.Judged, others bool) error {
	suspects := j.suspects(judged.Looks)
	takesAway := func(set []*repairs.Repair) (bool, error) {
		all, _ := names(set)
		j.tell(f, "with %s", strings.Join(all, " and "))
		with, err := j.try(ctx, f, plans, set)
		if err != nil || with.Broken > 0 || with.Of < judged.All.Of {
			return false, err
		}
		judged.Is, judged.With = report.Known, &with.Share
		judged.Repairs, judged.As = names(set)
		return true, nil
	}
	for _, r := range suspects {
		if done, err := takesAway([]*repairs.Repair{r}); done || err != nil {
			return withoutSources(judged, err)
		}
	}
	sets := [][]*repairs.Repair{}
	if len(suspects) > 1 {
		sets = append(sets, suspects)
	}
	if others {
		sets = append(sets, slices.Concat(suspects, slices.DeleteFunc(slices.Clone(j.Repairs.All), func(r *repairs.Repair) bool { return slices.Contains(suspects, r) })))
	}
	for _, among := range sets {
		if done, err := takesAway(among); err != nil {
			return withoutSources(judged, err)
		} else if !done {
			continue
		}
		set, err := smallest(nil, among, takesAway)
		if err != nil {
			return withoutSources(judged, err)
		}
		if len(set) <= mostTogether {
			_, err := takesAway(set) // its runs are kept
			return err
		}
		all, _ := names(set)
		judged.Why = fmt.Sprintf("gone with all repairs, with none alone; the smallest set that was found is %s", strings.Join(all, ", "))
	}
	judged.Is, judged.As, judged.Repairs, judged.With = report.News, nil, nil, nil
	if judged.Why == "" {
		judged.Why = "gone with all repairs, with none alone"
		if !others {
			judged.Why = "gone with all repairs, with none of those alone that it looks like"
		}
	}
	return nil
}

// withoutSources is an error, unless it says that no worker can be built here: then it is
// known, and not as what.
func withoutSources(judged *report.Judged, err error) error {
	if errors.Is(err, det.ErrNoSources) {
		judged.Is, judged.As, judged.Repairs, judged.With = report.Known, nil, nil, nil
		judged.Why = "by which of them is not measured, as there are no sources here to build from"
		return nil
	}
	return err
}

// smallest returns a set of candidates, as small as can be without one of its members,
// that takes a finding away together with those that are in already (QuickXplain, Junker 2004).
func smallest(in, candidates []*repairs.Repair, takesAway func([]*repairs.Repair) (bool, error)) ([]*repairs.Repair, error) {
	if len(candidates) == 1 {
		return candidates, nil
	}
	half := len(candidates) / 2
	first, second := candidates[:half], candidates[half:]
	part := func(in, other, of []*repairs.Repair) ([]*repairs.Repair, error) {
		in = slices.Concat(in, other)
		if len(other) > 0 {
			if done, err := takesAway(in); done || err != nil {
				return nil, err
			}
		}
		return smallest(in, of, takesAway)
	}
	ofSecond, err := part(in, first, second)
	if err != nil {
		return nil, err
	}
	ofFirst, err := part(in, ofSecond, first)
	return slices.Concat(ofFirst, ofSecond), err
}

// schedules are a plan with its own seed and then others, which order events otherwise.
func schedules(plan *fault.Plan, n int) []*fault.Plan {
	all := []*fault.Plan{plan}
	for seed := uint64(1); len(all) < n; seed++ {
		if seed != plan.Seed {
			other := *plan
			other.Seed = seed
			all = append(all, &other)
		}
	}
	return all
}
