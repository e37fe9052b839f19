package known

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
)

// Many judges what the plans of many seeds break. Each that breaks something runs once more,
// with all repairs in: what stays is news of that seed. What is gone is followed once for each
// class of findings that look alike, over the lowest seeds that show it.
type Many struct {
	*Judge

	mu   sync.Mutex
	seen []seen
}

// seen is a finding of a seed, with what one run with all repairs in says of it.
type seen struct {
	Finding
	plan   *fault.Plan
	judged report.Judged
}

// mostMembers is over how many seeds a class is followed.
const mostMembers = 5

// Runner runs plans as another does, and sees what they break. It may be used by several
// goroutines.
func (m *Many) Runner(of drive.Runner) drive.Runner { return seeing{of, m} }

type seeing struct {
	drive.Runner
	many *Many
}

func (s seeing) Run(ctx context.Context, plan *fault.Plan) (*drive.Judged, error) {
	run, failed := s.Runner.Run(ctx, plan)
	if err := s.many.See(ctx, plan, run, failed); err != nil && ctx.Err() == nil {
		return nil, err
	}
	return run, failed
}

// See takes up what came of a run without repairs.
func (m *Many) See(ctx context.Context, plan *fault.Plan, run *drive.Judged, failed error) error {
	judged, of, err := m.once(ctx, plan, run, failed)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, f := range of {
		m.seen = append(m.seen, seen{f, plan, judged[i]})
	}
	return nil
}

// class is what looks alike and fares alike with all repairs in.
type class struct {
	report.Judged
	members []seen
}

// Judged tells of each class what is known, in order. What was seen until then counts.
func (m *Many) Judged(ctx context.Context) (all []report.Judged, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.classes() {
		if c.Is == "" {
			if err := m.follow(ctx, c); err != nil {
				return all, err
			}
		}
		all = append(all, c.Judged)
	}
	return merge(all), nil
}

// classes are what was seen, by finding, looks and what it means that it stays.
func (m *Many) classes() (all []*class) {
	slices.SortFunc(m.seen, func(a, b seen) int {
		return cmp.Or(cmp.Compare(a.Property, b.Property), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.judged.Looks, b.judged.Looks),
			cmp.Compare(a.plan.Seed, b.plan.Seed), cmp.Compare(a.plan.Line(), b.plan.Line()))
	})
	for _, s := range m.seen {
		i := slices.IndexFunc(all, func(c *class) bool { return c.same(&s.judged) })
		if i < 0 {
			i = len(all)
			all = append(all, &class{Judged: s.judged})
		} else {
			all[i].count(&s.judged)
		}
		all[i].members = append(all[i].members, s)
	}
	return all
}

func (c *class) same(other *report.Judged) bool {
	return c.Property == other.Property && c.Kind == other.Kind && c.Is == other.Is && c.Why == other.Why &&
		slices.Equal(c.Looks, other.Looks) && slices.Equal(c.As, other.As)
}

func (c *class) count(other *report.Judged) {
	c.Seeds = append(c.Seeds, other.Seeds...)
	c.Without, c.All = sum(c.Without, other.Without), sum(c.All, other.All)
}

func sum(a, b report.Share) report.Share {
	return report.Share{Broken: a.Broken + b.Broken, Of: a.Of + b.Of}
}

// follow attributes a class whose members are gone with all repairs in: over the lowest of
// them, by what it looks like; else over other schedules of the lowest, by any repair: what is
// gone from one run with all of them may stay in others.
func (m *Many) follow(ctx context.Context, c *class) error {
	judged := c.Judged
	plans := []*fault.Plan{}
	for _, s := range c.members[:min(mostMembers, len(c.members))] {
		plans = append(plans, s.plan)
	}
	judged.All = report.Share{Of: len(plans)}
	if err := m.attribute(ctx, c.Finding(), plans, &judged, false); err != nil {
		return err
	}
	if judged.Is != report.Known {
		further, err := m.finding(ctx, plans[0], c.Finding())
		if err != nil {
			return err
		}
		judged = further
		judged.Looks = c.Looks
	}
	judged.First, judged.Seeds, judged.All, judged.Without = c.First, c.Seeds, c.All, c.Without
	c.Judged = judged
	return nil
}

// Finding is what the members of a class break.
func (c *class) Finding() Finding { return c.members[0].Finding }

// merge puts together what is known as the same findings, whatever it looked like.
func merge(all []report.Judged) (merged []report.Judged) {
	for _, j := range all {
		i := slices.IndexFunc(merged, func(k report.Judged) bool {
			return j.Is == report.Known && k.Is == report.Known && k.Property == j.Property && k.Kind == j.Kind && slices.Equal(k.Repairs, j.Repairs)
		})
		if i < 0 {
			merged = append(merged, j)
			continue
		}
		k := &merged[i]
		with := sum(*k.With, *j.With)
		k.With, k.Without, k.All = &with, sum(k.Without, j.Without), sum(k.All, j.All)
		k.Seeds = append(k.Seeds, j.Seeds...)
		slices.Sort(k.Seeds)
		k.Looks = nil
	}
	return merged
}
