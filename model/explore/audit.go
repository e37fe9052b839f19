package explore

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/model/explore/internal/codec"
	"github.com/meshcheck/meshcheck/model/explore/internal/reduction"
)

// Audit tests what the explorer has to believe about a model, in up to maxStates
// of its reachable states, explored breadth-first without reductions:
//
//   - an action that is not enabled leaves the state as it is, and an action does
//     the same each time;
//   - actions declared independent, by what they read and write, neither disable
//     nor enable each other and commute, and steps change nothing that a property
//     reads, or a condition (When) depends on, unless their action writes it;
//   - a symmetry maps a representative to itself, and a state has, up to the
//     symmetry, the same successors as its representative and the same truth of
//     all properties of single states.
//
// The error names the first violation in the order of exploration. Audit is for
// the tests of a model.
func (m *Model[S]) Audit(maxStates int) (err error) {
	s, err := newSearch(m, Options{Workers: 1})
	if err != nil {
		return err
	}
	a := &auditor[S]{
		m: m, exp: newExpander(m, s.codec, false), after: newExpander(m, s.codec, false),
		mem: s.codec.Memory(), seen: map[string]bool{},
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("model %q panicked %s: %v", m.name, a.exp.where(), p)
		}
	}()
	if a.ind, _ = m.independence(nil); a.ind != nil {
		a.independences()
	}
	if m.symmetry.Declared() {
		a.canon = reduction.NewCanonicalizer(&m.symmetry, s.codec)
	}
	a.exp.initial(func(enc []byte, _ uint64) { a.push(enc) })
	for len(a.queue) > 0 && len(a.seen) <= maxStates {
		enc := a.queue[0]
		a.queue = a.queue[1:]
		if err := a.state(enc); err != nil {
			return fmt.Errorf("model %q: %w", m.name, err)
		}
	}
	return nil
}

type auditor[S any] struct {
	m          *Model[S]
	exp, after *expander[S]
	mem        codec.Memory[S]
	canon      *reduction.Canonicalizer[S] // nil: no symmetry
	ind        *reduction.Independence     // nil: nothing declared
	visible    []*reduction.Independence   // by property: of the actions with it alone; nil: it does not say what it reads
	seen       map[string]bool
	queue      [][]byte
}

func (a *auditor[S]) push(enc []byte) {
	if !a.seen[string(enc)] {
		a.seen[string(enc)] = true
		a.queue = append(a.queue, slices.Clone(enc))
	}
}

// independences finds, for each property that says what it reads, the actions
// that may change it.
func (a *auditor[S]) independences() {
	for _, p := range a.m.props {
		ind, _ := a.m.independence([]*Property[S]{p})
		if len(p.reads) == 0 {
			ind = nil
		}
		a.visible = append(a.visible, ind)
	}
}

// state audits one state.
func (a *auditor[S]) state(enc []byte) error {
	if err := a.purity(enc); err != nil {
		return err
	}
	steps := slices.Clone(a.exp.expand(enc))
	next := make([][]byte, len(steps))
	for i, t := range steps {
		next[i] = slices.Clone(a.exp.bytes(t))
		a.push(next[i])
	}
	if a.ind != nil {
		if err := a.commuting(enc, steps, next); err != nil {
			return err
		}
		if err := a.invisible(enc, steps, next); err != nil {
			return err
		}
	}
	if a.canon != nil {
		return a.symmetry(enc, next)
	}
	return nil
}

// purity tests each action by itself.
func (a *auditor[S]) purity(enc []byte) error {
	var s S
	a.exp.base.Load(enc, &a.exp.state)
	for _, act := range a.m.actions {
		a.exp.at.action, a.exp.at.choice = act.index, 0
		n := 1
		a.mem.Load(enc, &s)
		if !act.open(&s) {
			continue
		}
		if act.count != nil {
			if n = act.count(&s); !bytes.Equal(enc, a.mem.Append(nil, &s)) {
				return fmt.Errorf("the count of the action %s changes the state %s", act.name, a.show(enc))
			}
		}
		for i := range n {
			a.exp.at.choice = i
			a.mem.Load(enc, &s)
			did := act.step(&s, i)
			after := a.mem.Append(nil, &s)
			if !did && !bytes.Equal(enc, after) {
				return fmt.Errorf("the action %s says it is not enabled in the state %s, but changes it to %s: it must leave it as it is", act.call(&s, i), a.show(enc), a.show(after))
			}
			a.mem.Load(enc, &s)
			if act.step(&s, i) != did || !bytes.Equal(after, a.mem.Append(nil, &s)) {
				return fmt.Errorf("the action %s does not do the same twice in the state %s: it must be a function of the state", act.call(&s, i), a.show(enc))
			}
		}
	}
	return nil
}

// commuting tests every pair of declared independent actions of which the first
// is enabled: after it the second does what it did before, and the other order
// leads to the same states.
func (a *auditor[S]) commuting(enc []byte, steps []transition, next [][]byte) error {
	for i, t := range steps {
		for j := range a.m.actions {
			if !a.ind.Independent(int(t.action), j) {
				continue
			}
			x, y := int(t.action), j
			together := a.outcomes(next[i], y)
			var apart [][]byte
			for k, u := range steps {
				if int(u.action) == y {
					apart = append(apart, a.outcome(next[k], x, t.choice))
				}
			}
			if !slices.EqualFunc(together, apart, bytes.Equal) {
				return fmt.Errorf("the actions %s and %s are not independent, as they are declared to be, in the state %s", a.m.actions[x].name, a.m.actions[y].name, a.show(enc))
			}
		}
	}
	return nil
}

// outcomes returns the states that an action leads to from a state.
func (a *auditor[S]) outcomes(enc []byte, action int) (out [][]byte) {
	for _, t := range a.after.expand(enc) {
		if int(t.action) == action {
			out = append(out, slices.Clone(a.after.bytes(t)))
		}
	}
	return out
}

// outcome returns the state that one choice of an action leads to, or nil.
func (a *auditor[S]) outcome(enc []byte, action int, choice int32) []byte {
	for _, t := range a.after.expand(enc) {
		if int(t.action) == action && t.choice == choice {
			return slices.Clone(a.after.bytes(t))
		}
	}
	return nil
}

// invisible tests that steps of actions that write nothing a property reads leave
// its predicates as they are, and likewise the conditions of actions.
func (a *auditor[S]) invisible(enc []byte, steps []transition, next [][]byte) error {
	for k, t := range steps {
		did := a.m.actions[t.action]
		for i, p := range a.m.props {
			if a.visible[i] == nil || a.visible[i].Visible(did.index) {
				continue
			}
			if a.truth(enc, p.p, p.q) != a.truth(next[k], p.p, p.q) || p.step != nil && !a.stepTruth(p, enc, next[k]) {
				return fmt.Errorf("the action %s changes the property %q from the state %s, but writes nothing that it is declared to read", did.name, p.name, a.show(enc))
			}
		}
		for _, act := range a.m.actions {
			for i, g := range act.decl.Guards {
				if !a.ind.Opens(did.index, act.index, i) && a.truth(enc, g.OK, nil) != a.truth(next[k], g.OK, nil) {
					return fmt.Errorf("the action %s changes a condition of the action %s from the state %s, but does not write %q", did.name, act.name, a.show(enc), g.Part)
				}
			}
		}
	}
	return nil
}

// truth evaluates predicates, of which either may be nil.
func (a *auditor[S]) truth(enc []byte, p, q func(*S) bool) (t [2]bool) {
	var s S
	for i, f := range []func(*S) bool{p, q} {
		if f != nil {
			a.mem.Load(enc, &s)
			t[i] = f(&s)
		}
	}
	return t
}

func (a *auditor[S]) stepTruth(p *Property[S], old, next []byte) bool {
	var s, t S
	a.mem.Load(old, &s)
	a.exp.work.Load(next, &t)
	return p.step(&s, &t)
}

// symmetry tests the representative of a state.
func (a *auditor[S]) symmetry(enc []byte, next [][]byte) error {
	rep := a.canon.AppendTo(nil, enc)
	if again := a.canon.AppendTo(nil, rep); !bytes.Equal(rep, again) {
		return fmt.Errorf("symmetry: the representative %s of the state %s has another one, %s", a.show(rep), a.show(enc), a.show(again))
	}
	var own, others []string
	for _, n := range next {
		own = append(own, string(a.canon.AppendTo(nil, n)))
	}
	for _, t := range a.after.expand(rep) {
		others = append(others, string(a.canon.AppendTo(nil, a.after.bytes(t))))
	}
	slices.Sort(own)
	slices.Sort(others)
	if !slices.Equal(own, others) {
		return fmt.Errorf("symmetry: the state %s and its representative %s do not have the same successors up to symmetry", a.show(enc), a.show(rep))
	}
	for _, p := range a.m.props {
		if a.truth(enc, p.p, p.q) != a.truth(rep, p.p, p.q) {
			return fmt.Errorf("symmetry: the property %q tells the state %s from its representative %s", p.name, a.show(enc), a.show(rep))
		}
	}
	return nil
}

// show renders a state for an error.
func (a *auditor[S]) show(enc []byte) string {
	var s S
	a.mem.Load(enc, &s)
	return fmt.Sprint(a.m.vars(&s))
}
