package explore

import (
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/model/explore/internal/reduction"
	"github.com/meshcheck/meshcheck/model/explore/trace"
)

// Model is a state machine with named actions, and what is claimed of it. S is
// the state: a struct of booleans, integers, strings, arrays, slices and maps (see
// the package comment for what a codec can be derived from).
//
// A Model is put together once, by its methods, and may then be checked any
// number of times, by several goroutines at once. What it is given must be
// deterministic and must not keep or share the pointers that it is handed: they
// are valid during the call only.
type Model[S any] struct {
	name    string
	init    []S
	actions []*Action[S]
	props   []*Property[S]
	fair    []fairness[S]

	symmetry reduction.Symmetry[S]
	show     func(s *S) []trace.Var // nil: by reflection
}

// New returns a model without states, actions and properties. The name is for
// reports.
func New[S any](name string) *Model[S] { return &Model[S]{name: name} }

// Name returns the name given to New.
func (m *Model[S]) Name() string { return m.name }

// Init adds initial states. A model needs at least one.
func (m *Model[S]) Init(states ...S) { m.init = append(m.init, states...) }

// Action adds an action. step is given a copy of a state of its own: it returns
// false and leaves s as it is if the action is not enabled there, else it
// changes s into the next state and returns true. A step that changes nothing is
// counted, but it is stuttering: it is neither enabled nor taken as far as
// fairness is concerned (as for the angle-bracket action of TLA+).
//
// Names are unique. Instances of one action for several agents are several
// actions with one name and an argument in parentheses, such as "Crash(r1)".
func (m *Model[S]) Action(name string, step func(s *S) bool) *Action[S] {
	return m.Choice(name, nil, func(s *S, _ int) bool { return step(s) })
}

// Choice adds an action with several outcomes, of which any may happen: step is
// called for each i from 0 to count(s)-1, each time with a fresh copy of s.
// Everything else is as for Action.
func (m *Model[S]) Choice(name string, count func(s *S) int, step func(s *S, i int) bool) *Action[S] {
	a := &Action[S]{name: name, index: len(m.actions), count: count, step: step}
	m.actions = append(m.actions, a)
	return a
}

// Show sets how a state is shown in traces: as a list of variables, in the order
// of reading. Without it the exported and unexported fields are shown.
func (m *Model[S]) Show(show func(s *S) []trace.Var) { m.show = show }

// Action is an action of a model, returned by Model.Action and Model.Choice for
// more to be said about it.
type Action[S any] struct {
	name  string
	index int
	count func(s *S) int // nil: one outcome
	step  func(s *S, i int) bool
	label func(s *S, i int) string

	decl reduction.Action[S] // what When, Reads and Writes have declared
}

// When adds a condition without which the action is not enabled; step is called
// only where it is true, and may itself find that the action is not enabled. ok
// must depend on no other part of the state than the one named, in the sense of
// Reads. It is what makes partial-order reduction effective: an action that is
// blocked by one part can be enabled by no action that does not write it.
func (a *Action[S]) When(part string, ok func(s *S) bool) *Action[S] {
	a.decl.Guards = append(a.decl.Guards, reduction.Guard[S]{Part: part, OK: ok})
	return a.Reads(part)
}

// open reports whether all conditions are true.
func (a *Action[S]) open(s *S) bool {
	for _, g := range a.decl.Guards {
		if !g.OK(s) {
			return false
		}
	}
	return true
}

// Label sets what is printed in brackets behind the name for the outcome i from
// the state s, such as the message that is delivered. Without it a Choice prints i.
func (a *Action[S]) Label(label func(s *S, i int) string) *Action[S] {
	a.label = label
	return a
}

// Reads declares parts of the state, by names of the model's choosing, that the
// action's guard or effect depends on. Together with Writes it is the ground of
// partial-order reduction; an action about which neither is called is taken to
// read and write everything. Model.Audit tests the declarations.
func (a *Action[S]) Reads(parts ...string) *Action[S] {
	a.decl.Declared = true
	a.decl.Reads = append(a.decl.Reads, parts...)
	return a
}

// Writes declares parts of the state that the action may change.
func (a *Action[S]) Writes(parts ...string) *Action[S] {
	a.decl.Declared = true
	a.decl.Writes = append(a.decl.Writes, parts...)
	return a
}

// fairness is a constraint on infinite behaviours.
type fairness[S any] struct {
	strong  bool
	actions []*Action[S]
}

// WeakFair demands of every behaviour that a step of one of the actions is taken
// again and again, unless again and again none of them is enabled. It matters
// for liveness properties only. Each call is one constraint on its actions
// together; for one on each of them, call it for each.
func (m *Model[S]) WeakFair(actions ...*Action[S]) {
	m.fair = append(m.fair, fairness[S]{false, actions})
}

// StrongFair demands of every behaviour that a step of one of the actions is
// taken again and again, unless from some time on none of them is ever enabled.
func (m *Model[S]) StrongFair(actions ...*Action[S]) {
	m.fair = append(m.fair, fairness[S]{true, actions})
}

// Canonical declares that the model is symmetric and how: f turns s into the
// representative of the states that differ from it only by a renaming, such as
// the one with its agents in sorted order. Of two states f must make the same
// one only if a renaming of the model turns one into the other. Making more than
// one representative for them costs only speed. Properties must not tell such
// states apart. Model.Audit tests f.
func (m *Model[S]) Canonical(f func(s *S)) { m.symmetry.Canonical = f }

// Symmetry declares that the members of some sets (agents, replicas, objects) may
// be renamed at will, and lets the explorer find the representative: the least
// encoding under all renamings. The sets have the given sizes, at most 6 each;
// permute renames member i of set k to perm[k][i] everywhere in s. Each state
// costs as many calls as there are renamings. Otherwise it is as Canonical.
func (m *Model[S]) Symmetry(sizes []int, permute func(s *S, perm [][]int)) {
	m.symmetry.Sizes, m.symmetry.Permute = sizes, permute
}

// validate returns what is wrong with the model, if anything.
func (m *Model[S]) validate() error {
	if len(m.init) == 0 {
		return fmt.Errorf("model %q has no initial state: give it one with Init", m.name)
	}
	if len(m.actions) > maxActions {
		return fmt.Errorf("model %q has %d actions, at most %d are supported: use Choice for instances", m.name, len(m.actions), maxActions)
	}
	seen := map[string]bool{}
	for _, a := range m.actions {
		if seen[a.name] {
			return fmt.Errorf("model %q has two actions named %q: names must be unique", m.name, a.name)
		}
		seen[a.name] = true
	}
	clear(seen)
	for _, p := range m.props {
		if seen[p.name] {
			return fmt.Errorf("model %q has two properties named %q: names must be unique", m.name, p.name)
		}
		seen[p.name] = true
	}
	for _, f := range m.fair {
		for _, a := range f.actions {
			if a.index >= len(m.actions) || m.actions[a.index] != a {
				return fmt.Errorf("model %q: a fairness constraint names the action %q of another model", m.name, a.name)
			}
		}
	}
	if m.symmetry.Canonical != nil && m.symmetry.Permute != nil {
		return fmt.Errorf("model %q has both a Canonical and a Symmetry function: give it one", m.name)
	}
	if slices.ContainsFunc(m.symmetry.Sizes, func(n int) bool { return n < 1 || n > reduction.MaxPermuted }) {
		return fmt.Errorf("model %q: Symmetry over sets of sizes %v, each must have 1 to %d members: use Canonical for larger ones", m.name, m.symmetry.Sizes, reduction.MaxPermuted)
	}
	return nil
}

// maxActions is how many actions a model may have.
const maxActions = 1 << 16

// call returns the name of the action with what tells its choice i from others.
func (a *Action[S]) call(s *S, i int) string {
	switch {
	case a.label != nil:
		return fmt.Sprintf("%s [%s]", a.name, a.label(s, i))
	case a.count != nil:
		return fmt.Sprintf("%s [%d]", a.name, i)
	}
	return a.name
}

func (m *Model[S]) vars(s *S) []trace.Var {
	if m.show != nil {
		return m.show(s)
	}
	return trace.Vars(s)
}
