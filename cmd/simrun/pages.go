package main

import (
	"bytes"
	"context"
	"sync"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/page"
)

// writePage writes the page of a run, if a flag asks for it.
func writePage(path string, judged *drive.Judged) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	if err := page.Run(&b, judged.Run, judged.Index); err != nil {
		return err
	}
	return writeTarget("html", path, b.Bytes())
}

// writeCampaign writes the page of many seeds, if a flag asks for it.
func writeCampaign(path, name string, pages *page.Campaign, summary *report.Summary) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	if err := pages.Write(&b, name, summary); err != nil {
		return err
	}
	return writeTarget("html", path, b.Bytes())
}

// gathering runs plans, and gathers what the page of all of them shows. It may be used by
// several goroutines.
type gathering struct {
	drive.Runner
	mu      sync.Mutex
	pages   page.Campaign
	summary report.Summary
}

func (g *gathering) Run(ctx context.Context, plan *fault.Plan) (*drive.Judged, error) {
	run, err := g.Runner.Run(ctx, plan)
	if err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.pages.Add(plan.Seed, run.Run)
		g.summary.Add(plan.Seed, run.Run)
		g.summary.Seeds++
	}
	return run, err
}
