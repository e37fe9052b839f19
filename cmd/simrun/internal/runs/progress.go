package runs

import (
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Progress shows how far a run is, and what is left if the views converge at once: the
// run ends when they have been right for some minutes. It is as far as its virtual time is,
// or its records: a large world has most of these before the churn.
func Progress(c *console.Console, plan *fault.Plan) func(det.Progress) {
	const around = 200 * time.Second // from the start until the pods are there, and from the heal to the end
	start, whole, records := time.Now(), plan.Churn.Std()+around, drive.CostOf(plan).Records
	return func(p det.Progress) {
		elapsed := time.Since(start)
		done := max(p.Virtual.Seconds()/whole.Seconds(), min(0.9, float64(p.Records)/float64(records)), 1e-3)
		left := time.Duration(float64(elapsed) * max(0, 1-done) / done)
		c.Progress.Show("%s: %.0f of about %.0f s virtual, %s events, %.0fx real time, %s left", p.Phase, p.Virtual.Seconds(),
			whole.Seconds(), text.Thousands(p.Records), p.Virtual.Seconds()/max(1e-3, elapsed.Seconds()), text.Rounded(left))
	}
}

// ShrinkProgress shows how small the plan is.
func ShrinkProgress(c *console.Console, plan *fault.Plan) func(shrink.Progress) {
	start, before := time.Now(), shrink.SizeOf(plan).Decisions()
	return func(p shrink.Progress) {
		c.Progress.Show("%d of %d decisions left, %d agents, %d replicas; %d runs in %s",
			p.Now.Decisions(), before, p.Now.Agents, p.Now.Replicas, p.Runs, time.Since(start).Round(time.Second))
	}
}
