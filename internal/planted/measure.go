package planted

import (
	"context"
	"errors"
	"fmt"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/compare"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Measured is in how many other schedules of a plan the bug's property is broken in its way
// with the bug, and in whatever way without it.
type Measured struct {
	With    report.Share `json:"with"`
	Without report.Share `json:"without"`
}

// At most mostSchedules other schedules of a plan are tried, and no more than fewSchedules if
// the bug shows in none of these. A difference that is not below atMost by chance tells nothing.
const (
	fewSchedules  = 5
	mostSchedules = 20
	atMost        = 0.01
)

// byChance tells whether the difference may be one of schedules alone.
func (m Measured) byChance() bool {
	return compare.Chance(m.With.Broken, m.With.Of, m.Without.Broken, m.Without.Of) >= atMost
}

// says tells of a violation that looks like a finding.
func (m Measured) says(looks string) string {
	return fmt.Sprintf("it looks like %s; with other schedules of the plan it is broken in %d of %d with the bug, and in %d of %d without",
		looks, m.With.Broken, m.With.Of, m.Without.Broken, m.Without.Of)
}

// measure runs other schedules of a plan, each with the bug and without.
func measure(ctx context.Context, bug *Bug, cfg Config, plan *fault.Plan) (m Measured, err error) {
	done := 0
	for other := range compare.Schedules(plan, mostSchedules) {
		with, err := outcomeOf(ctx, cfg.Planted, other, func(run *drive.Judged) bool { _, shown := bug.By(run.Verdict); return shown })
		if err != nil {
			return m, err
		}
		without, err := outcomeOf(ctx, cfg.Clean, other, func(run *drive.Judged) bool { return bug.breaks(run.Verdict) })
		if err != nil {
			return m, err
		}
		m.With, m.Without = added(m.With, with), added(m.Without, without)
		done++
		if done >= fewSchedules && (m.With.Broken == 0 || !m.byChance()) {
			break
		}
	}
	return m, nil
}

func added(s, t report.Share) report.Share {
	return report.Share{Broken: s.Broken + t.Broken, Of: s.Of + t.Of}
}

// outcomeOf is what one run tells: nothing, if its worker failed or its seed does not determine it.
func outcomeOf(ctx context.Context, with drive.Runner, plan *fault.Plan, breaks func(*drive.Judged) bool) (s report.Share, err error) {
	run, err := with.Run(ctx, plan)
	var failure *det.Failure
	switch {
	case errors.As(err, &failure) && failure.Kind != det.Input:
		return s, nil
	case err != nil:
		return s, err
	case undetermined(run.Run):
		return s, nil
	}
	if s.Of = 1; breaks(run) {
		s.Broken = 1
	}
	return s, nil
}
