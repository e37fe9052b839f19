package main

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
)

func TestExplain(t *testing.T) {
	history, err := filepath.Abs("../../testdata/histories/monotonic.history")
	require.NoError(t, err)
	status, stdout, stderr := simrun(t, "explain", history)
	require.Equal(t, console.StatusHold, status, stderr)
	require.Regexp(t, `(?m)^ +1  monotonic  agent a0 `, stdout)
	require.Contains(t, stdout, "explain "+history+" -violation 1\n")

	_, judged, _ := simrun(t, "check", history)
	require.Contains(t, judged, "explained by: simrun explain "+history+" -violation 1\n", "a verdict says how to go on")
	status, stdout, stderr = simrun(t, "explain", history, "-violation", "1", "-lines")
	require.Equal(t, console.StatusHold, status, stderr)
	require.Contains(t, stdout, "<- violation 1, of monotonic")
	require.Contains(t, stdout, "\nwho said what at ")
	require.Regexp(t, `(?m)^  wrong first `, stdout)
	require.Contains(t, stdout, "  log of a0   simrun explain "+history+" -log a0 -violation 1\n", "where to look on")
	require.Regexp(t, `(?m)^       \|  .* a0 see endpoint `, stdout, "the line of the history")

	verdict := filepath.Join(t.TempDir(), "verdict")
	simrun(t, "check", "-verdict", verdict, history)
	_, by, _ := simrun(t, "explain", history, "-violation", "1", "-lines", "-verdict", verdict)
	require.Equal(t, stdout, by)
	status, _, stderr = simrun(t, "explain", "../../testdata/histories/clean.history", "-verdict", verdict)
	require.Equal(t, console.StatusUsage, status)
	require.Contains(t, stderr, "it is of a history with the hash")
}

func TestExplainEveryViolation(t *testing.T) {
	histories, err := filepath.Glob("../../testdata/histories/*.history")
	require.NoError(t, err)
	require.NotEmpty(t, histories)
	for _, history := range histories {
		_, list, _ := simrun(t, "explain", history)
		if strings.HasPrefix(list, "the history's verdict has no violation") {
			continue
		}
		for n := range strings.Count(list, "\n") - 2 {
			number := strconv.Itoa(n + 1)
			status, stdout, stderr := simrun(t, "explain", history, "-violation", number)
			require.Equal(t, console.StatusHold, status, stderr)
			require.Contains(t, stdout, "violation   "+number+", of ", history)
			require.Regexp(t, `(?m)^  wrong first `, stdout, "%s: which step was wrong, whatever is broken", history)
			status, stdout, _ = simrun(t, "explain", history, "-violation", number, "-json")
			require.Equal(t, console.StatusHold, status)
			require.Contains(t, stdout, `"wrong":"`, history)
		}
	}
}

// The log is of a replay, and shows what the host itself says.
func TestExplainWithTheLog(t *testing.T) {
	scene(t)
	status, _, stderr := simrun(t, "-seed", strconv.Itoa(seedViolates), "-worker", "WORKER", "-write-history", "h")
	require.Equal(t, console.StatusBroken, status, stderr)
	status, stdout, stderr := simrun(t, "explain", "h", "-violation", "1", "-log", "a0", "-worker", "WORKER")
	require.Equal(t, console.StatusHold, status, stderr)
	require.Contains(t, stdout, "\nlog of a0, from a replay\n        0.000s  etcd: -log {\"host\": \"a0\"}\n")
	_, stdout, _ = simrun(t, "explain", "h", "-violation", "1", "-log", "r0", "-worker", "WORKER")
	require.Contains(t, stdout, "\nlog of r0, from a replay\n  it says nothing around these steps\n")
}

func TestExplainWhatIsNotThere(t *testing.T) {
	const history = "../../testdata/histories/clean.history"
	for args, want := range map[string]string{
		"-violation 1":             "-violation 1: the history's verdict has no violation",
		"-entry endpoint/10.9.9.9": "the history has no endpoint 10.9.9.9",
		"-entry x":                 `-entry "x": an entry is kind/key`,
		"-entry node/n0 -log r9":   "-log r9: nothing in the history is of this host",
	} {
		status, _, stderr := simrun(t, append([]string{"explain", history}, strings.Fields(args)...)...)
		require.Equal(t, console.StatusUsage, status, args)
		require.Contains(t, stderr, want)
		require.Equal(t, 1, strings.Count(stderr, "\n"))
	}
}
