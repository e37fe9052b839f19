package drive

import (
	"context"
	"sync"
)

// Seeds is a range of seeds, both ends included.
type Seeds struct{ First, Last uint64 }

// Count is the number of seeds, at least 1.
func (s Seeds) Count() int { return int(s.Last-s.First) + 1 }

// Each calls work for each seed, for so many at a time, and hands every result to
// done as it arrives: one call of done at a time, in no particular order. When ctx
// ends no more seeds are begun, and what their unfinished work returns is dropped;
// Each returns when all calls have.
func Each[T any](ctx context.Context, seeds Seeds, parallel int, work func(context.Context, uint64) T, done func(uint64, T)) {
	var (
		next    = make(chan uint64)
		workers sync.WaitGroup
		one     sync.Mutex
	)
	for range min(parallel, seeds.Count()) {
		workers.Go(func() {
			for seed := range next {
				result := work(ctx, seed)
				if ctx.Err() != nil {
					return
				}
				one.Lock()
				done(seed, result)
				one.Unlock()
			}
		})
	}
	for i := range seeds.Count() {
		select {
		case next <- seeds.First + uint64(i):
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	workers.Wait()
}
