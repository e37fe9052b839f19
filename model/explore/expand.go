package explore

import (
	"fmt"

	"github.com/meshcheck/meshcheck/model/explore/internal/codec"
	"github.com/meshcheck/meshcheck/model/explore/internal/reduction"
)

// transition is one step out of a state.
type transition struct {
	fp     uint64 // of the next state, or of its representative
	action int32
	choice int32
	off    int // of the next state's encoding in the expander's arena
	end    int
}

// expander computes the successors of states. It is owned by one goroutine.
type expander[S any] struct {
	m    *Model[S]
	base codec.Memory[S]
	work codec.Memory[S]

	// canon replaces each next state by its representative, if not nil.
	canon *reduction.Canonicalizer[S]
	// concrete keeps the next states as they are and gives them the fingerprints
	// of their representatives.
	concrete bool
	// onStep, if not nil, sees every step before symmetry is applied.
	onStep func(old, next *S)

	state   S // the state being expanded
	next    S
	steps   []transition
	arena   []byte
	scratch []byte

	// at describes what the model is doing, for the report of a panic in it.
	at struct {
		action int
		choice int
	}
}

func newExpander[S any](m *Model[S], c *codec.Codec[S], symmetry bool) *expander[S] {
	e := &expander[S]{m: m, base: c.Memory(), work: c.Memory()}
	if symmetry {
		e.canon = reduction.NewCanonicalizer(&m.symmetry, c)
	}
	e.at.action = -1
	return e
}

// expand sets e.state to the state that enc encodes and returns the steps out of
// it, in the order of actions and choices. The result is valid until the next call.
func (e *expander[S]) expand(enc []byte) []transition {
	e.steps, e.arena = e.steps[:0], e.arena[:0]
	e.base.Load(enc, &e.state)
	e.restore(enc)
	for i, a := range e.m.actions {
		e.at.action, e.at.choice = i, 0
		if !a.open(&e.state) {
			continue
		}
		n := 1
		if a.count != nil {
			n = a.count(&e.state)
		}
		for c := range n {
			e.at.choice = c
			if !a.step(&e.next, c) {
				if e.base.Flat() {
					e.next = e.state // costs nothing, and forgives an action that changed it
				}
				continue
			}
			if e.onStep != nil {
				e.onStep(&e.state, &e.next)
			}
			t := transition{action: int32(i), choice: int32(c), off: len(e.arena)}
			t.fp = e.encode(&e.next)
			t.end = len(e.arena)
			e.steps = append(e.steps, t)
			e.restore(enc)
		}
	}
	e.at.action = -1
	return e.steps
}

// restore makes e.next a copy of the state being expanded.
func (e *expander[S]) restore(enc []byte) {
	if e.base.Flat() {
		e.next = e.state
		return
	}
	e.work.Load(enc, &e.next)
}

// encode appends the encoding of s, or of its representative, to the arena and
// returns its fingerprint.
func (e *expander[S]) encode(s *S) uint64 {
	start := len(e.arena)
	if e.canon == nil {
		e.arena = e.work.Append(e.arena, s)
		return codec.Fingerprint(e.arena[start:])
	}
	e.scratch = e.work.Append(e.scratch[:0], s)
	e.arena = e.canon.AppendTo(e.arena, e.scratch)
	fp := codec.Fingerprint(e.arena[start:])
	if e.concrete {
		e.arena = append(e.arena[:start], e.scratch...)
	}
	return fp
}

// bytes returns the encoding of the next state of t.
func (e *expander[S]) bytes(t transition) []byte { return e.arena[t.off:t.end] }

// initial calls f with the encoding and the fingerprint of each initial state.
func (e *expander[S]) initial(f func(enc []byte, fp uint64)) {
	for i := range e.m.init {
		e.arena = e.arena[:0]
		fp := e.encode(&e.m.init[i])
		f(e.arena, fp)
	}
}

// where says what the model was doing.
func (e *expander[S]) where() string {
	if e.at.action < 0 {
		return "outside of an action"
	}
	return fmt.Sprintf("in the action %s (choice %d) from the state %+v", e.m.actions[e.at.action].name, e.at.choice, e.state)
}
