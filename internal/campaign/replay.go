package campaign

import (
	"context"
	"errors"
	"sync"

	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Replayed is a finding whose plan was run again.
type Replayed struct {
	Finding *corpus.Finding
	Shows   bool
	Says    string // what it shows; else what happened instead
}

// Replay runs the plans of findings again, so many at once, and says which still
// show what they are kept for, in the order of the findings. The error is that of
// ctx, or of what made it impossible to go on.
func Replay(ctx context.Context, runner Runner, findings []*corpus.Finding, parallel int, done func(Replayed)) ([]Replayed, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		all   = make([]Replayed, len(findings))
		next  = make(chan int)
		lanes sync.WaitGroup
		one   sync.Mutex
	)
	for range parallel {
		lanes.Go(func() {
			for i := range next {
				replayed, err := replay(ctx, runner, findings[i])
				if err != nil {
					stop(err)
					continue
				}
				one.Lock()
				all[i] = replayed
				done(replayed)
				one.Unlock()
			}
		})
	}
	for i := range findings {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	lanes.Wait()
	return all, context.Cause(ctx)
}

func replay(ctx context.Context, runner Runner, f *corpus.Finding) (Replayed, error) {
	run, err := runner.Run(ctx, f.Plan)
	var failure *det.Failure
	switch {
	case errors.As(err, &failure):
		shows := f.Property == corpus.Harness && f.Kind == symptom(failure)
		return Replayed{f, shows, failure.Message}, nil
	case err != nil:
		return Replayed{}, err
	}
	if violation, shows := run.Verdict.First(f.Broken()); shows {
		return Replayed{f, true, violation.Sentence}, nil
	}
	says := "no property is broken"
	if broken := run.Verdict.Findings(); len(broken) > 0 {
		says = "it breaks " + broken[0].String() + " instead"
	}
	return Replayed{f, false, says}, nil
}
