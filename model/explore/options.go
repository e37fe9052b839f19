package explore

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// Search is the order in which states are explored.
type Search int

// The orders.
const (
	// BreadthFirst explores all states at one distance from the start before
	// those farther away: counterexamples are as short as possible, except with
	// partial-order reduction.
	BreadthFirst Search = iota
	// DepthFirst explores the states farthest from the start first, up to 64 at
	// a time. It needs less memory for states that wait, and is often sooner at a
	// deep violation, but its counterexamples are long.
	DepthFirst
)

// Options say how a model is explored. The zero value explores everything,
// breadth-first, on all processors, with the reductions that the model declares,
// in 2 GiB.
type Options struct {
	Search Search

	// Workers is the number of states explored at once; zero: one per processor.
	// No result depends on it.
	Workers int

	// Memory bounds the bytes taken by seen states, waiting states and, for
	// liveness, the state graph; zero: 2 GiB. A search that reaches it stops, and
	// what it has not decided is unknown.
	Memory int64

	// MaxDepth is the number of steps from an initial state at which states are
	// checked but no more explored; zero: no bound. Depth-first, a state that is
	// first reached at that depth is not explored although there may be a
	// shorter way to it.
	MaxDepth int

	// MaxStates stops the search at the end of the round in which the number of
	// distinct states reaches it; zero: no bound.
	MaxStates int64

	// Properties names the properties to check; nil: all.
	Properties []string

	// FirstBroken stops the search at the end of the round that breaks the first
	// property. Otherwise it goes on to decide the others.
	FirstBroken bool

	// NoSymmetry and NoPartialOrder turn off reductions that the model declares.
	NoSymmetry     bool
	NoPartialOrder bool

	// Progress, if not nil, is called about every ProgressEvery (zero: one
	// second) by one goroutine at a time, and once at the end.
	Progress      func(Progress)
	ProgressEvery time.Duration
}

// Progress is how far a search is.
type Progress struct {
	Generated int64         // states computed, each initial state and each step's outcome
	Distinct  int64         // different states among them
	Depth     int           // steps from the start to the states being explored
	Queue     int64         // states that are waiting to be explored
	Memory    int64         // bytes, as counted against Options.Memory
	Elapsed   time.Duration // wall clock
	Rate      float64       // states generated per second since the last call
}

func (p Progress) String() string {
	return fmt.Sprintf("%d states generated, %d distinct, depth %d, %d waiting, %.0f states/s, %d MiB",
		p.Generated, p.Distinct, p.Depth, p.Queue, p.Rate, p.Memory>>20)
}

// complete returns o with its defaults filled in.
func (o Options) complete() (Options, error) {
	switch {
	case o.Search != BreadthFirst && o.Search != DepthFirst:
		return o, fmt.Errorf("options: search %d is neither BreadthFirst nor DepthFirst", o.Search)
	case o.Workers < 0, o.Memory < 0, o.MaxDepth < 0, o.MaxStates < 0, o.ProgressEvery < 0:
		return o, fmt.Errorf("options: Workers %d, Memory %d, MaxDepth %d, MaxStates %d, ProgressEvery %v: none may be negative",
			o.Workers, o.Memory, o.MaxDepth, o.MaxStates, o.ProgressEvery)
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Memory == 0 {
		o.Memory = 2 << 30
	}
	if o.ProgressEvery == 0 {
		o.ProgressEvery = time.Second
	}
	return o, nil
}

// selected returns the properties that o names.
func (m *Model[S]) selected(o Options) ([]*Property[S], error) {
	if o.Properties == nil {
		return m.props, nil
	}
	var props []*Property[S]
	for _, name := range o.Properties {
		i := slices.IndexFunc(m.props, func(p *Property[S]) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("options: model %q has no property %q", m.name, name)
		}
		props = append(props, m.props[i])
	}
	return props, nil
}
