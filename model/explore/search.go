package explore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// search is one exploration. It goes in rounds: the workers explore a batch of
// waiting states, all at one depth; what they find is put in an order that does
// not depend on who found it; then the next batch is chosen. Breadth-first a
// batch is all states at a depth, depth-first it is a part of the deepest ones.
// Everything that a result depends on is a function of the batches.
type search[S any] struct {
	m     *Model[S]
	codec *codec[S]
	opts  Options
	props []*Property[S]

	symmetry     bool
	independence *independence // nil: no partial-order reduction
	live         bool          // some property is about infinite behaviours
	atomOf       []int         // by property: its first bit among the atoms, or -1

	table    table
	frontier frontier
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
		depth, batch := s.frontier.take()
		if batch == nil {
			break
		}
		if s.opts.MaxDepth > 0 && depth == s.opts.MaxDepth {
			s.depthCut = true
			s.stats.Waiting += countStates(batch)
			continue
		}
		if s.round == maxRound {
			s.stopped = fmt.Sprintf("%d rounds, the greatest number supported", maxRound)
			s.stats.Waiting += countStates(batch)
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
			s.stats.Waiting += countStates(batch)
			break
		}
		s.advance(depth+1, batch)
	}
	if s.stopped == "" && s.depthCut {
		s.stopped = fmt.Sprintf("states %d steps from the start were not explored (MaxDepth)", s.opts.MaxDepth)
	}
	s.stats.Waiting += s.frontier.states
	return nil
}

// start makes the initial states wait.
func (s *search[S]) start() error {
	s.choose()
	w := s.workers[0]
	err := w.guard(func() {
		w.exp.initial(func(enc []byte, fp uint64) {
			s.generated.Add(1)
			if s.table.insert(fp, 0, 0) {
				w.checkState(enc, fp)
				w.out.add(enc)
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
func (s *search[S]) explore(ctx context.Context, batch []chunk) (complete bool, err error) {
	s.choose()
	s.used.Store(s.frontier.bytes + bytesOf(batch) + s.logged())
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
			before := w.out.bytes + w.log.size()
			if errs[i] = w.explore(batch[c]); errs[i] != nil {
				abort.Store(true)
			}
			used := s.used.Add(w.out.bytes + w.log.size() - before)
			s.queue.Add(-int64(batch[c].states))
			if ctx.Err() != nil || used+s.table.bytes.Load() > s.opts.Memory {
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
		w.out.flush()
	}
	over := s.frontier.bytes+bytesOf(batch)+s.written()+s.logged()+s.table.bytes.Load() > s.opts.Memory
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
func (s *search[S]) advance(depth int, batch []chunk) {
	var found []chunk
	for _, w := range s.workers {
		found = append(found, w.out.take()...)
	}
	if s.opts.Search == DepthFirst {
		found = s.sorted(found)
	}
	s.used.Store(s.frontier.bytes + bytesOf(batch) + bytesOf(found) + s.logged())
	s.stats.Memory = max(s.stats.Memory, s.used.Load()+s.table.bytes.Load())
	s.frontier.push(depth, found)
	s.queue.Store(s.frontier.states)
	for i, c := range batch {
		w := s.workers[i%len(s.workers)]
		w.out.spare = append(w.out.spare, c.buf)
	}
	if len(found) > 0 {
		s.stats.Depth = max(s.stats.Depth, depth)
	}
	s.stats.Generated = s.generated.Load()
	s.stats.Distinct = s.table.states.Load()
	s.stats.Table = s.table.bytes.Load()
	if s.frontier.states > 0 {
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

// sorted returns the same states in an order that depends on nothing else.
func (s *search[S]) sorted(found []chunk) []chunk {
	type item struct {
		fp  uint64
		enc []byte
	}
	var items []item
	for _, c := range found {
		c.each(func(enc []byte) { items = append(items, item{fingerprint(enc), enc}) })
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.fp, b.fp) })
	w := chunkWriter{maxStates: deepChunkStates}
	for _, it := range items {
		w.add(it.enc)
	}
	return w.take()
}

// written returns the size of the states found in the round.
func (s *search[S]) written() (n int64) {
	for _, w := range s.workers {
		n += w.out.bytes
	}
	return n
}

// logged returns the size of the edge logs.
func (s *search[S]) logged() (n int64) {
	for _, w := range s.workers {
		n += w.log.size()
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
		Distinct:  s.table.states.Load(),
		Depth:     int(s.depth.Load()),
		Queue:     s.queue.Load(),
		Memory:    s.used.Load() + s.table.bytes.Load(),
		Elapsed:   time.Since(start),
	}
}

func countStates(batch []chunk) (n int64) {
	for _, c := range batch {
		n += int64(c.states)
	}
	return n
}

func bytesOf(batch []chunk) (n int64) {
	for _, c := range batch {
		n += int64(len(c.buf))
	}
	return n
}
