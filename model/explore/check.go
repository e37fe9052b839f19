package explore

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/model/explore/internal/codec"
	"github.com/meshcheck/meshcheck/model/explore/trace"
)

// Check explores the reachable states of a model and decides its properties. The
// error says what is wrong with the model or the options; what the search finds,
// and that it was cut short, is in the result.
//
// A search that ends early, by a bound or because ctx is done, leaves every
// property without a counterexample unknown.
func Check[S any](ctx context.Context, m *Model[S], o Options) (*Result, error) {
	s, err := newSearch(m, o)
	if err != nil {
		return nil, err
	}
	defer s.table.Free()
	notes := s.reduce()
	start := time.Now()
	stop := s.report(start)
	err = s.run(ctx)
	stop()
	if err != nil {
		return nil, err
	}
	r := &Result{
		Model: m.name, Finished: s.stopped == "", Stopped: s.stopped,
		Reductions: s.reductions(), Notes: notes, Stats: s.stats,
	}
	n := float64(r.Stats.Distinct)
	r.Stats.Collision = min(1, n*n/math.Pow(2, 65))
	if r.Finished {
		r.Dead = s.dead()
	}
	if err := s.judge(ctx, r); err != nil {
		return nil, err
	}
	r.Stats.Elapsed = time.Since(start)
	return r, nil
}

// newSearch prepares a search of a valid model with valid options.
func newSearch[S any](m *Model[S], o Options) (*search[S], error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	props, err := m.selected(o)
	if err != nil {
		return nil, err
	}
	c, err := codec.New[S]()
	if err != nil {
		return nil, fmt.Errorf("model %q: %w", m.name, err)
	}
	s := &search[S]{m: m, codec: c, opts: o, props: props}
	s.frontier.DeepestFirst = o.Search == DepthFirst
	s.findings = make([]uint64, len(props))
	s.enabled = make([]bool, len(m.actions))
	return s, s.number()
}

// maxAtoms is the number of predicates of liveness properties in one search.
const maxAtoms = 64

// number gives the predicates of the liveness properties their bits.
func (s *search[S]) number() error {
	atoms := 0
	for _, p := range s.props {
		if !p.live() {
			s.atomOf = append(s.atomOf, -1)
			continue
		}
		s.live = true
		s.atomOf = append(s.atomOf, atoms)
		atoms++
		if p.q != nil {
			atoms++
		}
	}
	if atoms > maxAtoms {
		return fmt.Errorf("model %q: its liveness properties have %d predicates, at most %d can be checked at once: select some with Properties", s.m.name, atoms, maxAtoms)
	}
	return nil
}

// reduce turns on the reductions that are declared, wanted and sound, and says
// why others are off.
func (s *search[S]) reduce() (notes []string) {
	if s.live {
		if s.m.symmetry.Declared() && !s.opts.NoSymmetry {
			notes = append(notes, "symmetry reduction is off: fairness tells the members of a symmetric set apart")
		}
		return notes
	}
	s.symmetry = s.m.symmetry.Declared() && !s.opts.NoSymmetry
	if !s.opts.NoPartialOrder {
		ind, why := s.m.independence(s.props)
		s.independence = ind
		if why != "" {
			notes = append(notes, why)
		}
	}
	return notes
}

func (s *search[S]) reductions() (names []string) {
	if s.symmetry {
		names = append(names, "symmetry")
	}
	if s.independence != nil {
		names = append(names, "partial order")
	}
	return names
}

// dead returns the names of the actions that were never enabled.
func (s *search[S]) dead() (names []string) {
	family := func(name string) string {
		if s.symmetry {
			name, _, _ = strings.Cut(name, "(")
		}
		return name
	}
	alive := map[string]bool{}
	for i, a := range s.m.actions {
		if s.enabled[i] {
			alive[family(a.name)] = true
		}
	}
	for _, a := range s.m.actions {
		if !alive[family(a.name)] {
			names = append(names, a.name)
		}
	}
	return names
}

// judge fills in the outcomes.
func (s *search[S]) judge(ctx context.Context, r *Result) error {
	lv := newDecider(s, r)
	for i, p := range s.props {
		o := Outcome{Property: p.name, Kind: p.kind}
		var err error
		switch {
		case p.live() && r.Finished:
			err = lv.decide(ctx, i, &o)
		case s.findings[i] != 0:
			o.Verdict, o.Why = Broken, "counterexample of "
			if p.kind == Sometimes {
				o.Verdict, o.Why = Holds, "witness of "
			}
			if o.Trace, err = s.witness(p, s.findings[i]); err == nil {
				o.Why += trace.Plural(len(o.Trace.Steps), "step")
			}
		case !r.Finished:
			o.Why = "the search is unfinished: " + r.Stopped
		case p.kind == Sometimes:
			o.Verdict, o.Why = Broken, fmt.Sprintf("it is true in none of %d states", r.Stats.Distinct)
		default:
			o.Verdict, o.Why = Holds, fmt.Sprintf("in all of %d states", r.Stats.Distinct)
		}
		if err != nil {
			return err
		}
		r.Outcomes = append(r.Outcomes, o)
	}
	return nil
}
