package explore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meshcheck/meshcheck/model/explore/internal/codec"
	"github.com/meshcheck/meshcheck/model/explore/internal/reduction"
	"github.com/meshcheck/meshcheck/model/explore/internal/states"
)

// search is one exploration. It goes in rounds: the workers explore a batch of
// waiting states, all at one depth; what they find is put in an order that does
// not depend on who found it; then the next batch is chosen. Breadth-first a
// batch is all states at a depth, depth-first it is a part of the deepest ones.
// Everything that a result depends on is a function of the batches.
type search[S any] struct {
	m     *Model[S]
	codec *codec.Codec[S]
	opts  Options
	props []*Property[S]

	symmetry     bool
	independence *reduction.Independence // nil: no partial-order reduction
	live         bool                    // some property is about infinite behaviours
	atomOf       []int                   // by property: its first bit among the atoms, or -1

	table    states.Table
	frontier states.Frontier
	workers  []*worker[S]
	round    uint64
	findings []uint64 // by property: the state that decides it, or zero
	enabled  []bool   // by action: is it ever

	// The undecided properties by what they are evaluated on.
	stateProps, stepProps, deadlockProps []int

	generated atomic.Int64
	depth     atomic.Int64 // of the batch
	queue     atomic.Int64
	used      atomic.Int64 // memory that waiting states and logs took when the round began

	stats    Stats // as of the last complete round
	stopped  string
	depthCut bool
}

// run explores until nothing waits or a bound stops it. The error is about the
// model, not about what was found.
func (s *search[S]) run(ctx context.Context) error {
	for range s.opts.Workers {
		s.workers = append(s.workers, newWorker(s))
	}
	if err := s.start(); err != nil {
		return err
	}
	for s.stopped == "" {
		depth, batch := s.frontier.Take()
		if batch == nil {
			break
		}
		if s.opts.MaxDepth > 0 && depth == s.opts.MaxDepth {
			s.depthCut = true
			s.stats.Waiting += states.Count(batch)
			continue
		}
		if s.round == states.MaxRound {
			s.stopped = fmt.Sprintf("%d rounds, the greatest number supported", states.MaxRound)
			s.stats.Waiting += states.Count(batch)
			break
		}
		s.round++
		s.depth.Store(int64(depth))
		complete, err := s.explore(ctx, batch)
		if err != nil {
			return err
		}
		s.merge()
		if !complete {
			s.stats.Waiting += states.Count(batch)
			break
		}
		s.advance(depth+1, batch)
	}
	if s.stopped == "" && s.depthCut {
		s.stopped = fmt.Sprintf("states %d steps from the start were not explored (MaxDepth)", s.opts.MaxDepth)
	}
	s.stats.Waiting += s.frontier.States()
	return nil
}

// start makes the initial states wait.
func (s *search[S]) start() error {
	s.choose()
	w := s.workers[0]
	err := w.guard(func() {
		w.exp.initial(func(enc []byte, fp uint64) {
			s.generated.Add(1)
			if s.table.Insert(fp, 0, 0) {
				w.checkState(enc, fp)
				w.out.Add(enc)
			}
		})
	})
	if err != nil {
		return err
	}
	s.merge()
	s.advance(0, nil)
	return nil
}

// explore has the workers explore a batch. It reports false if the memory bound
// or the context stopped them.
func (s *search[S]) explore(ctx context.Context, batch []states.Chunk) (complete bool, err error) {
	s.choose()
	s.used.Store(s.frontier.Bytes() + states.Size(batch) + s.logged())
	var (
		next  atomic.Int64
		abort atomic.Bool
		errs  = make([]error, len(s.workers))
	)
	work := func(i int) {
		w := s.workers[i]
		for !abort.Load() {
			c := next.Add(1) - 1
			if c >= int64(len(batch)) {
				return
			}
			before := w.out.Bytes() + w.log.Size()
			if errs[i] = w.explore(batch[c]); errs[i] != nil {
				abort.Store(true)
			}
			used := s.used.Add(w.out.Bytes() + w.log.Size() - before)
			s.queue.Add(-int64(batch[c].States))
			if ctx.Err() != nil || used+s.table.Bytes() > s.opts.Memory {
				abort.Store(true)
			}
		}
	}
	var wg sync.WaitGroup
	for i := 1; i < min(len(s.workers), len(batch)); i++ {
		wg.Go(func() { work(i) })
	}
	work(0)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return false, err
		}
	}
	// What a round takes in all does not depend on the order of its parts, so a
	// round that was left early because it took too much, and one that ended just
	// before that was noticed, count as the same.
	for _, w := range s.workers {
		w.out.Flush()
	}
	over := s.frontier.Bytes()+states.Size(batch)+s.written()+s.logged()+s.table.Bytes() > s.opts.Memory
	switch {
	case ctx.Err() != nil:
		s.stopped = fmt.Sprintf("interrupted: %v", context.Cause(ctx))
	case over:
		s.stopped = fmt.Sprintf("the memory bound of %d MiB was reached at depth %d after %d distinct states: give more memory, or bound the model",
			s.opts.Memory>>20, s.depth.Load()+1, s.stats.Distinct)
	}
	return s.stopped == "", nil
}

// choose sorts the undecided properties by what they are evaluated on.
func (s *search[S]) choose() {
	s.stateProps, s.stepProps, s.deadlockProps = nil, nil, nil
	for i, p := range s.props {
		if s.findings[i] != 0 {
			continue
		}
		switch p.kind {
		case Invariant, Sometimes:
			s.stateProps = append(s.stateProps, i)
		case Transition:
			s.stepProps = append(s.stepProps, i)
		case NoDeadlock:
			s.deadlockProps = append(s.deadlockProps, i)
		}
	}
}

// merge takes over what the workers found in the round.
func (s *search[S]) merge() {
	for _, w := range s.workers {
		for i, f := range w.findings {
			if f != 0 && (s.findings[i] == 0 || f < s.findings[i]) {
				s.findings[i] = f
			}
			w.findings[i] = 0
		}
		for i, e := range w.enabled {
			s.enabled[i] = s.enabled[i] || e
		}
	}
}

// advance makes the states that the round found wait, and checks the bounds that
// hold at the end of a round.
func (s *search[S]) advance(depth int, batch []states.Chunk) {
	var found []states.Chunk
	for _, w := range s.workers {
		found = append(found, w.out.Take()...)
	}
	s.used.Store(s.frontier.Bytes() + states.Size(batch) + states.Size(found) + s.logged())
	s.stats.Memory = max(s.stats.Memory, s.used.Load()+s.table.Bytes())
	s.frontier.Push(depth, found)
	s.queue.Store(s.frontier.States())
	for i, c := range batch {
		w := s.workers[i%len(s.workers)]
		w.out.Reuse(c)
	}
	if len(found) > 0 {
		s.stats.Depth = max(s.stats.Depth, depth)
	}
	s.stats.Generated = s.generated.Load()
	s.stats.Distinct = s.table.Len()
	s.stats.Table = s.table.Bytes()
	if s.frontier.States() > 0 {
		s.stopped = s.enough()
	}
}

// enough says why the search need not go on, or is empty.
func (s *search[S]) enough() string {
	for i, f := range s.findings {
		if f != 0 && s.opts.FirstBroken && s.props[i].kind != Sometimes {
			return fmt.Sprintf("%q is broken (FirstBroken)", s.props[i].name)
		}
	}
	if n := s.opts.MaxStates; n > 0 && s.stats.Distinct >= n {
		return fmt.Sprintf("%d distinct states (MaxStates %d)", s.stats.Distinct, n)
	}
	return ""
}

// written returns the size of the states found in the round.
func (s *search[S]) written() (n int64) {
	for _, w := range s.workers {
		n += w.out.Bytes()
	}
	return n
}

// logged returns the size of the edge logs.
func (s *search[S]) logged() (n int64) {
	for _, w := range s.workers {
		n += w.log.Size()
	}
	return n
}

// report calls Options.Progress until the returned function is called, and then
// once more.
func (s *search[S]) report(start time.Time) (stop func()) {
	if s.opts.Progress == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(s.opts.ProgressEvery)
		defer tick.Stop()
		var last Progress
		for running := true; running; {
			select {
			case <-tick.C:
			case <-done:
				running = false
			}
			p := s.progress(start)
			p.Rate = float64(p.Generated-last.Generated) / max((p.Elapsed-last.Elapsed).Seconds(), 1e-9)
			s.opts.Progress(p)
			last = p
		}
	}()
	return func() { close(done); <-ended }
}

func (s *search[S]) progress(start time.Time) Progress {
	return Progress{
		Generated: s.generated.Load(),
		Distinct:  s.table.Len(),
		Depth:     int(s.depth.Load()),
		Queue:     s.queue.Load(),
		Memory:    s.used.Load() + s.table.Bytes(),
		Elapsed:   time.Since(start),
	}
}
