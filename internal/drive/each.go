package drive

import (
	"context"
	"iter"
	"sync"
)

// Seeds is a range of seeds, both ends included.
type Seeds struct{ First, Last uint64 }

// Count is the number of seeds, at least 1.
func (s Seeds) Count() int { return int(s.Last-s.First) + 1 }

// All are the seeds in order.
func (s Seeds) All() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := range s.Count() {
			if !yield(s.First + uint64(i)) {
				return
			}
		}
	}
}

// Each does the work on each item, on so many at a time, and hands every result to
// done as it arrives. An item is asked for when there is a goroutine for it; items and
// done are never at work at once, so they may share what they know. An error of work or
// done ends it: nothing more is begun, what unfinished work returns is dropped, and
// Each returns that error, or that of ctx, when all work has ended.
func Each[T, R any](ctx context.Context, items iter.Seq[T], parallel int, work func(context.Context, T) (R, error), done func(T, R) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next, end := iter.Pull(items)
	defer end()
	var (
		workers sync.WaitGroup
		one     sync.Mutex
	)
	take := func() (item T, more bool) {
		one.Lock()
		defer one.Unlock()
		if ctx.Err() != nil {
			return item, false
		}
		return next()
	}
	hand := func(item T, result R) error {
		one.Lock()
		defer one.Unlock()
		if ctx.Err() != nil {
			return nil
		}
		return done(item, result)
	}
	for range parallel {
		workers.Go(func() {
			for item, more := take(); more; item, more = take() {
				result, err := work(ctx, item)
				if err == nil {
					err = hand(item, result)
				}
				if err != nil {
					stop(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}
