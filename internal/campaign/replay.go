package campaign

import (
	"context"
	"errors"
	"slices"

	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/internal/drive"
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
func Replay(ctx context.Context, runner drive.Runner, findings []*corpus.Finding, parallel int, done func(Replayed)) ([]Replayed, error) {
	all := make([]Replayed, len(findings))
	err := drive.Each(ctx, slices.Values(findings), parallel, func(ctx context.Context, f *corpus.Finding) (Replayed, error) {
		return replay(ctx, runner, f)
	}, func(f *corpus.Finding, replayed Replayed) error {
		all[slices.Index(findings, f)] = replayed
		done(replayed)
		return nil
	})
	return all, err
}

func replay(ctx context.Context, runner drive.Runner, f *corpus.Finding) (Replayed, error) {
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
		return Replayed{f, true, violation.Sentence()}, nil
	}
	says := "no property is broken"
	if broken := run.Verdict.Findings(); len(broken) > 0 {
		says = "it breaks " + broken[0].String() + " instead"
	}
	return Replayed{f, false, says}, nil
}
