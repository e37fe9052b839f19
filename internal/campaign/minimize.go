package campaign

import (
	"context"

	"github.com/meshcheck/meshcheck/internal/corpus"
)

// unminimized returns the findings whose plans an earlier campaign had no time to make
// minimal.
func (c *campaign) unminimized() (unminimized []*corpus.Finding) {
	for _, f := range c.cfg.Corpus.Findings() {
		if !f.Minimal && f.Property != corpus.Harness && c.cfg.Shrink != nil {
			unminimized = append(unminimized, f)
		}
	}
	return unminimized
}

// minimize goes on shrinking a finding's plan.
func (c *campaign) minimize(ctx context.Context, f *corpus.Finding) error {
	shrunk, err := c.cfg.Shrink(ctx, f.Plan, f.Broken())
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return nil // the plan does not show it any more: that is for a replay to tell
	}
	return c.cfg.Corpus.Improve(f.Name(), shrunk.Plan, shrunk.Sentence, shrunk.Minimal)
}
