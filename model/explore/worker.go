package explore

import (
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/meshcheck/meshcheck/model/explore/internal/codec"
	"github.com/meshcheck/meshcheck/model/explore/internal/liveness"
	"github.com/meshcheck/meshcheck/model/explore/internal/reduction"
	"github.com/meshcheck/meshcheck/model/explore/internal/states"
)

// worker explores portions of waiting states on behalf of a search.
type worker[S any] struct {
	s      *search[S]
	exp    *expander[S]
	reduce *reduction.Reducer[S] // nil: all steps are followed
	out    states.Writer
	log    *liveness.Log // nil: no liveness property

	probe    codec.Memory[S] // decodes new states for the properties
	probed   S
	current  uint64   // fingerprint of the state being explored
	findings []uint64 // by property: the state that decides it, or zero; the least of several
	enabled  []bool   // by action: was it ever
	counted  int64    // states generated and not yet reported
}

func newWorker[S any](s *search[S]) *worker[S] {
	w := &worker[S]{
		s:        s,
		exp:      newExpander(s.m, s.codec, s.symmetry),
		probe:    s.codec.Memory(),
		findings: make([]uint64, len(s.props)),
		out:      s.frontier.Writer(),
		enabled:  make([]bool, len(s.m.actions)),
	}
	if s.independence != nil {
		w.reduce = reduction.NewReducer(s.m.declarations(), s.independence)
	}
	if s.live {
		w.log = new(liveness.Log)
	}
	return w
}

// guard calls f and returns a panic of the model as an error.
func (w *worker[S]) guard(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *states.MemoryError:
			err = p
		default:
			err = fmt.Errorf("model %q panicked %s: %v\n%s", w.s.m.name, w.exp.where(), p, debug.Stack())
		}
	}()
	f()
	return nil
}

// explore explores the states of a chunk.
func (w *worker[S]) explore(c states.Chunk) error {
	return w.guard(func() {
		w.watchSteps()
		c.Each(w.exploreState)
		w.s.generated.Add(w.counted)
		w.counted = 0
	})
}

func (w *worker[S]) exploreState(enc []byte) {
	w.current = codec.Fingerprint(enc)
	steps := w.exp.expand(enc)
	for _, t := range steps {
		w.enabled[t.action] = true
	}
	if len(steps) == 0 {
		w.checkDeadlock()
	}
	if w.log != nil {
		w.logState(steps)
	}
	if w.reduce != nil {
		steps = w.reduced(steps)
	}
	for _, t := range steps {
		w.follow(t)
	}
}

// logState records the state and its steps to others for the state graph.
func (w *worker[S]) logState(steps []transition) {
	n := 0
	for _, t := range steps {
		if t.fp != w.current {
			n++
		}
	}
	w.log.State(w.current, w.s.atoms(&w.exp.state), n)
	for _, t := range steps {
		if t.fp != w.current {
			w.log.Edge(t.fp, int(t.action))
		}
	}
}

// reduced returns, in place, the steps that are to be followed.
func (w *worker[S]) reduced(steps []transition) []transition {
	w.reduce.Begin()
	for _, t := range steps {
		if a := int(t.action); w.reduce.Enable(a) && w.ahead(t) {
			w.reduce.Ahead(a)
		}
	}
	if !w.reduce.Choose(&w.exp.state) {
		return steps
	}
	return slices.DeleteFunc(steps, func(t transition) bool { return !w.reduce.Chosen(int(t.action)) })
}

// ahead reports whether a step leads to a state that will be explored later than
// the current one: one that was not reached before this round.
func (w *worker[S]) ahead(t transition) bool {
	s, seen := w.s.table.Lookup(t.fp)
	return !seen || s.Round() == w.s.round
}

// follow adds the state that a step leads to.
func (w *worker[S]) follow(t transition) {
	w.counted++
	if !w.s.table.Insert(t.fp, w.current, w.s.round) {
		return
	}
	enc := w.exp.bytes(t)
	w.checkState(enc, t.fp)
	w.out.Add(enc)
}

// checkState evaluates the properties of single states on a new state.
func (w *worker[S]) checkState(enc []byte, fp uint64) {
	if len(w.s.stateProps) == 0 {
		return
	}
	w.probe.Load(enc, &w.probed)
	for _, i := range w.s.stateProps {
		p := w.s.props[i]
		if p.p(&w.probed) == (p.kind == Sometimes) {
			w.report(i, fp)
		}
	}
}

// watchSteps has the steps checked if a property is about them.
func (w *worker[S]) watchSteps() {
	w.exp.onStep = nil
	if len(w.s.stepProps) == 0 {
		return
	}
	w.exp.onStep = func(old, next *S) {
		for _, i := range w.s.stepProps {
			if !w.s.props[i].step(old, next) {
				w.report(i, w.current)
			}
		}
	}
}

func (w *worker[S]) checkDeadlock() {
	for _, i := range w.s.deadlockProps {
		if !w.s.props[i].p(&w.exp.state) {
			w.report(i, w.current)
		}
	}
}

// report notes that a state decides a property. Of the states of a round the one
// with the least fingerprint is kept, whoever came first.
func (w *worker[S]) report(prop int, fp uint64) {
	if old := w.findings[prop]; old == 0 || fp < old {
		w.findings[prop] = fp
	}
}
