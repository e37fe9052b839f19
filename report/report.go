// Package report renders what simrun tells its user: a run with its verdict, the
// summary of many runs, and the comparison of runs, as text for people and as
// JSON for machines.
package report

import (
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
)

// Run is a judged run, or a history judged again. Values that are not known, as
// of a history from a file, are zero and are left out of the text.
type Run struct {
	Name    string          // what was run, for the heading: "seed 7", or a file
	Plan    *fault.Plan     // if nil, PlanErr says why
	PlanErr error           // the plan in a history is of a form that this program does not read
	Verdict checker.Verdict // of the history
	Hash    string          // trace hash of the history
	Code    *Code           // what ran; nil if that is not known

	Churn    time.Duration // instant of the churn's start, from which the plan's times count
	Virtual  time.Duration // length of the run on the world's clock, without its shutdown
	Shutdown time.Duration // what the history has after that, until goroutines that are left over are counted
	Wall     time.Duration // of the worker, its start included
	Checking time.Duration // wall time of reading and judging the history
	Records  int           // events in the history

	PeakMemory    int64  // bytes resident in the worker
	Deterministic bool   // the worker has the deterministic runtime
	Unseeded      uint64 // events that the seed did not determine: above 0, the run does not replay
	Logged        bool   // the log of the code under test was written, which can change the trace
	Reruns        int    // runs before this one that were discarded for such events

	Commands []Command // how to go on from here
	// Explain is the command line that explains the violation of a number, of a history that
	// is in a file; nil: it is in none.
	Explain func(number int) string
}

// Command is a command line for the user, and what it is for.
type Command struct {
	Purpose string // one word, such as replay
	Line    string
}
