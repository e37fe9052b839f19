package campaign

import (
	"context"
	"errors"
	"slices"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Identify tells which of the known findings a plan shows that breaks a property,
// or nil if none: the finding of the same property, kind of object and cause or,
// where the cause is not known, the one whose kinds of faults suffice. For that it
// runs the plan with only those faults, once for each candidate, which is far cheaper
// than to shrink it. The finding that it returns carries the plan so reduced and the
// sentence of what that showed; the given sentence is what the whole plan showed.
func Identify(ctx context.Context, runner drive.Runner, plan *fault.Plan, broken checker.Finding, sentence string, findings []*corpus.Finding) (*corpus.Finding, error) {
	signature := corpus.Signature(plan)
	for _, known := range corpus.Known(findings, plan.Mode, broken) {
		if broken.Cause != "" {
			match := *known
			match.Plan, match.Sentence, match.Minimal = plan, sentence, false
			return &match, nil
		}
		if slices.ContainsFunc(known.Faults, func(kind fault.Kind) bool { return !slices.Contains(signature, kind) }) {
			continue // a kind that it needs is not in the plan
		}
		reduced := withOnly(plan, known.Faults)
		if reduced.Validate() != nil {
			continue // a fault that is left needs one that is not
		}
		match := *known
		match.Plan, match.Sentence, match.Minimal = reduced, sentence, false
		if len(reduced.Faults) == len(plan.Faults) {
			return &match, nil // it is the plan that has just shown it
		}
		shown, err := show(ctx, runner, reduced, broken)
		if err != nil {
			return nil, err
		}
		if shown != nil {
			match.Sentence = shown.Sentence()
			return &match, nil
		}
	}
	return nil, nil
}

// withOnly returns the plan with its faults of some kinds only.
func withOnly(plan *fault.Plan, kinds []fault.Kind) *fault.Plan {
	reduced := *plan
	reduced.Faults = slices.DeleteFunc(slices.Clone(plan.Faults), func(f fault.Fault) bool { return !slices.Contains(kinds, f.Kind) })
	return &reduced
}

// show runs a plan and returns the first violation of a property on a kind of
// object, or nil. A worker that fails shows nothing.
func show(ctx context.Context, runner drive.Runner, plan *fault.Plan, broken checker.Finding) (*checker.Violation, error) {
	run, err := runner.Run(ctx, plan)
	var failure *det.Failure
	if errors.As(err, &failure) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	violation, shown := run.Verdict.First(broken)
	if !shown {
		return nil, nil
	}
	return &violation, nil
}
