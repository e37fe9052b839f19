package campaign

import (
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/sim/det"
)

// harnessFinding is a worker that failed, as a finding: it keeps the plan as drawn
// and what the worker printed.
func harnessFinding(plan *fault.Plan, failure *det.Failure, seen corpus.Occurrence) *corpus.Finding {
	broken := checker.Finding{Property: corpus.Harness, Kind: symptom(failure)}
	f := corpus.New(broken, plan, failure.Message, seen)
	if cause := drive.Cause(failure.Output); cause != "" {
		f.Sentence += " (" + cause + ")"
	}
	f.Output = failure.Message + "\n" + failure.Output
	return f
}

// symptom is how a worker failed, in words that are the same for each seed with
// which it fails in this way.
func symptom(failure *det.Failure) string {
	what := ""
	switch failure.Kind {
	case det.Crash:
		what = drive.Cause(failure.Output)
		if what == "" {
			// The message ends with what the kernel says of the process.
			what = failure.Message[strings.LastIndex(failure.Message, ": ")+1:]
		}
	case det.Input:
		what = failure.Message
	case det.Mistake:
		what = failure.Output // the property
	}
	name := strings.TrimSuffix(string(failure.Kind)+"-"+corpus.Slug(what), "-")
	if p := drive.PanicOf(failure.Output); failure.Kind == det.Crash && p != nil {
		name += "-in-" + corpus.Slug(p.Function)
	}
	return name
}
