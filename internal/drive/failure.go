package drive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Keep stores what is known of a run that failed with err, a *det.Failure, where it
// outlives this program: the plan, what the worker printed, and the history as far as it
// came. The same failure of the same plan has the same place. What was kept long ago, or
// is too much, goes. Its own error is for what is no failure of a worker, such as an
// interrupt or a disk that is full.
func Keep(plan *fault.Plan, err error) (report.Failure, error) {
	var failure *det.Failure
	if !errors.As(err, &failure) {
		return report.Failure{}, err
	}
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir() // no home: as in a container
	}
	hash := sha256.Sum256([]byte(plan.Line()))
	dir := filepath.Join(base, "meshcheck", "failures", fmt.Sprintf("seed-%d-%s-%x", plan.Seed, failure.Kind, hash[:4]))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return report.Failure{}, fmt.Errorf("keeping the plan: %w", err)
	}
	message := failure.Message
	if cause := Cause(failure.Output); cause != "" {
		message += " (" + cause + ")"
	}
	kept := report.Failure{Seed: plan.Seed, Kind: string(failure.Kind), Message: message, Kept: dir}
	if failure.Kind == det.Crash {
		if kept.Panic = PanicOf(failure.Output); kept.Panic != nil {
			kept.Kind = "panic"
		}
	}
	files.Prune(filepath.Dir(dir), keptFor, keptBytes) // what cannot be removed stays, and hides no failure
	return kept, errors.Join(
		files.Write(filepath.Join(dir, "plan.json"), plan.Encode()),
		files.Write(filepath.Join(dir, "output.txt"), []byte(failure.Message+"\n"+failure.Output)),
		files.Write(filepath.Join(dir, "history"), failure.History),
	)
}

// How long failures are kept, and how much of them.
const (
	keptFor   = 30 * 24 * time.Hour
	keptBytes = 1 << 30
)

// Cause finds the line in the output of a worker that says why it ended, or
// returns the empty string.
func Cause(output string) string {
	for line := range strings.Lines(output) {
		for _, start := range []string{"panic: ", "fatal error: ", "worker: "} {
			if strings.HasPrefix(line, start) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}
