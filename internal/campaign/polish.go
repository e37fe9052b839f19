package campaign

import (
	"context"

	"github.com/meshcheck/meshcheck/internal/corpus"
)

// rough returns the findings whose plans an earlier campaign had no time to make
// minimal.
func (c *campaign) rough() (rough []*corpus.Finding) {
	for _, f := range c.cfg.Corpus.Findings() {
		if !f.Minimal && f.Property != corpus.Harness && c.cfg.Shrink != nil {
			rough = append(rough, f)
		}
	}
	return rough
}

// polish goes on shrinking a finding's plan.
func (c *campaign) polish(ctx context.Context, f *corpus.Finding) error {
	shrunk, err := c.cfg.Shrink(ctx, f.Plan, f.Broken())
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return nil // the plan does not show it any more: that is for a replay to tell
	}
	return c.cfg.Corpus.Improve(f.Name(), shrunk.Plan, shrunk.Sentence, shrunk.Minimal)
}
