package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/conformance"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/det"
)

// realOutcomes are what simrun model -all -real -o has written.
const realOutcomes = "../../testdata/model"

func TestModelPlan(t *testing.T) {
	scene(t)
	status, _, stderr := simrun(t, "model", "-mode", "clustermesh", "-agents", "1", "-property", "monotonic", "-plan", "plan.json")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status)
	plan, err := fault.ReadFile("plan.json")
	require.NoError(t, err)
	require.Equal(t, 2, plan.Topology.Replicas)
	require.Equal(t, 1, plan.Topology.Agents)
	require.True(t, hasFault(plan, fault.Partition))
}

func TestModelPlanThatIsNotExpressible(t *testing.T) {
	scene(t)
	status, _, stderr := simrun(t, "model", "-mode", "direct", "-property", "durable", "-plan", "plan.json")
	require.Equal(t, console.StatusBroken, status)
	require.Equal(t, "simrun: the counterexample of durable in mode direct is not expressible, because no agent of Cilium's writes to the etcd of a replica, and no replica copies another; so plan.json is not written\n", stderr)
	require.NoFileExists(t, "plan.json")
}

// A worker whose runs are of something else says nothing about the model.
func TestModelRealWithAWorkerThatDoesSomethingElse(t *testing.T) {
	scene(t)
	small := []string{"model", "-all", "-real", "-agents", "1", "-objects", "1", "-faults", "1", "-worker", "WORKER"}
	status, stdout, stderr := simrun(t, small...)
	require.Equal(t, console.StatusHarness, status)
	require.Contains(t, stdout, "\nclustermesh ")
	require.Contains(t, stderr, "simrun: the counterexample of monotonic in mode clustermesh: no run of the plan went as the counterexample: with seed 1 step 1 of 5, Write of rv 2, is not in the history where it should be\n")

	status, _, stderr = simrun(t, append(small, "-seeds", "102")...)
	require.Equal(t, console.StatusHarness, status)
	require.Regexp(t, `^simrun: the counterexample of monotonic in mode clustermesh: the run failed \(crash\): .*; its plan and output are kept in `, stderr)
}

// builtWorker builds the worker, or finds the one that was built.
func builtWorker(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build the worker with")
	}
	path, err := det.Build(t.Context(), det.BuildConfig{})
	require.NoError(t, err)
	return path
}

// Workers with repairs, which take long to build, are not built: the one without stands in for them, which breaks what these
// counterexamples break.
func TestModelReal(t *testing.T) {
	worker := builtWorker(t)
	scene(t)
	built := 0
	simrun := func(args ...string) (status int, stdout, stderr string) {
		var out, errs strings.Builder
		c := console.New("simrun", &out, &errs, false)
		c.Builder = func(_ context.Context, cfg det.BuildConfig) (string, error) {
			built++
			require.NotEmpty(t, cfg.Plant.Edits)
			return worker, nil
		}
		status = c.Main(t.Context(), commands, args)
		return status, out.String(), errs.String()
	}
	small := []string{"model", "-all", "-real", "-agents", "1", "-objects", "1", "-faults", "1", "-worker", worker, "-seeds", "3-4", "-o", "out"}
	status, stdout, stderr := simrun(small...)
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status)
	require.Equal(t, 2, built, "a fence, with kept and without")
	require.Regexp(t, `(?m)^clustermesh  .*\n  real code  +2/2  +2/2  +2/2  +2/2  +2/2$`, stdout)
	require.Contains(t, stdout, "\n5/5        with seeds 3-4: so many broke")
	require.NotRegexp(t, `(?m)^ +(clustermesh|handover)\S*: `, stdout, "none of these cells is without a run")
	require.Regexp(t, `Cilium's replicas compute nothing: they copy\n +central: .*monotonic, no-spurious-deletion`, stdout)

	outcomes := readOutcomes(t, "out/outcomes.json")
	require.Equal(t, "3-4", outcomes.Seeds)
	require.NotEmpty(t, outcomes.Code["cilium"])
	require.Equal(t, conformance.Reproduced, outcomes.Cells[0].Outcome)
	require.Equal(t, []uint64{3, 4}, outcomes.Cells[0].Broke)
	require.FileExists(t, filepath.Join("out", outcomes.Cells[0].Plan))

	_, stdout, _ = simrun(append(small, "-json")...)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, len(mesh.MatrixModes())+len(outcomes.Cells))
	var cell struct {
		Kind string
		conformance.Cell
	}
	require.NoError(t, json.Unmarshal([]byte(lines[3]), &cell))
	require.Equal(t, "model-outcome", cell.Kind)
	require.Equal(t, outcomes.Cells[0], cell.Cell)
}

func readOutcomes(t *testing.T, file string) *conformance.Outcomes {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	outcomes := new(conformance.Outcomes)
	form := strictjson.Form{What: "file of outcomes", Version: conformance.OutcomesVersion}
	require.NoError(t, strictjson.Read(file, text, outcomes, form, nil))
	return outcomes
}

// The recorded outcomes are those of the model as it is and, with the first of their
// seeds, of the code as it is; the plans are what export gives. Modes that the world
// does not run are explored with one agent, which breaks the same properties. What
// needs a worker with a repair, which takes long to build, is not run.
func TestRecordedOutcomes(t *testing.T) {
	if raced {
		t.Skip("it explores millions of states, which took the race detector more than nine minutes; model/explore has tests of its own for that")
	}
	recorded := readOutcomes(t, filepath.Join(realOutcomes, "outcomes.json"))
	require.Equal(t, mesh.Default, recorded.Bounds)
	check := recordedCheck{
		runner:          &drive.Simulator{Worker: det.Worker{Path: builtWorker(t)}},
		cells:           recorded.Cells,
		plans:           map[string]bool{},
		counterexamples: map[string]*mesh.Counterexample{},
	}
	for _, md := range mesh.MatrixModes() {
		bounds := recorded.Bounds
		if _, runs := mode.InWorld(string(md.Base)); !runs {
			bounds.Agents = 1
		}
		row, err := mesh.Run(t.Context(), mesh.Config{Mode: md, Bounds: bounds}, mesh.Options{})
		require.NoError(t, err)
		for _, c := range row.Cells {
			check.cell(t, row, c)
		}
	}
	require.Empty(t, check.cells, "cells that the model does not break")
	plans, err := filepath.Glob(filepath.Join(realOutcomes, "*.json"))
	require.NoError(t, err)
	require.Len(t, plans, len(check.plans)+1, "a plan that no cell names")
}

// recordedCheck goes through the recorded cells in the order of the matrix.
type recordedCheck struct {
	runner          *drive.Simulator
	cells           []conformance.Cell              // that are left
	plans           map[string]bool                 // that cells name: whether it was run
	counterexamples map[string]*mesh.Counterexample // by mode and property
}

func (k *recordedCheck) cell(t *testing.T, row *mesh.Row, c mesh.Cell) {
	mode := row.Mode.String()
	if c.Verdict == explore.Broken {
		ce, err := row.Counterexample(c)
		require.NoError(t, err)
		ce, err = conformance.Realizable(t.Context(), ce)
		require.NoError(t, err)
		k.counterexamples[mode+" "+c.Property] = ce
		require.NotEmpty(t, k.cells)
		require.Equal(t, []string{mode, c.Property, ""}, []string{k.cells[0].Mode, k.cells[0].Property, k.cells[0].Of})
		k.outcome(t, ce)
		return
	}
	for len(k.cells) > 0 && k.cells[0].Mode == mode && k.cells[0].Property == c.Property {
		before := k.counterexamples[k.cells[0].Of+" "+c.Property]
		require.NotNil(t, before, "%s breaks no %s", k.cells[0].Of, c.Property)
		ce, changed := conformance.WithRepairs(before, row.Mode)
		require.True(t, changed)
		k.outcome(t, ce)
	}
}

// outcome checks the next cell, which is of the counterexample.
func (k *recordedCheck) outcome(t *testing.T, ce *mesh.Counterexample) {
	want := k.cells[0]
	k.cells = k.cells[1:]
	plan, err := conformance.Export(ce)
	if want.Outcome == conformance.Inexpressible {
		require.EqualError(t, err, want.Because)
		return
	}
	require.NoError(t, err)
	require.Equal(t, want.Steps, len(ce.Steps))
	file, err := os.ReadFile(filepath.Join(realOutcomes, want.Plan))
	require.NoError(t, err)
	require.Equal(t, string(file), string(plan.Encode()), want.Plan)
	ran := k.plans[want.Plan]
	if ran || len(conformance.Edits(ce)) > 0 {
		k.plans[want.Plan] = ran
		return
	}
	k.plans[want.Plan] = true
	got, err := conformance.Try(t.Context(), k.runner, ce, plan, drive.Seeds{First: 1, Last: 1}, 1)
	require.NoError(t, err, want.Plan)
	require.Equal(t, want.Outcome, got.Outcome(want.Of != ""), want.Plan)
}
