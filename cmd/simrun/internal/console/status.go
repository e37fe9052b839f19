package console

import (
	"errors"
	"fmt"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/sim/det"
)

// The exit statuses. A property that could not be decided is not a pass: it has
// the status of a broken one, and a sentence that says so.
const (
	StatusHold        = 0   // all properties hold, or all histories are equal
	StatusBroken      = 1   // a property is broken or undecided, or histories differ
	StatusUsage       = 2   // bad flags or bad input
	StatusHarness     = 3   // the worker could not be built, crashed, hung or grew too large; or judging a history went wrong
	StatusInterrupted = 130 // SIGINT, SIGTERM or SIGHUP, with the status that shells have for the first
)

// StatusOf is the exit status of a verdict.
func StatusOf(v checker.Verdict) int {
	switch v.Outcome() {
	case checker.Pass:
		return StatusHold
	case checker.Mistake:
		return StatusHarness
	}
	return StatusBroken
}

// usageError is an error that the user can correct: a flag, a file.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// Usage makes of an error one that the user can correct.
func Usage(err error) error { return &usageError{err} }

// Usagef is [Usage] of a sentence.
func Usagef(format string, args ...any) error { return Usage(fmt.Errorf(format, args...)) }

// Fail prints an error as one sentence and returns its status.
func (c *Console) Fail(err error) int {
	fmt.Fprintf(c.Stderr, "simrun: %v\n", err)
	var (
		usage    *usageError
		mismatch *det.Mismatch
		large    *drive.TooLarge
		cilium   *det.BadCilium
	)
	if errors.As(err, &usage) || errors.As(err, &cilium) || errors.As(err, &mismatch) || errors.As(err, &large) {
		return StatusUsage
	}
	return StatusHarness
}
