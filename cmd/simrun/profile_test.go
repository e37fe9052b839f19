package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
)

func TestProfiles(t *testing.T) {
	scene(t)
	status, _, stderr := simrun(t, "-seed", "7", "-worker", "WORKER", "-cpuprofile", "c", "-memprofile", "m")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status)
	for file, content := range map[string]string{"c": "\x1f\x8b-cpuprofile", "m": "\x1f\x8b-memprofile"} {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, content, string(b), "what the fake worker writes")
	}
	status, stdout, stderr := simrun(t, "-seed", "7", "-worker", "WORKER", "-log", "l")
	require.Empty(t, stderr)
	require.Regexp(t, `(?m)^replay      simrun -seed 7 -worker /\S+ -log l$`, stdout)
	require.Contains(t, stdout, "\nnote        writing the log can change the trace")
	require.Equal(t, console.StatusHold, status)
	log, err := os.ReadFile("l")
	require.NoError(t, err)
	require.Equal(t, "0.000001s\tinfo\t-log\t{\"host\": \"a0\"}\n", string(log), "what the fake worker logs where it is asked to")
	for _, flag := range []string{"-cpuprofile", "-memprofile", "-log"} {
		status, _, stderr := simrun(t, "-seeds", "7-8", "-worker", "WORKER", flag, "f")
		require.Equal(t, console.StatusUsage, status)
		require.Equal(t, "simrun: -cpuprofile, -memprofile and -log are of one run: give -seed N in place of -seeds\n", stderr)
		status, _, stderr = simrun(t, "-seed", "7", "-worker", "WORKER", flag, "missing/f")
		require.Equal(t, console.StatusUsage, status)
		require.Contains(t, stderr, flag+" missing/f: there is no directory missing")
	}
}

// What a run is made of is not overwritten by what it writes.
func TestInputsAreNotOverwritten(t *testing.T) {
	scene(t)
	status, _, _ := simrun(t, "-seed", "7", "-worker", "WORKER", "-write-plan", "p.json")
	require.Equal(t, console.StatusHold, status)
	plan, err := os.ReadFile("p.json")
	require.NoError(t, err)
	require.NoError(t, os.Symlink("p.json", "link.json"))
	for _, flag := range []string{"-write-plan", "-write-history", "-cpuprofile", "-memprofile", "-log"} {
		for _, input := range [][]string{{"-plan", "link.json"}, {"-seed", "7", "-objects", "link.json"}} {
			status, _, stderr := simrun(t, append([]string{"-worker", "WORKER", flag, "p.json"}, input...)...)
			require.Equal(t, console.StatusUsage, status)
			require.Equal(t, "simrun: "+flag+" p.json: this file is an input of the run, and would be overwritten; give another name\n", stderr)
		}
	}
	after, err := os.ReadFile("p.json")
	require.NoError(t, err)
	require.Equal(t, plan, after)
}

// A log that cannot be written is no crash of the worker.
func TestLogOnAFullDisk(t *testing.T) {
	scene(t)
	status, stdout, stderr := simrun(t, "-seed", "7", "-worker", "WORKER", "-log", "/dev/full")
	require.Equal(t, console.StatusUsage, status)
	require.Equal(t, "simrun: -log /dev/full: cannot write it: no space left on device\n", stderr)
	require.NotContains(t, stdout, "verdict")
}
