package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/internal/planted"
	"github.com/meshcheck/meshcheck/sim/det"
)

const plantedBug = `version: 2
story: Agents see ghosts.
edits:
- {file: pkg/a.go, old: one, new: two}
catch:
  property: integrity
  kind: identity
  rules: [never-written]
hunt:
  family: reference
  seeds: 10
`

// plantedBugs are bugs that the fake worker catches, misses, and cannot be built
// with.
func plantedBugs() fstest.MapFS {
	bug := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"seen.yaml":   bug(plantedBug),
		"mode.yaml":   bug(strings.Replace(plantedBug, "family: reference", "family: swarm\n  mode: crd", 1)),
		"swarm.yaml":  bug(strings.Replace(plantedBug, "reference", "swarm", 1)),
		"whole.yaml":  bug(strings.Replace(plantedBug, "family: reference", "family: swarm\n  mode: crd\n  agents: whole", 1)),
		"own.yaml":    bug(strings.Replace(plantedBug, "family: reference", "plan: plan.json", 1)),
		"unseen.yaml": bug(strings.Replace(plantedBug, "identity", "node", 1)),
		"plan.json":   {Data: reference().Encode()},
	}
}

func reference() *fault.Plan {
	plan, err := draw.Plan(1, draw.Config{Reference: true})
	must(err)
	return plan
}

// hunts runs the command with fake workers. The planted one is a copy of this
// binary, which it knows by its name.
func hunts(t *testing.T, files fstest.MapFS, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	binary, err := os.ReadFile(self)
	require.NoError(t, err)
	worker := filepath.Join(t.TempDir(), plantedName)
	require.NoError(t, os.WriteFile(worker, binary, 0o777))
	whole := len(args) > 0 && args[len(args)-1] == "whole"
	build := func(_ context.Context, cfg det.BuildConfig) (string, error) {
		require.Equal(t, whole, cfg.Whole, "a worker is that of the bug's plans")
		if cfg.Plant == nil {
			return self, nil
		}
		require.Equal(t, []det.SourceEdit{{Module: "github.com/cilium/cilium", File: "pkg/a.go", Old: "one", New: "two", Compiled: true}}, cfg.Plant.Edits)
		return worker, nil
	}
	var out, errs bytes.Buffer
	c := console.New("simrun", &out, &errs, false)
	c.Builder = build
	if status, err = c.Run(t.Context(), "planted", &hunt{bugs: files}, args); err != nil {
		status = c.Fail(err)
	}
	return status, out.String(), errs.String()
}

func TestPlanted(t *testing.T) {
	scene(t)
	status, stdout, stderr := hunts(t, plantedBugs(), "seen", "-o", "plans", "swarm", "own")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status)
	require.Regexp(t, `(?m)^bug    caught  seeds     after  shrunk to$`, stdout)
	require.Regexp(t, `(?m)^seen   yes         7      2.0s  1 decision \(faults 0, ops 0, pods 1\), agents 1, replicas 1; [0-9]+ s, [0-9]+ runs$`, stdout)
	require.Regexp(t, `(?m)^    by       integrity of identity: agent a0 saw .*ghost`, stdout)
	require.Regexp(t, `(?m)^    replay   simrun -plan plans/seen.json -worker /.*/planted-worker$`, stdout)
	require.Regexp(t, `(?m)^own    yes         7 `, stdout)
	require.Regexp(t, `\nbugs      3: 3 caught; seeds to catch one: median 7, most 7\nshrunk    3: median 1 decisions, [0-9]+ s\n$`, stdout)
	for _, name := range []string{"seen", "swarm", "own"} {
		plan, err := fault.ReadFile(filepath.Join("plans", name+".json"))
		require.NoError(t, err)
		require.EqualValues(t, seedCatches, plan.Seed)
		require.Empty(t, plan.Faults)
		require.Len(t, plan.Pods, 1, "without any it breaks the property without the bug, too")
	}
}

func TestPlanOfABugsOwn(t *testing.T) {
	bug := &planted.Bug{Hunt: planted.Hunt{Plan: "plan.json"}}
	member, err := bug.Plans(plantedBugs())
	require.NoError(t, err)
	itself, err := member(0)
	require.NoError(t, err)
	require.Equal(t, reference(), itself)
	varied, err := member(3)
	require.NoError(t, err)
	require.Equal(t, draw.Vary(reference(), 3), varied)
}

func TestPlantedReplay(t *testing.T) {
	scene(t)
	_, stdout, _ := hunts(t, plantedBugs(), "-shrink", "0", "seen", "swarm", "mode", "own")
	require.Regexp(t, `(?m)^seen   yes         7      2.0s  -$`, stdout)
	require.Regexp(t, `(?m)^    replay   simrun -scenario reference -seed 6 -worker /`, stdout)
	require.Regexp(t, `(?m)^    replay   simrun -seed 6 -worker /`, stdout)
	require.Regexp(t, `(?m)^    replay   simrun -seed 6 -mode crd -worker /`, stdout)
	require.Equal(t, 3, strings.Count(stdout, "replay"), "a plan of the bug's own cannot be named")
	require.NotContains(t, stdout, "shrunk    ")
}

// A bug that is hunted in plans with whole agents is in their worker, and so is none.
func TestPlantedInWholeAgents(t *testing.T) {
	scene(t)
	_, stdout, stderr := hunts(t, plantedBugs(), "-shrink", "0", "whole")
	require.Empty(t, stderr)
	require.Regexp(t, `(?m)^whole  yes         7      2.0s  -$`, stdout)
	require.Regexp(t, `(?m)^    replay   simrun -seed 6 -mode crd -agents whole -worker /`, stdout)

	bad := plantedBugs()
	bad["whole.yaml"].Data = bytes.Replace(bad["whole.yaml"].Data, []byte("agents: whole"), []byte("agents: half"), 1)
	status, _, stderr := hunts(t, bad, "whole")
	require.Equal(t, console.StatusHarness, status)
	require.Contains(t, stderr, "simrun: planted bug whole: hunt: ")
	require.Contains(t, stderr, "half")
}

func TestPlantedWithoutStalls(t *testing.T) {
	stalling := reference()
	stalling.Stalls = []fault.Stall{{Function: "a.b", Offset: 1, Visit: 1, For: 1}}
	none, err := withoutStalls(func(seed uint64) (*fault.Plan, error) {
		drawn := *stalling
		drawn.Seed, drawn.Options.Stall = seed, 4
		return &drawn, nil
	})(3)
	require.NoError(t, err)
	want := reference()
	want.Seed = 3
	require.Equal(t, want, none)
	require.NotEmpty(t, stalling.Stalls)

	scene(t)
	_, stdout, _ := hunts(t, plantedBugs(), "-shrink", "0", "-without-stalls", "swarm")
	require.Regexp(t, `(?m)^swarm  yes         7      2.0s  -$`, stdout)
	require.NotContains(t, stdout, "replay")
}

func TestPlantedBugThatIsNotCaught(t *testing.T) {
	scene(t)
	bugs := plantedBugs()
	delete(bugs, "whole.yaml")
	status, stdout, stderr := hunts(t, bugs)
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status)
	require.Regexp(t, `(?m)^unseen  NO         10         -  -\n    wanted   integrity of node: never-written$`, stdout)
	require.Regexp(t, `(?m)^bugs      5: 4 caught;`, stdout)
}

func TestPlantedWritesJSON(t *testing.T) {
	scene(t)
	status, stdout, _ := hunts(t, plantedBugs(), "-json", "seen", "unseen")
	require.Equal(t, console.StatusBroken, status)
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	require.Len(t, lines, 3)

	var caught planted.Line
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &caught))
	require.Equal(t, "planted-bug", caught.Kind)
	require.Equal(t, "seen", caught.Name)
	require.True(t, caught.Caught)
	require.Equal(t, 7, caught.Seeds)
	require.EqualValues(t, seedCatches, caught.Seed)
	require.Equal(t, 2.0, caught.AfterSeconds)
	require.Contains(t, caught.Sentence, "ghost")
	require.Equal(t, 1, caught.Shrunk.Decisions)
	require.Equal(t, 1, caught.Shrunk.Agents)
	require.EqualValues(t, "yes", caught.Shrunk.Replays)
	plan, err := fault.Read("plan", caught.Plan)
	require.NoError(t, err)
	require.EqualValues(t, seedCatches, plan.Seed)

	var missed planted.Line
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &missed))
	require.False(t, missed.Caught)
	require.Equal(t, 10, missed.Seeds)
	require.Nil(t, missed.Shrunk)
	var sum planted.Sum
	require.NoError(t, json.Unmarshal([]byte(lines[2]), &sum))
	require.Equal(t, "planted", sum.Kind)
	require.Equal(t, 2, sum.Bugs)
	require.Equal(t, 1, sum.Caught)
	require.Equal(t, 7.0, sum.MedianSeeds)
}

func TestPlantedUsage(t *testing.T) {
	scene(t)
	require.NoError(t, os.WriteFile("file", nil, 0o666))
	for line, want := range map[string]string{
		"none":        `there is no planted bug "none"; there are mode, own, seen, swarm, unseen, whole`,
		"-seed 3":     "flag provided but not defined: -seed; simrun help planted lists the flags",
		"-shrink -1s": "-shrink -1s: want a time such as 60s, or 0 to keep plans as they are drawn",
		"-o file":     "-o file: this must be a directory, and it is a file",
	} {
		status, stdout, stderr := hunts(t, plantedBugs(), strings.Fields(line)...)
		require.Equal(t, "simrun: "+want+"\n", stderr)
		require.Equal(t, console.StatusUsage, status)
		require.Empty(t, stdout)
	}
	for _, line := range []string{"help planted", "planted -h"} {
		status, stdout, _ := simrun(t, strings.Fields(line)...)
		require.Equal(t, console.StatusHold, status)
		require.Contains(t, stdout, "simrun planted stale-keys-not-drained")
	}
}

func TestPlantedBugThatCannotBeBuilt(t *testing.T) {
	scene(t)
	c := console.New("simrun", io.Discard, io.Discard, false)
	c.Builder = func(_ context.Context, cfg det.BuildConfig) (string, error) {
		if cfg.Plant != nil {
			return "", errors.New("it does not fit")
		}
		return os.Executable()
	}
	_, err := (&hunt{names: []string{"seen"}, bugs: plantedBugs()}).Run(t.Context(), c)
	require.EqualError(t, err, "planted bug seen: it does not fit")

	broken := plantedBugs()
	broken["seen.yaml"].Data = []byte("version: 7\n")
	status, _, stderr := hunts(t, broken)
	require.Equal(t, console.StatusHarness, status)
	require.Equal(t, "simrun: planted bug seen: version 7: this program reads version 2\n", stderr)
}
