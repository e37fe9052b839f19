package repairs

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
)

// Left is what seeds break with repairs in: a property on a kind of object, by a mechanism
// if the records prove one.
type Left struct {
	Property string   `json:"property"`
	Kind     string   `json:"kind,omitempty"`
	Cause    string   `json:"cause,omitempty"`
	Promised bool     `json:"promised"`
	Seeds    []uint64 `json:"seeds"`   // that break it with the repairs
	Without  []uint64 `json:"without"` // of these, that break it without them too
	First    string   `json:"first"`   // violation
}

// Swept is what came of drawn seeds.
type Swept struct {
	Seeds     int      `json:"seeds"`
	Keep      int      `json:"keep"`      // all that is promised, with the repairs
	Undecided []uint64 `json:"undecided"` // seeds that leave a property open
	Crashed   []uint64 `json:"crashed"`   // seeds in which the code under test panics
	Left      []Left   `json:"left"`      // in order
}

// Sweep runs drawn seeds with repairs and, where they break something, without.
func Sweep(ctx context.Context, cfg Config, all []*Repair, with Worker, seeds drive.Seeds, planOf func(uint64) (*fault.Plan, error)) (Swept, error) {
	type pair struct{ with, without Outcome }
	outcomes, done := map[uint64]pair{}, 0
	err := drive.Each(ctx, seeds.All(), cfg.Parallel, func(ctx context.Context, seed uint64) (p pair, err error) {
		plan, err := planOf(seed)
		if err != nil {
			return p, err
		}
		set := plan
		for _, r := range all {
			if set, err = r.Set(set); err != nil {
				return p, err
			}
		}
		if p.with, err = cfg.Kept.Run(ctx, with, set); err == nil && len(p.with.Broke) > 0 {
			p.without, err = cfg.Kept.Run(ctx, cfg.Without, plan)
		}
		return p, err
	}, func(seed uint64, p pair) error {
		outcomes[seed] = p
		done++
		cfg.OnRun(done, seeds.Count())
		return nil
	})
	s := Swept{Seeds: len(outcomes)}
	left := map[[3]string]*Left{}
	for _, seed := range slices.Sorted(maps.Keys(outcomes)) {
		o := outcomes[seed]
		switch {
		case o.with.Crash != "":
			s.Crashed = append(s.Crashed, seed)
		case len(o.with.Undecided) > 0:
			s.Undecided = append(s.Undecided, seed)
		case o.with.Promises():
			s.Keep++
		}
		for _, b := range o.with.Broke {
			key := [3]string{b.Property, b.Kind, b.Cause}
			l := left[key]
			if l == nil {
				l = &Left{Property: b.Property, Kind: b.Kind, Cause: b.Cause, Promised: b.Promised, First: b.First}
				left[key] = l
			}
			l.Seeds = append(l.Seeds, seed)
			if slices.ContainsFunc(o.without.Broke, func(w Broken) bool { return w.Property == b.Property && w.Kind == b.Kind }) {
				l.Without = append(l.Without, seed)
			}
		}
	}
	for _, l := range left {
		s.Left = append(s.Left, *l)
	}
	slices.SortFunc(s.Left, func(a, b Left) int {
		return cmp.Or(cmp.Compare(a.Property, b.Property), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Cause, b.Cause))
	})
	return s, err
}

// Promises tells whether every seed kept all that is promised, and decided it.
func (s Swept) Promises() bool { return s.Keep == s.Seeds }
