package runs

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Failed reports a run that gave no history to judge.
func Failed(c *console.Console, asJSON bool, plan *fault.Plan, err error) (int, error) {
	failure, err := Failure(c, plan, err)
	if err != nil {
		return 0, err
	}
	if asJSON {
		if err := failure.WriteJSON(c.Stdout); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("the run failed (%s): %s; its plan and output are kept in %s, and %s runs it again",
		failure.Kind, failure.Message, failure.Kept, console.CommandLine(c.Name, "-plan", filepath.Join(failure.Kept, "plan.json")))
}

// Failure keeps what is known of a failed run. A plan that the worker refuses is the
// user's to correct.
func Failure(c *console.Console, plan *fault.Plan, err error) (report.Failure, error) {
	var failure *det.Failure
	if errors.As(err, &failure) && failure.Kind == det.Input {
		return report.Failure{}, refusal(c, failure)
	}
	return drive.Keep(plan, err)
}

// placeOf finds where a worker's refusal names an object of a plan.
var placeOf = regexp.MustCompile(`objects\[(\d+)\]`)

// refusal is the error of a plan that the worker refuses. Objects that came from files are
// named by their places there.
func refusal(c *console.Console, failure *det.Failure) error {
	message := placeOf.ReplaceAllStringFunc(failure.Message, func(path string) string {
		if i, err := strconv.Atoi(placeOf.FindStringSubmatch(path)[1]); err == nil && i < len(c.Places) {
			return c.Places[i]
		}
		return path
	})
	return console.Usagef("the worker refuses the plan: %s", message)
}

// Refused makes a usage error of a plan that a worker refuses.
func Refused(c *console.Console, err error) error {
	var failure *det.Failure
	if errors.As(err, &failure) && failure.Kind == det.Input {
		return refusal(c, failure)
	}
	return err
}
