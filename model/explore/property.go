package explore

import (
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/model/explore/internal/reduction"
)

// Kind is the form of a property.
type Kind string

// The kinds of properties.
const (
	Invariant        Kind = "invariant"
	Transition       Kind = "transition"
	Sometimes        Kind = "sometimes"
	NoDeadlock       Kind = "no deadlock"
	Eventually       Kind = "eventually"
	AlwaysEventually Kind = "always eventually"
	EventuallyAlways Kind = "eventually always"
	LeadsTo          Kind = "leads to"
)

// Property is a claim about a model, returned by the methods that add one for
// more to be said about it.
type Property[S any] struct {
	name string
	kind Kind
	p, q func(s *S) bool
	step func(old, next *S) bool

	reads []string
}

// live reports whether the property is about infinite behaviours.
func (p *Property[S]) live() bool {
	switch p.kind {
	case Eventually, AlwaysEventually, EventuallyAlways, LeadsTo:
		return true
	}
	return false
}

func (m *Model[S]) add(p *Property[S]) *Property[S] {
	m.props = append(m.props, p)
	return p
}

// Invariant claims that p is true in every reachable state.
func (m *Model[S]) Invariant(name string, p func(s *S) bool) *Property[S] {
	return m.add(&Property[S]{name: name, kind: Invariant, p: p})
}

// Transition claims that step is true of every step that an action takes from a
// reachable state. It must be true of a step that changes nothing it looks at.
func (m *Model[S]) Transition(name string, step func(old, next *S) bool) *Property[S] {
	return m.add(&Property[S]{name: name, kind: Transition, step: step})
}

// Sometimes claims that p is true in some reachable state. It guards against a
// model in which nothing happens, and yields a witness.
func (m *Model[S]) Sometimes(name string, p func(s *S) bool) *Property[S] {
	return m.add(&Property[S]{name: name, kind: Sometimes, p: p})
}

// NoDeadlock claims that some action is enabled in every reachable state, except
// in those of which done is true. done may be nil.
func (m *Model[S]) NoDeadlock(name string, done func(s *S) bool) *Property[S] {
	if done == nil {
		done = func(*S) bool { return false }
	}
	return m.add(&Property[S]{name: name, kind: NoDeadlock, p: done})
}

// Eventually claims that every fair behaviour reaches a state in which p is true.
// A behaviour may stop at any time unless fairness forbids it.
func (m *Model[S]) Eventually(name string, p func(s *S) bool) *Property[S] {
	return m.add(&Property[S]{name: name, kind: Eventually, p: p})
}

// AlwaysEventually claims that in every fair behaviour p is true again and again.
func (m *Model[S]) AlwaysEventually(name string, p func(s *S) bool) *Property[S] {
	return m.add(&Property[S]{name: name, kind: AlwaysEventually, p: p})
}

// EventuallyAlways claims that in every fair behaviour p is true from some time
// on, for ever.
func (m *Model[S]) EventuallyAlways(name string, p func(s *S) bool) *Property[S] {
	return m.add(&Property[S]{name: name, kind: EventuallyAlways, p: p})
}

// LeadsTo claims that in every fair behaviour each state in which p is true is
// one in which q is true, or is followed by one.
func (m *Model[S]) LeadsTo(name string, p, q func(s *S) bool) *Property[S] {
	return m.add(&Property[S]{name: name, kind: LeadsTo, p: p, q: q})
}

// independence is what the model declares about its actions, as far as the properties go;
// nil if there can be no reduction. The string says why if the model has declared something
// nevertheless.
func (m *Model[S]) independence(props []*Property[S]) (*reduction.Independence, string) {
	if !slices.ContainsFunc(m.actions, func(a *Action[S]) bool { return a.decl.Declared }) {
		return nil, ""
	}
	var reads [][]string
	for _, p := range props {
		// A reduced set of steps is never empty where the full one is not, so
		// deadlocks need no care.
		if p.kind == NoDeadlock {
			continue
		}
		if len(p.reads) == 0 {
			return nil, fmt.Sprintf("partial-order reduction is off: the property %q does not declare what it reads", p.name)
		}
		reads = append(reads, p.reads)
	}
	return reduction.NewIndependence(m.declarations(), reads), ""
}

// declarations are those of the actions.
func (m *Model[S]) declarations() (all []*reduction.Action[S]) {
	for _, a := range m.actions {
		all = append(all, &a.decl)
	}
	return all
}

// Reads declares all parts of the state, by the names of Action.Reads, that the
// property depends on. A property without it depends on everything, which turns
// partial-order reduction off.
func (p *Property[S]) Reads(parts ...string) *Property[S] {
	p.reads = append(p.reads, parts...)
	return p
}
