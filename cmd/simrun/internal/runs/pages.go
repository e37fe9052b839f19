package runs

import (
	"bytes"
	"context"
	"sync"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/page"
)

// WritePage writes the page of a run, if a flag asks for it.
func WritePage(path string, judged *drive.Judged) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	if err := page.Run(&b, judged.Run, judged.Index); err != nil {
		return err
	}
	return output.Write("html", path, b.Bytes())
}

// WriteCampaign writes the page of many seeds, if a flag asks for it.
func WriteCampaign(path, name string, pages *page.Campaign, summary *report.Summary) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	if err := pages.Write(&b, name, summary); err != nil {
		return err
	}
	return output.Write("html", path, b.Bytes())
}

// Gathering runs plans, and gathers what the page of all of them shows. It may be used by
// several goroutines.
type Gathering struct {
	drive.Runner
	mu      sync.Mutex
	Pages   page.Campaign
	Summary report.Summary
}

func (g *Gathering) Run(ctx context.Context, plan *fault.Plan) (*drive.Judged, error) {
	run, err := g.Runner.Run(ctx, plan)
	if err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.Pages.Add(plan.Seed, run.Run)
		g.Summary.Add(plan.Seed, run.Run)
		g.Summary.Seeds++
	}
	return run, err
}
