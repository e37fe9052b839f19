package main

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/coverage"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/internal/campaign"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/sim/det"
)

// knownFindings are those that do not stop the fuzzing.
const knownFindings = "../../testdata/corpus"

// FuzzPlan runs plans that the fuzzer makes of its bytes and fails on every
// finding that is neither explained nor in the corpus:
//
//	go test ./cmd/simrun -run NONE -fuzz FuzzPlan -fuzztime 10m -fuzzminimizetime 20x
//
// Each input is a run in a process of its own, of about a second, which the
// fuzzer's coverage does not see: what guides it are the coverage marks that the run
// reached (showCoverage). As an ordinary test it runs its seed inputs alone.
func FuzzPlan(f *testing.F) {
	runner := &drive.Simulator{Worker: fuzzWorker(f)}
	known, err := corpus.Read(knownFindings)
	require.NoError(f, err)
	marks := coverage.New(faultKinds())
	for seed := range uint64(2) {
		f.Add(fuzzInput(seed))
	}
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		plan := draw.Plans().Draw(t, "plan")
		run, err := runner.Run(t.Context(), plan)
		var failure *det.Failure
		if errors.As(err, &failure) {
			kept, err := drive.Keep(plan, failure)
			require.NoError(t, err)
			t.Fatalf("the worker failed (%s): %s; replay: go run ./cmd/simrun -plan %s", kept.Kind, kept.Message, filepath.Join(kept.Kept, "plan.json"))
		}
		require.NoError(t, err)
		showCoverage(marks.Count(run.Index))
		for _, broken := range run.Verdict.Findings() {
			if broken.Cause != "" {
				continue // a page in testdata/findings tells of it
			}
			violation, _ := run.Verdict.First(broken)
			match, err := campaign.Identify(t.Context(), runner, plan, broken, violation.Sentence(), known)
			require.NoError(t, err)
			if match == nil {
				t.Fatalf("new: %s is broken: %s; replay: go run ./cmd/simrun -plan %s", broken, violation.Sentence(), keepFuzzed(t, plan, broken))
			}
		}
	}))
}

// fuzzWorker builds the worker, or finds the one that was built.
func fuzzWorker(f *testing.F) det.Worker {
	if _, err := exec.LookPath("go"); err != nil {
		f.Skip("there is no go command to build the worker with")
	}
	path, err := det.Build(f.Context(), det.BuildConfig{})
	require.NoError(f, err)
	return det.Worker{Path: path}
}

// keepFuzzed writes a plan that broke something new where it outlives the test,
// and returns the file. When the fuzzer has made its input smaller, the smaller
// plan takes its place.
func keepFuzzed(t *rapid.T, plan *fault.Plan, broken checker.Finding) string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	dir := filepath.Join(base, "meshcheck", "fuzz")
	require.NoError(t, os.MkdirAll(dir, 0o777))
	path := filepath.Join(dir, corpus.New(broken, plan, "", corpus.Occurrence{}).Name()+".json")
	require.NoError(t, files.Write(path, plan.Encode()))
	return path
}

// fuzzInput returns bytes from which a plan can be drawn. Rapid takes eight bytes
// for each choice and gives up where there are no more, so that the fuzzer needs
// inputs of some length to begin with.
func fuzzInput(seed uint64) []byte {
	const choices = 16 << 10
	input := make([]byte, 0, 8*choices)
	for range choices { // splitmix64
		seed += 0x9e3779b97f4a7c15
		z := (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		input = binary.LittleEndian.AppendUint64(input, z^z>>31)
	}
	return input
}

// A plan can be drawn from each seed input, with room for the fuzzer's changes.
func TestFuzzInputsAreLongEnough(t *testing.T) {
	for seed := range uint64(50) {
		input := fuzzInput(seed)
		drawn := false
		rapid.MakeFuzz(func(t *rapid.T) {
			require.NoError(t, draw.Plans().Draw(t, "plan").Validate())
			drawn = true
		})(t, input[:len(input)/2])
		require.True(t, drawn)
	}
}
