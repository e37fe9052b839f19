package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
)

// A load's runs are made once, and its tables and files are written each time.
func TestLoad(t *testing.T) {
	scene(t)
	status, stdout, stderr := simrun(t, "load", "-scenario", "proposal", "-worker", "WORKER", "-metrics", "metrics")
	require.Equal(t, console.StatusHold, status, stderr)
	require.Regexp(t, `(?m)^  what +crd +clustermesh$`, stdout)
	require.Contains(t, stdout, "\nWHAT THE PROPOSAL CLAIMS (CFP-44774)\n")
	for _, m := range []string{"crd", "clustermesh"} {
		metrics, err := os.ReadFile("metrics/proposal-tenth-" + m + ".txt")
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(string(metrics), "# EOF\n"))
	}
	require.NoError(t, os.RemoveAll("metrics"))
	status, again, _ := simrun(t, "load", "-scenario", "proposal", "-worker", "WORKER", "-metrics", "metrics")
	require.Equal(t, console.StatusHold, status)
	require.Equal(t, stdout, again)
	left, err := os.ReadDir("metrics")
	require.NoError(t, err)
	require.Empty(t, left, "nothing was run")

	status, stdout, _ = simrun(t, "load", "-scenario", "knee", "-worker", "WORKER", "-svg", "knee.svg", "-json")
	require.Equal(t, console.StatusHold, status)
	require.Equal(t, 24, strings.Count(stdout, `"kind":"load"`), stdout)
	require.FileExists(t, "knee.svg")

	status, stdout, _ = simrun(t, "load", "-scenario", "growth", "-worker", "WORKER", "-modes", "clustermesh", "-svg", "busy.svg")
	require.Equal(t, console.StatusHold, status)
	require.Contains(t, stdout, "CLUSTERMESH: WHAT A RUN COSTS WITH SO MANY PODS PER SECOND\n")
	require.FileExists(t, "busy.svg")

	status, stdout, _ = simrun(t, "load", "-scenario", "storm", "-worker", "WORKER", "-agents", "3", "-pods", "2")
	require.Equal(t, console.StatusHold, status)
	require.Regexp(t, `crd +kube-expire +3 +2 +2 +the fault did not strike`, stdout, "this worker's history has none")
	status, stdout, _ = simrun(t, "load", "-scenario", "shared", "-worker", "WORKER")
	require.Equal(t, console.StatusHold, status)
	require.Contains(t, stdout, "HOW STALE AGENTS ARE")
}

func TestLoadRefuses(t *testing.T) {
	scene(t)
	for line, want := range map[string]string{
		"load":                                 "what load? Give -scenario proposal, knee, growth, storm or shared; simrun help load shows examples",
		"load -scenario flood":                 `-scenario: no load is called "flood"; want proposal, knee, growth, storm or shared`,
		"load -scenario knee -agents 3":        "-agents is of -scenario proposal and storm",
		"load -scenario knee -pods 3":          "-pods is of -scenario storm",
		"load -scenario shared -modes crd":     "-modes is not of -scenario shared, which has its own",
		"load -scenario storm -cores 200":      "the plan of storm-replica-loss-1000 cannot be run: capacity.apiservers.cores: found 200; want 1 to 128",
		"load -scenario storm -cores -1":       "-cores -1: want 0 or more",
		"load -scenario storm -pods -1":        "-pods -1: want 0 or more",
		"load -scenario knee -full":            "-full is of -scenario proposal",
		"load -scenario growth -replicas 3":    "-replicas is of -scenario proposal",
		"load -scenario knee -modes crd":       "-modes is not of -scenario knee, whose writers are those of clustermesh",
		"load -scenario storm -svg x.svg":      "-svg is of -scenario knee, proposal and growth",
		"load -scenario proposal -agents 101":  "the plan of proposal-tenth-crd cannot be run: topology.nodes: there are 101 agents and only 100 nodes; agent a<i> runs on node n<i>, so there must be at least as many nodes",
		"load -scenario proposal -workers 0":   "-workers 0: want at least 1",
		"load -scenario proposal -endpoints x": "-endpoints x: want slices or objects",
		"-seeds 1-2 -metrics m":                "-metrics is of one run: give -seed N in place of -seeds",
		"check -metrics m a b":                 "-metrics FILE takes the metrics of one history, and there are 2",
	} {
		status, _, stderr := simrun(t, strings.Fields(line)...)
		require.Equal(t, console.StatusUsage, status, line)
		require.Equal(t, "simrun: "+want+"\n", stderr)
	}
}

// A run's metrics are those of its history, in the form that the file's name asks for, and those of what Cilium and
// etcd said in the run, which the history does not know. Whether they are asked for makes no difference to the run.
func TestMetricsOfARun(t *testing.T) {
	scene(t)
	_, _, stderr := simrun(t, "-seed", "7", "-worker", "WORKER", "-metrics", "m.csv", "-write-history", "h")
	require.Empty(t, stderr)
	csv, err := os.ReadFile("m.csv")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(csv), "second,metric,host,client,verb,resource,value\n"))
	_, _, stderr = simrun(t, "check", "h", "-metrics", "again.csv")
	require.Empty(t, stderr)
	again, err := os.ReadFile("again.csv")
	require.NoError(t, err)
	require.Equal(t, string(again)+"2,meshcheck_etcd_database_bytes,r0,,,,20480\n", string(csv))
	_, _, stderr = simrun(t, "-seed", "7", "-worker", "WORKER", "-write-history", "unasked")
	require.Empty(t, stderr)
	asked, err := os.ReadFile("h")
	require.NoError(t, err)
	unasked, err := os.ReadFile("unasked")
	require.NoError(t, err)
	require.Equal(t, string(asked), string(unasked))
	_, _, stderr = simrun(t, "check", "h", "-metrics", "m.txt")
	require.Empty(t, stderr)
	text, err := os.ReadFile("m.txt")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(text), "# TYPE meshcheck_requests counter\n"))
	status, _, stderr := simrun(t, "check", "h", "-metrics", "h.csv/x")
	require.Equal(t, console.StatusUsage, status)
	require.Equal(t, "simrun: -metrics h.csv/x: there is no directory h.csv\n", stderr)
}
