package explore

import (
	"context"
	"fmt"

	"github.com/meshcheck/meshcheck/model/explore/internal/liveness"
)

// atoms evaluates the predicates of the liveness properties: bit atomOf[i] is p of
// the property i, and the next one its q if it has one.
func (s *search[S]) atoms(state *S) (bits uint64) {
	for i, p := range s.props {
		if s.atomOf[i] < 0 {
			continue
		}
		if p.p(state) {
			bits |= 1 << s.atomOf[i]
		}
		if p.q != nil && p.q(state) {
			bits |= 2 << s.atomOf[i]
		}
	}
	return bits
}

// decider decides the liveness properties of a finished search. It builds the
// state graph for the first of them.
type decider[S any] struct {
	s     *search[S]
	r     *Result
	g     *liveness.Graph
	short string // why there is no graph
}

func newDecider[S any](s *search[S], r *Result) *decider[S] { return &decider[S]{s: s, r: r} }

// decide fills in the outcome of the property i.
func (l *decider[S]) decide(ctx context.Context, i int, o *Outcome) error {
	if l.g == nil && l.short == "" {
		l.build()
	}
	switch {
	case l.short != "":
		o.Why = l.short
		return nil
	case ctx.Err() != nil:
		o.Why = fmt.Sprintf("interrupted: %v", context.Cause(ctx))
		return nil
	}
	atom := l.s.atomOf[i]
	lasso := l.g.Violation(negation(o.Kind, 1<<atom, 2<<atom))
	if lasso == nil {
		o.Verdict = Holds
		states, steps := l.g.Size()
		o.Why = fmt.Sprintf("in all fair behaviours through %d states and %d steps", states, steps)
		return nil
	}
	t, err := l.s.infinite(l.s.props[i], lasso)
	if err != nil {
		return err
	}
	o.Verdict, o.Trace = Broken, t
	o.Why = "counterexample of " + t.Length()
	if t.Loop == len(t.Steps) {
		o.Why += ", after which nothing happens"
	}
	return nil
}

// build makes the graph, or says why it cannot.
func (l *decider[S]) build() {
	var logs []*liveness.Log
	var edges, logged int64
	for _, w := range l.s.workers {
		logs = append(logs, w.log)
		edges += w.log.Edges()
		logged += w.log.Size()
	}
	states := l.s.stats.Distinct
	need := liveness.Bytes(states, edges) + logged + l.s.stats.Table
	if need > l.s.opts.Memory || states > liveness.MaxStates {
		l.short = fmt.Sprintf("the graph of %d states and %d steps takes %d MiB, the memory bound is %d MiB: give more memory, or bound the model",
			states, edges, need>>20, l.s.opts.Memory>>20)
		return
	}
	l.r.Stats.Memory = max(l.r.Stats.Memory, need)
	var fair []liveness.Constraint
	for _, c := range l.s.m.fair {
		con := liveness.Constraint{Strong: c.strong}
		for _, a := range c.actions {
			con.Actions = append(con.Actions, a.index)
		}
		fair = append(fair, con)
	}
	l.g = liveness.New(&l.s.table, logs, len(l.s.m.actions), fair)
}

// negation is that of a property of a kind with the predicates p and q.
func negation(k Kind, p, q uint64) liveness.Negation {
	switch k {
	case Eventually:
		return liveness.Never(p)
	case AlwaysEventually:
		return liveness.EventuallyNever(p)
	case EventuallyAlways:
		return liveness.AgainNot(p)
	}
	return liveness.Unanswered(p, q)
}
