package explore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meshcheck/meshcheck/model/explore/trace"
)

// SimulateOptions say how a model is simulated.
type SimulateOptions struct {
	// Seed and the number of a walk, from 0, determine the walk.
	Seed uint64
	// Walks is the number of walks, at least 1.
	Walks int
	// MaxDepth is the number of steps after which a walk ends, at least 1.
	MaxDepth int
	// Workers is the number of walks at once; zero: one per processor. No result
	// depends on it.
	Workers int
	// Properties names the properties to check; nil: all.
	Properties []string
}

// Simulate follows random walks through a model: in each state it takes one of
// the enabled outcomes, each as likely as the others, until none is or MaxDepth
// is reached. It is for models that are too large to explore: it can break a
// property, or find the witness of a Sometimes, but not show that a property
// holds. Liveness properties are unknown, since no finite walk breaks them. The
// counterexample is that of the walk with the least number.
//
// Of the stats only Generated (states computed), Depth and Elapsed are set.
func Simulate[S any](ctx context.Context, m *Model[S], o SimulateOptions) (*Result, error) {
	if o.Walks < 1 || o.MaxDepth < 1 || o.Workers < 0 {
		return nil, fmt.Errorf("simulate: Walks %d, MaxDepth %d, Workers %d: the first two must be at least 1, the last at least 0", o.Walks, o.MaxDepth, o.Workers)
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	s, err := newSearch(m, Options{Workers: o.Workers, Properties: o.Properties})
	if err != nil {
		return nil, err
	}
	start := time.Now()
	sim := &simulation[S]{search: s, opts: o, best: make([]walkFinding, len(s.props))}
	if err := sim.run(ctx); err != nil {
		return nil, err
	}
	r, err := sim.result(ctx)
	if err == nil {
		r.Stats.Elapsed = time.Since(start)
	}
	return r, err
}

// simulation is one call of Simulate.
type simulation[S any] struct {
	search *search[S]
	opts   SimulateOptions

	mu        sync.Mutex
	best      []walkFinding // by property
	generated int64
	depth     int
	walks     int
}

// walkFinding is where a walk decides a property: after some of its steps.
type walkFinding struct {
	found bool
	walk  int
	steps int
}

func (sim *simulation[S]) run(ctx context.Context) error {
	var (
		next atomic.Int64
		errs = make([]error, sim.opts.Workers)
		wg   sync.WaitGroup
	)
	for i := range sim.opts.Workers {
		wg.Go(func() {
			w := newWorker(sim.search)
			for ctx.Err() == nil && errs[i] == nil {
				n := int(next.Add(1) - 1)
				if n >= sim.opts.Walks {
					return
				}
				errs[i] = w.guard(func() { sim.walk(w, n) })
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// walk makes the walk number n and notes what it decides.
func (sim *simulation[S]) walk(w *worker[S], n int) {
	r := newRoute(sim.search, w.exp, sim.opts.Seed, n)
	found := make([]walkFinding, len(sim.best))
	note := func(i, steps int) {
		if !found[i].found {
			found[i] = walkFinding{true, n, steps}
		}
	}
	var generated int64
	steps := 0
	for ; ; steps++ {
		w.probe.Load(r.state, &w.probed)
		sim.checkState(&w.probed, func(i int) { note(i, steps) })
		if steps == sim.opts.MaxDepth {
			break
		}
		ways := r.ways()
		generated += int64(len(ways))
		if len(ways) == 0 {
			sim.checkEnd(&w.probed, func(i int) { note(i, steps) })
			break
		}
		r.step(ways)
		w.probe.Load(r.state, &w.probed)
		sim.checkStep(&w.exp.state, &w.probed, func(i int) { note(i, steps+1) })
	}
	sim.mu.Lock()
	defer sim.mu.Unlock()
	sim.walks++
	sim.generated += generated
	sim.depth = max(sim.depth, steps)
	for i, f := range found {
		if f.found && (!sim.best[i].found || f.walk < sim.best[i].walk) {
			sim.best[i] = f
		}
	}
}

func (sim *simulation[S]) checkState(s *S, found func(i int)) {
	for i, p := range sim.search.props {
		if (p.kind == Invariant || p.kind == Sometimes) && p.p(s) == (p.kind == Sometimes) {
			found(i)
		}
	}
}

func (sim *simulation[S]) checkEnd(s *S, found func(i int)) {
	for i, p := range sim.search.props {
		if p.kind == NoDeadlock && !p.p(s) {
			found(i)
		}
	}
}

func (sim *simulation[S]) checkStep(old, next *S, found func(i int)) {
	for i, p := range sim.search.props {
		if p.kind == Transition && !p.step(old, next) {
			found(i)
		}
	}
}

func (sim *simulation[S]) result(ctx context.Context) (*Result, error) {
	s := sim.search
	r := &Result{Model: s.m.name, Stopped: fmt.Sprintf("%s of at most %s", trace.Plural(sim.walks, "random walk"), trace.Plural(sim.opts.MaxDepth, "step"))}
	if ctx.Err() != nil {
		r.Stopped += fmt.Sprintf(", interrupted: %v", context.Cause(ctx))
	}
	r.Stats.Generated, r.Stats.Depth = sim.generated, sim.depth
	for i, p := range s.props {
		o := Outcome{Property: p.name, Kind: p.kind, Why: "not decided by " + r.Stopped}
		if f := sim.best[i]; f.found {
			o.Verdict, o.Why = Broken, "counterexample of "
			if p.kind == Sometimes {
				o.Verdict, o.Why = Holds, "witness of "
			}
			o.Why += fmt.Sprintf("%s, by walk %d of seed %d", trace.Plural(f.steps, "step"), f.walk, sim.opts.Seed)
			o.Trace = renderTrace(s.m, s.codec, p, sim.retrace(f), trace.NoLoop)
		}
		r.Outcomes = append(r.Outcomes, o)
	}
	return r, nil
}

// retrace makes the first steps of a walk once more.
func (sim *simulation[S]) retrace(f walkFinding) path {
	r := newRoute(sim.search, newExpander(sim.search.m, sim.search.codec, false), sim.opts.Seed, f.walk)
	p := path{states: [][]byte{r.state}}
	for range f.steps {
		p.steps = append(p.steps, r.step(r.ways()))
		p.states = append(p.states, r.state)
	}
	return p
}

// route is a random walk.
type route[S any] struct {
	exp   *expander[S]
	rand  *rand.Rand
	state []byte // encoding of where it is; never changed in place
}

// newRoute begins a walk at an initial state. Its choices come from a stream that
// belongs to the seed and the number of the walk.
func newRoute[S any](s *search[S], exp *expander[S], seed uint64, walk int) *route[S] {
	r := &route[S]{exp: exp, rand: rand.New(rand.NewPCG(seed, uint64(walk)))}
	first := &s.m.init[r.rand.IntN(len(s.m.init))]
	r.state = s.codec.Memory().Append(nil, first)
	return r
}

// ways returns the steps out of the state.
func (r *route[S]) ways() []transition { return r.exp.expand(r.state) }

// step takes one of the ways and returns it.
func (r *route[S]) step(ways []transition) transition {
	t := ways[r.rand.IntN(len(ways))]
	r.state = append([]byte(nil), r.exp.bytes(t)...)
	return t
}
