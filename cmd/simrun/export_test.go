package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
)

func TestExport(t *testing.T) {
	history, err := filepath.Abs("../../testdata/histories/etcd-linearizable.history")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	status, stdout, stderr := simrun(t, "export", history, "-trace", "t", "-junit", "j", "-csv", "c", "-porcupine", "p")
	require.Equal(t, console.StatusBroken, status, stderr)
	require.Equal(t, "trace       t\njunit       j\ncsv         c\nporcupine   p\n", stdout)
	for file, want := range map[string]string{"t": `"traceEvents"`, "j": "<testsuite", "c": "run,trace,property", "p": "Porcupine"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), want)
	}
	clean := filepath.Join(filepath.Dir(history), "clean.history")
	status, _, stderr = simrun(t, "export", clean, "-porcupine", "q")
	require.Equal(t, console.StatusUsage, status)
	require.Contains(t, stderr, "there is nothing to show")
	status, _, stderr = simrun(t, "export", clean, history, "-trace", "q")
	require.Equal(t, console.StatusUsage, status)
	require.Contains(t, stderr, "-trace and -porcupine are of one history, and there are 2")
	status, _, stderr = simrun(t, "export", clean)
	require.Equal(t, console.StatusUsage, status)
	require.Contains(t, stderr, "export needs one of")
}

func TestPageOfCheckAndSeeds(t *testing.T) {
	history, err := filepath.Abs("../../testdata/histories/monotonic.history")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	for file, args := range map[string][]string{
		"check.html": {"check", history},
		"run.html":   {"-seed", "101", "-worker", os.Args[0]},
		"seeds.html": {"-seeds", "100-103", "-worker", os.Args[0]},
	} {
		_, _, stderr := simrun(t, append(args, "-html", file)...)
		text, err := os.ReadFile(file)
		require.NoError(t, err, stderr)
		require.Contains(t, string(text), "<!doctype html>")
	}
	status, _, stderr := simrun(t, "check", history, history, "-html", "x.html")
	require.Equal(t, console.StatusUsage, status)
	require.Contains(t, stderr, "-html FILE takes the page of one history")
}
