// Package drive executes plans in worker processes and judges what they write:
// one plan, many seeds at once, or one seed twice.
//
// It holds no run in memory longer than its judgement takes, so a campaign may
// have any number of seeds.
package drive

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// mostReruns is how often a run whose seed did not determine every event is
// repeated before its result is taken as it is, with a note. Such events come
// from a busy machine, one run in thousands; three in a row mean something else.
const mostReruns = 3

// Runner runs plans. A *Simulator does, and what stands in for one in tests. The error
// is a *det.Failure if the worker failed.
type Runner interface {
	Run(ctx context.Context, plan *fault.Plan) (*Judged, error)
}

// Simulator runs plans in worker processes and judges their histories. It may be used
// by several goroutines.
type Simulator struct {
	Worker det.Worker
	// Whole, if non-nil, returns the worker for plans with whole agents, which is built when
	// the first one comes; nil: Worker is for all.
	Whole  func(context.Context) (det.Worker, error)
	Limits det.RunConfig  // of time and memory: zero for what the plan's size asks for; OnProgress is called from several goroutines if several plans run at once
	Check  checker.Config // how histories are judged
}

// Judged is a plan that was run, with its verdict. The history is parsed and indexed once,
// for all who read it; who keeps many runs keeps the report alone.
type Judged struct {
	*report.Run
	Index *index.Index
	File  []byte // the history in its file form
	Said  []byte // what Cilium and etcd said of themselves, if it was run here; see internal/load
}

// Run runs a plan and judges its history.
func (r *Simulator) Run(ctx context.Context, plan *fault.Plan) (*Judged, error) {
	result, reruns, err := r.Execute(ctx, plan)
	if err != nil {
		return nil, err
	}
	x, run, err := judge(result.History, r.Check)
	if err != nil {
		return nil, &det.Failure{Kind: det.Crash, Message: "the worker ended well but its history cannot be used: " + err.Error(), History: result.History}
	}
	if x.History.Plan != plan.Line() {
		return nil, &det.Failure{Kind: det.Crash, Message: "the worker's history is of another plan than the one it was given", History: result.History}
	}
	if run.Verdict.Outcome() == checker.Mistake {
		return nil, mistaken(run.Verdict, result.History)
	}
	run.Plan = plan
	run.Wall, run.PeakMemory = result.Wall, result.PeakMemory
	run.Deterministic, run.Unseeded, run.Reruns = result.Deterministic, result.Unseeded, reruns
	return &Judged{run, x, result.History, result.Metrics}, nil
}

// mistaken is the failure of a run that could not be judged.
func mistaken(v checker.Verdict, history []byte) *det.Failure {
	for _, r := range v.Results {
		if r.Outcome == checker.Mistake {
			return &det.Failure{Kind: det.Mistake, Message: r.Property + " cannot be judged: " + r.Evidence, Output: r.Property, History: history}
		}
	}
	panic("drive: the verdict has no mistake")
}

// Execute runs a plan, again if its seed did not determine every event.
func (r *Simulator) Execute(ctx context.Context, plan *fault.Plan) (result *det.Result, reruns int, err error) {
	limits, err := r.bounds(plan, machineMemory())
	if err != nil {
		return nil, 0, err
	}
	worker, err := r.WorkerOf(ctx, plan)
	if err != nil {
		return nil, 0, err
	}
	for {
		result, err = worker.Run(ctx, []byte(plan.Line()), limits)
		if err != nil {
			return nil, reruns, err
		}
		if !result.Deterministic || result.Unseeded == 0 || reruns == mostReruns {
			return result, reruns, nil
		}
		reruns++
	}
}

// WorkerOf returns the worker that runs a plan, built if need be.
func (r *Simulator) WorkerOf(ctx context.Context, plan *fault.Plan) (det.Worker, error) {
	if plan.HasWhole() && r.Whole != nil {
		return r.Whole(ctx)
	}
	return r.Worker, nil
}

// JudgeIndexed reads a history in its file form and judges it. The run that it returns
// has a plan, or the error for which it has none.
func JudgeIndexed(file []byte, cfg checker.Config) (*Judged, error) {
	x, run, err := judge(file, cfg)
	if err != nil {
		return nil, err
	}
	run.Plan, run.PlanErr = fault.Read("line 2", []byte(x.History.Plan))
	return &Judged{run, x, file, nil}, nil
}

// judge fills in what a history alone tells.
func judge(file []byte, cfg checker.Config) (*index.Index, *report.Run, error) {
	start := time.Now()
	h, err := history.Read(bytes.NewReader(file))
	if err != nil {
		return nil, nil, err
	}
	x := index.New(h)
	run := &report.Run{Verdict: checker.Check(x, cfg), Hash: h.Hash, Records: len(h.Records)}
	if n := len(h.Records); n > 0 {
		run.Virtual = h.Records[n-1].At
	}
	if i := x.Phase("churn"); i >= 0 {
		run.Churn = h.Records[i].At
	}
	if i := x.Phase("end"); i >= 0 {
		run.Virtual, run.Shutdown = h.Records[i].At, run.Virtual-h.Records[i].At
	}
	run.Checking = time.Since(start)
	return x, run, nil
}

// Compare runs a plan twice, in separate processes one after the other, and compares
// the histories.
func (r *Simulator) Compare(ctx context.Context, plan *fault.Plan) (c report.Comparison, virtual time.Duration, err error) {
	c.Seed = plan.Seed
	var results [2]*det.Result
	for i := range results {
		var reruns int
		if results[i], reruns, err = r.Execute(ctx, plan); err != nil {
			return c, 0, err
		}
		c.Reruns += reruns
		c.Unseeded = max(c.Unseeded, results[i].Unseeded)
	}
	difference, err := history.Diff(bytes.NewReader(results[0].History), bytes.NewReader(results[1].History))
	if err != nil {
		return c, 0, fmt.Errorf("comparing the histories of seed %d: %w", plan.Seed, err)
	}
	if difference != nil {
		c.Line, c.First, c.Second = difference.Line, difference.A, difference.B
	}
	return c, results[0].Virtual, nil
}
