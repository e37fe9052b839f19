package explore

import (
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/model/explore/internal/codec"
	"github.com/meshcheck/meshcheck/model/explore/internal/liveness"
	"github.com/meshcheck/meshcheck/model/explore/internal/states"
	"github.com/meshcheck/meshcheck/model/explore/trace"
)

// path is an execution of the model: encodings of states, and the steps between
// them. There is one step less than states.
type path struct {
	states [][]byte
	steps  []transition // action and choice only
}

// last returns the state in which the path ends.
func (p path) last() []byte { return p.states[len(p.states)-1] }

// pathTo returns an execution from an initial state to the state fp, along the
// links of the table. A link is a part of a fingerprint: where several states fit
// it, all are tried, and only what the model can really do is returned.
func (s *search[S]) pathTo(fp uint64) (path, error) {
	target, ok := s.table.Lookup(fp)
	if !ok {
		return path{}, fmt.Errorf("model %q: the state with fingerprint %016x is not in the table", s.m.name, fp)
	}
	type back struct {
		states.Slot
		toward int // index of the state that comes after it
	}
	queue := []back{{target, -1}}
	for i := 0; i < len(queue); i++ {
		at := queue[i]
		if at.Round() == 0 {
			var chain []uint64
			for j := i; j >= 0; j = queue[j].toward {
				chain = append(chain, queue[j].FP)
			}
			if p, ok := s.replay(chain); ok {
				return p, nil
			}
			continue
		}
		for _, from := range s.table.WithPrefix(at.Parent()) {
			if from.Round() < at.Round() {
				queue = append(queue, back{from, i})
			}
		}
	}
	return path{}, s.noPath(fp)
}

// noPath is the error of a state that cannot be reached again.
func (s *search[S]) noPath(fp uint64) error {
	cause := "its functions are not deterministic, or two states have one fingerprint"
	if s.symmetry {
		cause = "its symmetry is not one, " + cause
	}
	return fmt.Errorf("model %q: the state with fingerprint %016x cannot be reached a second time: %s; Audit may tell", s.m.name, fp, cause)
}

// replay executes the model along a chain of fingerprints, the first of which is
// that of an initial state. With symmetry the states are those that the model
// really goes through, not representatives.
func (s *search[S]) replay(chain []uint64) (path, bool) {
	exp := newExpander(s.m, s.codec, s.symmetry)
	exp.concrete = true
	var p path
	exp.initial(func(enc []byte, fp uint64) {
		if fp == chain[0] && p.states == nil {
			p.states = append(p.states, slices.Clone(enc))
		}
	})
	if p.states == nil {
		return path{}, false
	}
	for _, fp := range chain[1:] {
		steps := exp.expand(p.last())
		i := slices.IndexFunc(steps, func(t transition) bool { return t.fp == fp })
		if i < 0 {
			return path{}, false
		}
		p.steps = append(p.steps, steps[i])
		p.states = append(p.states, slices.Clone(exp.bytes(steps[i])))
	}
	return p, true
}

// extend appends to p the first step that fits. fits is given the step and the
// states before and after it.
func (s *search[S]) extend(p *path, fits func(t transition, old, next *S) bool) bool {
	exp := newExpander(s.m, s.codec, false)
	mem := s.codec.Memory()
	var next S
	for _, t := range exp.expand(p.last()) {
		mem.Load(exp.bytes(t), &next)
		if fits(t, &exp.state, &next) {
			p.steps = append(p.steps, t)
			p.states = append(p.states, slices.Clone(exp.bytes(t)))
			return true
		}
	}
	return false
}

// witness returns the trace to a state that decides a property or, for a property
// of steps, with the step that breaks it.
func (s *search[S]) witness(prop *Property[S], fp uint64) (*trace.Trace, error) {
	p, err := s.pathTo(fp)
	if err != nil {
		return nil, err
	}
	if prop.kind == Transition {
		breaks := func(_ transition, old, next *S) bool { return !prop.step(old, next) }
		if !s.extend(&p, breaks) {
			return nil, s.noPath(fp)
		}
	}
	return renderTrace(s.m, s.codec, prop, p, trace.NoLoop), nil
}

// infinite returns the trace of a lasso.
func (s *search[S]) infinite(prop *Property[S], l *liveness.Lasso) (*trace.Trace, error) {
	p, ok := s.replay(l.Stem)
	if !ok {
		return nil, s.noPath(l.Stem[len(l.Stem)-1])
	}
	loop := len(p.steps)
	for _, h := range l.Cycle {
		fits := func(t transition, _, _ *S) bool { return t.action == int32(h.Action) && t.fp == h.To }
		if !s.extend(&p, fits) {
			return nil, s.noPath(h.To)
		}
	}
	return renderTrace(s.m, s.codec, prop, p, loop), nil
}

// renderTrace makes a trace of a path.
func renderTrace[S any](m *Model[S], c *codec.Codec[S], prop *Property[S], p path, loop int) *trace.Trace {
	t := &trace.Trace{Version: trace.Version, Model: m.name, Property: prop.name, Kind: string(prop.kind), Loop: loop, Steps: []trace.Step{}}
	mem := c.Memory()
	var state S
	mem.Load(p.states[0], &state)
	vars := m.vars(&state)
	t.Start = vars
	for i, st := range p.steps {
		action := m.actions[st.action].call(&state, int(st.choice))
		mem.Load(p.states[i+1], &state)
		next := m.vars(&state)
		t.Steps = append(t.Steps, trace.Step{Action: action, Changes: trace.Diff(vars, next)})
		vars = next
	}
	return t
}
