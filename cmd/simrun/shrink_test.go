package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/model/schema"
)

// writeRestarts writes a plan that the fake worker breaks because a writer
// restarts, and in which nothing else matters.
func writeRestarts(t *testing.T, file string) {
	t.Helper()
	plan, err := draw.Plan(seedsOfRestarts+1, draw.Config{Reference: true})
	require.NoError(t, err)
	plan.Faults = []fault.Fault{
		{At: 3_700_000_000, Kind: fault.Partition, Target: "r0", Peer: "k0", For: 20_000_000_000},
		{At: 40_100_000_000, Kind: fault.WriterRestart, Target: "r1", For: 4_321_000_000},
		{At: 90_000_000_000, Kind: fault.Reset, Target: "a3", Peer: "r1"},
	}
	require.NoError(t, os.WriteFile(file, plan.Encode(), 0o666))
}

const restart = `  "faults": [
    {"at":"0s","kind":"writer-restart","target":"r0","for":"1s"}
  ]
`

func TestShrink(t *testing.T) {
	scene(t)
	writeRestarts(t, "big.json")
	status, stdout, stderr := simrun(t, "shrink", "-plan", "big.json", "-worker", "WORKER", "-o", "small.json")
	require.Equal(t, "simrun: the smaller plan will be written to small.json\n", stderr)
	require.Equal(t, console.StatusHold, status)
	require.Contains(t, stdout, "big.json, shrunk\n  mode      clustermesh")
	require.Regexp(t, `(?m)^breaks      integrity of identity, at 2.000s: agent a0 .*ghost`, stdout)
	require.Regexp(t, `(?m)^size        3[0-9]{2} decisions to 1, faults 3 to 1, ops [0-9]+ to 0, pods 40 to 0, agents 6 to 1, replicas 2 to 1, nodes 20 to 1, churn 300s to 1s$`, stdout)
	require.Regexp(t, `(?m)^search      [0-9]+ runs in .*; nothing more can be left out or simplified$`, stdout)
	require.Regexp(t, `(?m)^of +go1.*, worker /`, stdout)
	require.Regexp(t, `(?m)^plan        small.json$`, stdout)
	require.Regexp(t, `(?m)^replay      simrun -plan small.json -worker /`, stdout)

	plan, err := fault.ReadFile("small.json")
	require.NoError(t, err)
	require.EqualValues(t, seedsOfRestarts+1, plan.Seed, "no other seed shows it")
	require.Contains(t, string(plan.Encode()), restart)
	_, replayed, _ := simrun(t, "-plan", "small.json", "-worker", "WORKER")
	_, hash, _ := strings.Cut(replayed, "trace       sha256 ")
	hash, _, _ = strings.Cut(hash, "\n")
	require.Len(t, hash, 64)
	require.Contains(t, stdout, "replays     bit for bit: three processes gave the trace sha256 "+hash+"\n")
}

func TestShrinkWritesJSON(t *testing.T) {
	scene(t)
	writeRestarts(t, "big.json")
	status, stdout, _ := simrun(t, "shrink", "-plan", "big.json", "-worker", "WORKER", "-json", "-property", "integrity", "-kind", "identity")
	require.Equal(t, console.StatusHold, status)
	require.Equal(t, 1, strings.Count(stdout, "\n"))
	var form struct {
		Kind          string
		Finding       struct{ Property, Kind string }
		Before, After struct{ Decisions, Faults int }
		Plan          json.RawMessage
		File          string
		Replays       string
		Minimal       bool
		Runs          int
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &form))
	require.Equal(t, "shrink", form.Kind)
	require.Equal(t, "integrity", form.Finding.Property)
	require.Equal(t, 3, form.Before.Faults)
	require.Equal(t, 1, form.After.Decisions)
	require.Equal(t, "yes", form.Replays)
	require.True(t, form.Minimal)
	require.Positive(t, form.Runs)
	require.Equal(t, fmt.Sprintf("shrunk-seed-%d.json", seedsOfRestarts+1), form.File)
	written, err := fault.ReadFile(form.File)
	require.NoError(t, err)
	require.JSONEq(t, written.Line(), string(form.Plan))
}

func TestNothingToShrink(t *testing.T) {
	scene(t)
	for line, want := range map[string]string{
		"-seed 7":                          "seed 7: the run breaks no property, so there is nothing to shrink",
		fmt.Sprintf("-seed %d", seedEmpty): "seed 109: the run breaks no property, so there is nothing to shrink",
		fmt.Sprintf("-seed %d -property monotonic", seedViolates): "seed 101: the run does not break monotonic; it breaks integrity of identity",
		fmt.Sprintf("-seed %d -kind node", seedViolates):          "seed 101: the run does not break anything of node; it breaks integrity of identity",
	} {
		status, stdout, stderr := simrun(t, append([]string{"shrink", "-worker", "WORKER"}, strings.Fields(line)...)...)
		require.Regexp(t, `^simrun: the smaller plan will be written to shrunk-seed-[0-9]+.json\nsimrun: `+regexp.QuoteMeta(want)+`\n$`, stderr)
		require.Equal(t, console.StatusBroken, status)
		require.Empty(t, stdout)
	}
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Empty(t, files)
}

func TestShrinkWhenTheHarnessFails(t *testing.T) {
	scene(t)
	status, _, stderr := simrun(t, "shrink", "-seed", fmt.Sprint(seedCrashes), "-worker", "WORKER")
	require.Equal(t, console.StatusHarness, status)
	require.Regexp(t, `\nsimrun: the run failed \(crash\): .* its plan and output are kept in `, stderr)
	require.NoFileExists(t, "shrunk-seed-102.json")

	status, stdout, _ := simrun(t, "shrink", "-seed", fmt.Sprint(seedFlaky), "-worker", "WORKER")
	require.Equal(t, console.StatusHarness, status)
	require.Contains(t, stdout, "replays     NO: another process gave another history; this is an error of the harness\n")
	require.FileExists(t, "shrunk-seed-106.json")
}

// canceller cancels when progress is first shown.
type canceller struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (c *canceller) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte("decisions left")) {
		c.cancel()
	}
	return c.Buffer.Write(text)
}

func TestInterruptedShrinkWritesTheBestSoFar(t *testing.T) {
	scene(t)
	writeRestarts(t, "big.json")
	worker, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	terminal := &canceller{cancel: cancel}
	var stdout bytes.Buffer
	c := console.New("simrun", &stdout, terminal, true)
	status := c.Main(ctx, commands, []string{"shrink", "-plan", "big.json", "-worker", worker, "-o", "small.json"})
	require.Equal(t, console.StatusInterrupted, status)
	require.True(t, strings.HasPrefix(terminal.String(), "simrun: the smaller plan will be written to small.json\n"), terminal.String())
	require.Regexp(t, `[\r\n]simrun: interrupted\n$`, terminal.String())
	require.Regexp(t, `of 3[0-9]{2} decisions left, [0-9] agents?, [0-9] replicas?; 1 runs? in [0-9]+s`, terminal.String())
	require.Regexp(t, `(?m)^search      [0-9]+ runs in .*; interrupted$`, stdout.String())
	require.Contains(t, stdout.String(), "replays     not tested\n")
	_, err = fault.ReadFile("small.json")
	require.NoError(t, err)
	require.Empty(t, leftovers(t, seedsOfRestarts+1))
}

func TestShrinkEndsInTime(t *testing.T) {
	scene(t)
	writeRestarts(t, "big.json")
	status, stdout, _ := simrun(t, "shrink", "-plan", "big.json", "-worker", "WORKER", "-o", "small.json", "-for", "1ns")
	require.Equal(t, console.StatusHold, status)
	require.Regexp(t, `(?m)^search      3 runs in .*; the time of 1ns is up$`, stdout)
	require.Contains(t, stdout, "replays     bit for bit")
	big, err := os.ReadFile("big.json")
	require.NoError(t, err)
	small, err := os.ReadFile("small.json")
	require.NoError(t, err)
	require.Equal(t, string(big), string(small))
}

func TestShrinkUsage(t *testing.T) {
	scene(t)
	require.NoError(t, os.Mkdir("dir", 0o777))
	var names []string
	for _, p := range checker.Properties() {
		names = append(names, p.Name)
	}
	for line, want := range map[string]string{
		"":                                 "what shall be shrunk? Give -seed N, -plan FILE or -scenario NAME; simrun help shrink shows examples",
		"7":                                `there is an argument "7" that belongs to no flag; simrun help shrink shows examples`,
		"-seeds 1-2":                       "flag provided but not defined: -seeds; simrun help shrink lists the flags",
		"-seed 7 -plan p.json":             "-seed and -plan exclude each other",
		"-plan p.json -scenario scale-up":  "-scenario and -plan exclude each other",
		"-plan nowhere.json":               "nowhere.json: cannot read the plan: no such file or directory",
		"-seed 7 -property none":           "-property none: there is no such property; there are " + strings.Join(names, ", "),
		"-seed 7 -kind pod":                "-kind pod: there is no such kind; there are " + strings.Join(append(schema.KindNames(), schema.Meta), ", "),
		"-seed 7 -for -1s":                 "-for -1s: want a time such as 60s",
		"-seed 7 -o dir":                   "-o dir: this is a directory; give the name of a file",
		"-seed 7 -o no/file":               "-o no/file: there is no directory no",
		"-seed 7 -runtime=stock":           "-runtime stock: a plan whose runs are not determined by its seed cannot be shrunk",
		"-scenario none":                   "-scenario none: there is no such scenario; there are " + strings.Join(family.Scenarios(), ", "),
		"-scenario " + family.Reference:    "-scenario reference needs -seed N or -seeds A-B: it has no plan of its own",
		"-seed 7 -worker nowhere -o a.out": "-worker nowhere: no such file or directory",
	} {
		status, stdout, stderr := simrun(t, append([]string{"shrink"}, strings.Fields(line)...)...)
		require.Equal(t, "simrun: "+want+"\n", stderr)
		require.Equal(t, console.StatusUsage, status)
		require.Empty(t, stdout)
	}
	for _, line := range []string{"help shrink", "shrink -h"} {
		status, stdout, _ := simrun(t, strings.Fields(line)...)
		require.Equal(t, console.StatusHold, status)
		require.Contains(t, stdout, "simrun shrink -seed 5 -o five.json")
	}
}
