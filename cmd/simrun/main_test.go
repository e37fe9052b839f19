package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// simrun runs a command line in a directory of its own, with this binary as the
// worker where a line asks for WORKER.
func simrun(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	worker, err := os.Executable()
	require.NoError(t, err)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "WORKER", worker)
	}
	var out, errs bytes.Buffer
	c := console.New("simrun", &out, &errs, false)
	status = c.Main(t.Context(), commands, args)
	return status, out.String(), errs.String()
}

// scene is a directory to work in and a cache to keep failures in.
func scene(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
}

func TestSeedThatHolds(t *testing.T) {
	scene(t)
	status, stdout, stderr := simrun(t, "-seed", "7", "-worker", "WORKER", "-write-plan", "p.json", "-write-history", "h")
	require.Empty(t, stderr)
	require.Contains(t, stdout, "seed 7\n  mode      clustermesh")
	require.Regexp(t, `(?m)^  topology  \d kube-apiservers?, \d replicas?, \d agents, \d+ nodes`, stdout)
	require.Regexp(t, `(?m)^holds +[0-9]+ of [0-9]+ properties of the control plane; 5 of 5 guarantees of the servers `, stdout)
	require.Regexp(t, `(?m)^of +go1\.[0-9.]+, worker /\S+ \([0-9a-f]{16}\)$`, stdout)
	require.Regexp(t, `(?m)^run         400.000s of virtual time in [0-9.]+s of wall time, [0-9,]+ times as fast; then 1800.000s of shutdown, after which leftover goroutines are counted; [0-9]+ events; [0-9]+ MiB; checked in`, stdout)
	require.Regexp(t, `(?m)^trace       sha256 [0-9a-f]{64}$`, stdout)
	require.Regexp(t, `(?m)^replay      simrun -seed 7 -worker /`, stdout)
	require.NotContains(t, stdout, "\nkeep ", "both were written")
	require.Contains(t, stdout, "judge again simrun check h\n")
	require.Regexp(t, `verdict     pass: all [0-9]+ properties hold(; [0-9]+ do not apply to the mode)?\n`, stdout)
	require.Equal(t, console.StatusHold, status)

	plan, err := fault.ReadFile("p.json")
	require.NoError(t, err)
	require.EqualValues(t, 7, plan.Seed)

	again, judged, stderr := simrun(t, "check", "h")
	require.Empty(t, stderr)
	require.Equal(t, status, again)
	require.Contains(t, judged, "h\n  mode      clustermesh")
	require.Equal(t, verdictOf(stdout), verdictOf(judged), "judging again gives the same verdict")

	byPlan, stdout, _ := simrun(t, "-plan", "p.json", "-worker", "WORKER")
	require.Equal(t, status, byPlan)
	require.Equal(t, verdictOf(judged), verdictOf(stdout))
	require.Contains(t, stdout, "replay      simrun -plan p.json -worker")
	require.Regexp(t, `(?m)^keep        simrun -plan p.json .* -write-history p.history$`, stdout)
	require.NotContains(t, stdout, "judge again", "no history was written")

	_, stdout, _ = simrun(t, "-seed", "7", "-scenario", "agents-restart", "-worker", "WORKER")
	require.Regexp(t, `(?m)^keep        simrun .* -write-plan agents-restart-seed-7.json -write-history agents-restart-seed-7.history$`, stdout)
}

// verdictOf cuts the verdict out of a report.
func verdictOf(report string) string {
	_, rest, _ := strings.Cut(report, "verdict ")
	verdict, _, _ := strings.Cut(rest, "\n\n")
	return verdict
}

func TestSeedThatBreaksAProperty(t *testing.T) {
	scene(t)
	status, stdout, _ := simrun(t, "-seed", fmt.Sprint(seedViolates), "-worker", "WORKER")
	require.Equal(t, console.StatusBroken, status)
	require.Regexp(t, `verdict     FAIL: [0-9]+ of [0-9]+ properties broken`, stdout)
	require.Regexp(t, `(?m)^2.000s +looks like no finding: integrity; 1 violation; agent a0\n +agent a0 saw identity 70000 .*ghost.* \[violation 1; history lines? `, stdout)
	require.Regexp(t, `(?m)^explain     simrun -seed 101 -worker \S+ -write-history seed-101.history; simrun explain seed-101.history -violation 1$`, stdout)
	require.Regexp(t, `(?m)^shrink      simrun shrink -seed 101 -worker `, stdout)

	status, stdout, _ = simrun(t, "-seed", fmt.Sprint(seedViolates), "-worker", "WORKER", "-v")
	require.Equal(t, console.StatusBroken, status)
	require.Regexp(t, `(?m)^  FAIL      integrity +1 violation\n +2.000s  agent a0 saw`, stdout)
	status, stdout, stderr := measured(t, "-seed", fmt.Sprint(seedViolates), "-fail-on", "news")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status, "it is news")
	require.Regexp(t, `(?m)^measured +[1-9] findings?: 0 known, measured; 0 suspected, not measured; [1-9] news\n  NEWS +integrity of identity: stays with all repairs in`, stdout)
}

// What is measured to be known is no failure for those who ask for news, whatever it looks
// like; what is undecided is.
func TestFailOnNews(t *testing.T) {
	result := func(outcome checker.Outcome) checker.Verdict {
		r := checker.Result{Property: "integrity", Outcome: outcome}
		if outcome == checker.Fail {
			r.Violations = []checker.Violation{{}}
		}
		return checker.Verdict{Results: []checker.Result{r}}
	}
	is := func(standing report.Standing) []report.Judged {
		return []report.Judged{{Property: "integrity", Is: standing, Seeds: []uint64{1}}}
	}
	both := result(checker.Fail)
	both.Results = append(both.Results, checker.Result{Property: "leases", Outcome: checker.Unknown})
	for _, row := range []struct {
		v         checker.Verdict
		measured  []report.Judged
		any, news int
	}{
		{result(checker.Pass), nil, console.StatusHold, console.StatusHold},
		{result(checker.Fail), is(report.Known), console.StatusBroken, console.StatusHold},
		{result(checker.Fail), is(report.Suspected), console.StatusBroken, console.StatusBroken},
		{result(checker.Fail), is(report.News), console.StatusBroken, console.StatusBroken},
		{result(checker.Unknown), nil, console.StatusBroken, console.StatusBroken},
		{result(checker.Mistake), nil, console.StatusHarness, console.StatusHarness},
		{both, is(report.Known), console.StatusBroken, console.StatusBroken},
	} {
		require.Equal(t, row.any, failOn{}.status(row.v, row.measured))
		require.Equal(t, row.news, failOn{news: true}.status(row.v, row.measured))
		s := report.Summary{Measured: true, Judged: row.measured}
		s.Add(1, &report.Run{Verdict: row.v})
		if row.any != console.StatusHarness {
			require.Equal(t, row.any, failOn{}.summaryStatus(&s))
			require.Equal(t, row.news, failOn{news: true}.summaryStatus(&s))
		}
	}
}

func TestUndecidedIsNotAPass(t *testing.T) {
	scene(t)
	status, stdout, _ := simrun(t, "-seed", fmt.Sprint(seedEmpty), "-worker", "WORKER")
	require.Equal(t, console.StatusBroken, status)
	require.Regexp(t, `verdict     UNKNOWN: no property is broken; [0-9]+ of [0-9]+ properties could not be decided, which is not a pass`, stdout)
}

func TestHarnessFailuresAreKept(t *testing.T) {
	for seed, sentence := range map[int]string{
		seedCrashes:   `the run failed \(crash\): the worker ended at 1s of virtual time, before its run did: exit status 2 \(panic: the fake worker crashes\); its plan and output are kept in (\S+), and simrun -plan \S+/plan.json runs it again`,
		seedNoHistory: `the run failed \(crash\): the worker ended well but its history cannot be used: history: not a history file.*; its plan and output are kept in (\S+), and`,
	} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			scene(t)
			status, _, stderr := simrun(t, "-seed", fmt.Sprint(seed), "-worker", "WORKER")
			require.Equal(t, console.StatusHarness, status)
			require.Regexp(t, "^simrun: "+sentence, stderr)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one sentence")
			kept, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "meshcheck", "failures", "*"))
			require.NoError(t, err)
			require.Len(t, kept, 1)
			plan, err := fault.ReadFile(filepath.Join(kept[0], "plan.json"))
			require.NoError(t, err)
			require.EqualValues(t, seed, plan.Seed)
			output, err := os.ReadFile(filepath.Join(kept[0], "output.txt"))
			require.NoError(t, err)
			require.Contains(t, string(output), "the worker ended")
			require.Empty(t, leftovers(t, seed))
		})
	}
}

func TestManySeedsMeasured(t *testing.T) {
	scene(t)
	status, stdout, stderr := measured(t, "-seeds", "100-101", "-fail-on", "news")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status)
	require.Regexp(t, `^NEWS      1 of 2 seeds with what no repair takes away; 0 with what is known, measured; 0 with what looks like a finding without a repair, not measured
  NEWS    integrity of identity: stays with all repairs in; 1 of 1 break it without, 1 of 1 with all repairs in
          seeds 101; the first: .*ghost.*
  replay  simrun -seed 101`, stdout)
	_, stdout, _ = measured(t, "-seeds", "101", "-judge", "-json")
	require.Contains(t, stdout, `"measured":{"known":0,"suspected":0,"news":1,"judged":[{"property":"integrity","kind":"identity","is":"news",`)
}

// A panic of the code under test is what a run has found, and no failure of the harness.
func TestPanicOfTheCodeUnderTest(t *testing.T) {
	scene(t)
	seed := fmt.Sprint(seedPanics)
	status, stdout, stderr := simrun(t, "-seed", seed, "-worker", "WORKER")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status)
	require.Regexp(t, `(?m)^verdict     FAIL: the code under test panicked, and nothing else is judged; it looks like a finding \(suspected; simrun judge measures it\)
panic       looks like slim-operator-dies-of-a-deleted-node \(testdata/findings/slim-operator-dies-of-a-deleted-node.md\): ciliumendpointslice.\(\*CESCache\).clearStaleState panicked at github.com/cilium/cilium@v1/cescache.go:143: nil pointer
 +the worker ended at .*
kept        \S+ has the plan, .*
replay      simrun -seed `+seed+` -worker /\S+$`, stdout)
	status, stdout, _ = simrun(t, "-seeds", seed, "-worker", "WORKER")
	require.Equal(t, console.StatusBroken, status)
	require.Contains(t, stdout, "suspected 0 of 1 seed with what looks like no finding; 1 with what looks like 1 finding (-judge measures it): slim-operator-dies-of-a-deleted-node 1\n")
	require.Contains(t, stdout, "seeds     1 of 1: 0 pass, 1 fail, 0 unknown, 0 without a history\n")
	status, stdout, stderr = measured(t, "-seeds", seed, "-fail-on", "news")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status)
	require.Contains(t, stdout, "as slim-operator-dies-of-a-deleted-node: gone with slim-operator-dies-of-a-deleted-node (1 of 1)")
	status, stdout, _ = measured(t, "-seed", seed, "-json", "-fail-on", "news")
	require.Equal(t, console.StatusBroken, status, "no other schedule of the plan shows it")
	require.Contains(t, stdout, `"panic":{"value":"nil pointer","function":"ciliumendpointslice.(*CESCache).clearStaleState"`)
}

func TestRefusedPlanIsBadInput(t *testing.T) {
	scene(t)
	status, _, stderr := simrun(t, "-seed", fmt.Sprint(seedRefuses), "-worker", "WORKER")
	require.Equal(t, console.StatusUsage, status)
	require.Equal(t, "simrun: the worker refuses the plan: the fake worker does not like the plan\n", stderr)
}

func TestUnseededRunIsRepeatedAndNoted(t *testing.T) {
	scene(t)
	_, stdout, _ := simrun(t, "-seed", fmt.Sprint(seedUnseeded), "-worker", "WORKER")
	require.Contains(t, stdout, "note        the seed did not determine 3 events, such as a slow system call: this run may not replay\n")
	require.Contains(t, stdout, "note        the plan was run again 3 times because the seed had not determined every event\n")
}

func TestManySeeds(t *testing.T) {
	scene(t)
	status, stdout, stderr := simrun(t, "-seeds", "95-105", "-worker", "WORKER", "-write-plan", "plans", "-write-history", "histories")
	require.Equal(t, "simrun: the worker refuses the plan: the fake worker does not like the plan\n", stderr)
	require.Equal(t, console.StatusUsage, status, "seed 104 is refused, which ends the campaign")
	require.Regexp(t, `(?m)^note      stopped before all seeds were run: done are 95-[0-9]+.*; to go on: simrun -seeds [0-9]+-105 -worker /`, stdout)

	status, stdout, stderr = simrun(t, "-seeds", "96-102", "-worker", "WORKER", "-write-plan", "plans", "-write-history", "histories")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHarness, status, "a crash comes before a violation")
	require.Regexp(t, `^suspected 1 of 7 seeds with what looks like no finding\n  unlike  integrity of identity: integrity; seeds 101\n.*ghost`, stdout)
	require.Regexp(t, `(?m)^FAILURE   seed 102 gave no history \(crash\): the worker ended`, stdout)
	require.Regexp(t, `(?m)^seeds     7 of 7: [0-9]+ pass, 1 fail, [0-9]+ unknown, 1 without a history$`, stdout)
	require.Regexp(t, `(?m)^  replay  simrun -seed 101 -worker /`, stdout)
	for _, seed := range []int{96, 101} {
		plan, err := fault.ReadFile(fmt.Sprintf("plans/seed-%d.json", seed))
		require.NoError(t, err)
		require.EqualValues(t, seed, plan.Seed)
		status, _, _ := simrun(t, "check", fmt.Sprintf("histories/seed-%d.history", seed))
		require.LessOrEqual(t, status, console.StatusBroken)
	}
}

func TestJSON(t *testing.T) {
	scene(t)
	_, stdout, _ := simrun(t, "-seed", "7", "-worker", "WORKER", "-json", "-write-history", "h")
	run := decode(t, stdout)[0]
	require.Equal(t, 1.0, run["version"])
	require.Equal(t, "run", run["kind"])
	require.Equal(t, 7.0, run["plan"].(map[string]any)["seed"])
	require.NotEmpty(t, run["properties"])
	require.Len(t, run["hash"], 64)

	_, stdout, _ = simrun(t, "check", "-json", "h")
	require.Equal(t, run["hash"], decode(t, stdout)[0]["hash"])

	_, stdout, _ = simrun(t, "-seeds", "100-102", "-worker", "WORKER", "-json")
	lines := decode(t, stdout)
	require.Len(t, lines, 4)
	kinds := map[any]int{}
	for _, line := range lines {
		kinds[line["kind"]]++
	}
	require.Equal(t, map[any]int{"run": 2, "failure": 1, "summary": 1}, kinds)
	summary := lines[3]
	require.Equal(t, "summary", summary["kind"])
	require.Equal(t, 3.0, summary["done"])

	_, stdout, _ = simrun(t, "verify", "-seeds", "1-2", "-worker", "WORKER", "-json")
	require.Equal(t, 2.0, decode(t, stdout)[0]["equal"])
}

func decode(t *testing.T, text string) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var value map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &value), line)
		lines = append(lines, value)
	}
	return lines
}

func TestVerify(t *testing.T) {
	scene(t)
	status, stdout, _ := simrun(t, "verify", "-seeds", "1-4", "-worker", "WORKER")
	require.Regexp(t, `(?m)^of +go1.*, worker /`, stdout)
	require.Equal(t, console.StatusHold, status)
	require.Contains(t, stdout, "verify    4 of 4 seeds: 4 gave the same history twice, 0 gave two, 0 undecided, 0 without a history\n")

	status, stdout, _ = simrun(t, "verify", "-seeds", fmt.Sprint(seedFlaky), "-worker", "WORKER")
	require.Equal(t, console.StatusBroken, status)
	require.Regexp(t, `(?m)^seed 106 gave two histories, which differ first in line [0-9]+:\n  - 2.000000000 a0 see identity 70000 value=web\d+ .*\n  \+ 2.000000000 a0 see`, stdout)

	status, stdout, _ = simrun(t, "verify", "-seeds", fmt.Sprint(seedUnseeded), "-worker", "WORKER")
	require.Equal(t, console.StatusBroken, status, "undecided is not a success")
	require.Contains(t, stdout, "seed 107 could not be decided: it did not determine 3 events, even when run again 6 times\n")

	status, stdout, _ = simrun(t, "verify", "-seeds", fmt.Sprint(seedCrashes), "-worker", "WORKER")
	require.Equal(t, console.StatusHarness, status)
	require.Contains(t, stdout, "seed 102 gave no history (crash)")
}

func TestObjects(t *testing.T) {
	scene(t)
	require.NoError(t, os.WriteFile("a.yaml", []byte("--- {apiVersion: cilium.io/v2, kind: CiliumNode, metadata: {name: one}, spec: {addresses: [{ip: 192.168.0.1}]}}\n"), 0o666))
	require.NoError(t, os.WriteFile("b c.yaml", []byte("--- {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: jobs}}\n"), 0o666))
	_, stdout, stderr := simrun(t, "-objects", "a.yaml", "b c.yaml", "-seed", "7", "-worker", "WORKER", "-write-plan", "p.json")
	require.Equal(t, "objects: 1 CiliumNode, 1 Pod\nobjects: namespaces not given and created: jobs\n"+
		"note  no CiliumEndpoints and no CiliumEndpointSlices: agents see no pod of your cluster; did kubectl fail for a kind?\n"+
		"note  no CiliumIdentities: agents see no identity of your cluster, and endpoints without theirs are left out; did kubectl fail for a kind?\n", stderr)
	require.Contains(t, stdout, "replay      simrun -seed 7 -objects a.yaml 'b c.yaml' -worker")
	plan, err := fault.ReadFile("p.json")
	require.NoError(t, err)
	require.Len(t, plan.Objects, 3)
}

// A long run says how much of it is done and what is left.
func TestProgressOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := console.New("simrun", io.Discard, &out, true)
		plan := &fault.Plan{Churn: fault.Duration(300 * time.Second), Topology: fault.Topology{Agents: 10, Nodes: 1000}} // 11,000 records
		show := runs.Progress(c, plan)
		time.Sleep(10 * time.Second)
		show(det.Progress{Virtual: 125 * time.Second, Records: 2000, Phase: "churn"})
		require.Equal(t, "\rchurn: 125 of about 500 s virtual, 2,000 events, 12x real time, 30.0s left", out.String())
		out.Reset()
		time.Sleep(10 * time.Second)
		show(det.Progress{Virtual: 125 * time.Second, Records: 8800, Phase: "churn"})
		require.Contains(t, out.String(), "8,800 events, 6x real time, 5.00s left", "by its records")
	})
}

func TestLimits(t *testing.T) {
	scene(t)
	status, _, stderr := simrun(t, "-seed", fmt.Sprint(seedSlow), "-worker", "WORKER", "-stall", "300ms")
	require.Equal(t, console.StatusHarness, status)
	require.Regexp(t, `the run failed \(hang\): the worker hangs: no virtual progress beyond [01]s and no record for `, stderr)
	status, _, stderr = simrun(t, "-seed", fmt.Sprint(seedSlow), "-worker", "WORKER", "-wall", "300ms")
	require.Equal(t, console.StatusHarness, status)
	require.Regexp(t, `the run failed \(hang\): the worker is too slow: at [01]s of virtual time after `, stderr)
	status, _, stderr = simrun(t, "-seed", fmt.Sprint(seedSlow), "-worker", "WORKER", "-memory", "1")
	require.Equal(t, console.StatusHarness, status)
	require.Regexp(t, `the run failed \(memory\): the worker uses \d+ MiB of memory at [01]s of virtual time, more than 1 MiB; -memory sets how much it may`, stderr)
}

// A worker of another version, and a plan that the machine is too small for, are the user's
// to change.
func TestMismatchAndTooLarge(t *testing.T) {
	scene(t)
	require.NoError(t, os.WriteFile("old", []byte("#!/bin/sh\necho '{\"done\": true}'\n"), 0o777))
	status, _, stderr := simrun(t, "-seed", "7", "-worker", "./old")
	require.Equal(t, console.StatusUsage, status)
	require.Contains(t, stderr, "is of another version of meshcheck: it says no version, as earlier ones, and this simrun understands version 1")

	plan, err := draw.Plan(7, draw.Config{})
	require.NoError(t, err)
	plan.Topology.Agents, plan.Topology.Replicas, plan.Topology.Nodes, plan.Ops, plan.Faults = 1000, 16, 1000, nil, nil
	for i := range 100_000 {
		plan.Pods = append(plan.Pods, fault.Pod{Namespace: "many", Name: fmt.Sprintf("p%d", i), App: "app", Node: "n0", IP: "10.9.9.9"})
	}
	require.NoError(t, os.WriteFile("p.json", plan.Encode(), 0o666))
	status, _, stderr = simrun(t, "-plan", "p.json", "-worker", "WORKER", "-memory", "4096")
	require.Equal(t, console.StatusHold, status, "as the user says")
	require.Equal(t, "simrun: this is a large plan: it will write about 238,486,000 records, which takes some 6h37m0s and 296597 MiB of memory\n", stderr)
	status, _, stderr = simrun(t, "-plan", "p.json", "-worker", "WORKER")
	require.Equal(t, console.StatusUsage, status)
	require.Regexp(t, `^simrun: this plan is too large for this machine: with 16 replicas, 1,000 agents, 1,000 nodes, .* GiB; make it smaller, or try with -memory MIB and -wall TIME\n$`, stderr)
}
