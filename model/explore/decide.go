package explore

import (
	"context"
	"fmt"
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

// liveness decides the liveness properties of a finished search. It builds the
// state graph for the first of them.
type liveness[S any] struct {
	s     *search[S]
	r     *Result
	g     *graph
	short string // why there is no graph
}

func newLiveness[S any](s *search[S], r *Result) *liveness[S] { return &liveness[S]{s: s, r: r} }

// decide fills in the outcome of the property i.
func (l *liveness[S]) decide(ctx context.Context, i int, o *Outcome) error {
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
	p := newProduct(l.g, negate(o.Kind, 1<<atom, 2<<atom))
	t, c := p.fairTrap()
	if t == nil {
		o.Verdict = Holds
		o.Why = fmt.Sprintf("in all fair behaviours through %d states and %d steps", l.g.states(), len(l.g.to))
		return nil
	}
	trace, err := l.s.infinite(l.s.props[i], l.g, p.lasso(t, c))
	if err != nil {
		return err
	}
	o.Verdict, o.Trace = Broken, trace
	o.Why = "counterexample of " + trace.length()
	if trace.Loop == len(trace.Steps) {
		o.Why += ", after which nothing happens"
	}
	return nil
}

// build makes the graph, or says why it cannot.
func (l *liveness[S]) build() {
	var logs []*edgeLog
	var edges, logged int64
	for _, w := range l.s.workers {
		logs = append(logs, w.log)
		edges += w.log.edges
		logged += w.log.size()
	}
	states := l.s.stats.Distinct
	need := graphBytes(states, edges) + logged + l.s.stats.Table
	if need > l.s.opts.Memory || states >= none {
		l.short = fmt.Sprintf("the graph of %d states and %d steps takes %d MiB, the memory bound is %d MiB: give more memory, or bound the model",
			states, edges, need>>20, l.s.opts.Memory>>20)
		return
	}
	l.r.Stats.Memory = max(l.r.Stats.Memory, need)
	l.g = buildGraph(&l.s.table, logs)
	l.g.fairsOf = make([][]int, len(l.s.m.actions))
	l.g.asker = make([]uint64, len(l.s.m.fair))
	for f, c := range l.s.m.fair {
		l.g.fair = append(l.g.fair, constraint{strong: c.strong})
		for _, a := range c.actions {
			l.g.fairsOf[a.index] = append(l.g.fairsOf[a.index], f)
		}
	}
}
