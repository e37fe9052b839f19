package main

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/coverage"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/internal/campaign"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/known"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// knownFindings are those that do not stop the fuzzing.
const knownFindings = "../../testdata/corpus"

// FuzzPlan runs plans that the fuzzer makes of its bytes and fails on all news: on what is
// still broken with all repairs of testdata/repairs in Cilium's source, looks like no finding
// that has none, and is not in the corpus:
//
//	go test ./cmd/simrun -run NONE -fuzz FuzzPlan -fuzztime 10m -fuzzminimizetime 20x
//
// Each input is a run in a process of its own, of about a second, which the
// fuzzer's coverage does not see: what guides it are the coverage marks that the run
// reached (showCoverage). As an ordinary test it runs its seed inputs alone.
func FuzzPlan(f *testing.F) {
	runner, judge := fuzzWorkers(f)
	kept, err := corpus.Read(knownFindings)
	require.NoError(f, err)
	marks := coverage.New(faultKinds())
	for seed := range uint64(2) {
		f.Add(fuzzInput(seed))
	}
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		plan := draw.Plans().Draw(t, "plan")
		run, err := runner.Run(t.Context(), plan)
		judged, unjudged := judge.Once(t.Context(), plan, run, err)
		require.NoError(t, unjudged)
		var failure *det.Failure
		if errors.As(err, &failure) {
			if len(judged) > 0 && judged[0].Is != report.News {
				return // a panic that a repair takes away
			}
			kept, err := drive.Keep(plan, failure)
			require.NoError(t, err)
			t.Fatalf("the worker failed (%s): %s; replay: go run ./cmd/simrun -plan %s", kept.Kind, kept.Message, filepath.Join(kept.Kept, "plan.json"))
		}
		require.NoError(t, err)
		showCoverage(marks.Count(run.Index))
		for i := range judged {
			if judged[i].Is != report.News {
				continue
			}
			for _, broken := range run.Verdict.Findings() {
				if broken.Property != judged[i].Property || broken.Kind != judged[i].Kind {
					continue
				}
				violation, _ := run.Verdict.First(broken)
				match, err := campaign.Identify(t.Context(), runner, plan, broken, violation.Sentence(), kept)
				require.NoError(t, err)
				if match == nil {
					t.Fatalf("new: %s is broken: %s; it %s; replay: go run ./cmd/simrun -plan %s", broken, violation.Sentence(), judged[i].Why, keepFuzzed(t, plan, broken))
				}
			}
		}
	}))
}

// fuzzWorkers builds the workers, or finds those that were built: what runs plans, and what
// judges with all repairs in what they break.
func fuzzWorkers(f *testing.F) (*drive.Simulator, *known.Judge) {
	if _, err := exec.LookPath("go"); err != nil {
		f.Skip("there is no go command to build the workers with")
	}
	judge, runner, err := runs.Judge(f.Context(), console.New("simrun", io.Discard, io.Discard, false), runs.Worker{}, runs.Limits{}, runs.Judging{}, 1)
	require.NoError(f, err)
	return runner, judge
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
