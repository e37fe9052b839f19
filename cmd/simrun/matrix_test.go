package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
)

func TestMatrix(t *testing.T) {
	scene(t)
	args := []string{"matrix", "-modes", "clustermesh,crd", "-seeds", "99-101", "-worker", "WORKER", "-markdown", "m.md"}
	status, first, stderr := simrun(t, args...)
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status, first)
	require.Regexp(t, `^swarm, seeds 99 to 101 in 2 modes: 6 runs of 6\n`, first)
	require.Regexp(t, `(?m)^  integrity +clustermesh +1 +like none 1 +simrun -plan matrix/clustermesh-101.json -worker /`, first)
	page, err := os.ReadFile("m.md")
	require.NoError(t, err)
	require.Contains(t, string(page), "| integrity | 2 of 3 | 2 of 3 |")

	// What its command runs breaks what the table says.
	status, stdout, _ := simrun(t, "-plan", "matrix/crd-101.json", "-worker", "WORKER")
	require.Equal(t, console.StatusBroken, status)
	require.Contains(t, stdout, "integrity")

	// A second time nothing is run, and the table is the same.
	require.NoError(t, os.Chmod("matrix", 0o777))
	status, second, _ := simrun(t, args...)
	require.Equal(t, console.StatusHold, status)
	require.Equal(t, first, second)

	// Nor with -kept, for which there need not even be a worker, and a page is written.
	status, shown, stderr := simrun(t, "matrix", "-kept", "-modes", "clustermesh,crd", "-html", "m.html", "-worker", "WORKER")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status)
	after := func(text string) string { _, rest, _ := strings.Cut(text, "\nKEPT, IN RUNS"); return rest }
	require.NotEmpty(t, after(first))
	require.Equal(t, after(first), after(shown), "but for where the worker is, which is not kept")
	html, err := os.ReadFile("m.html")
	require.NoError(t, err)
	require.Contains(t, string(html), "<!doctype html>")
	status, _, stderr = simrun(t, "matrix", "-kept", "-scenario", "reference")
	require.Equal(t, console.StatusUsage, status)
	require.Equal(t, "simrun: -scenario reference: what is kept in matrix is of swarm\n", stderr)
	status, _, stderr = simrun(t, "matrix", "-kept", "-o", "nothing")
	require.Equal(t, console.StatusUsage, status)
	require.Equal(t, "simrun: nothing/runs.jsonl: no run is kept there; simrun matrix -o nothing makes some\n", stderr)
	status, _, _ = simrun(t, "matrix", "-kept", "-seeds", "99-102")
	require.Equal(t, console.StatusHarness, status, "a run that is asked for is not there")

	// The plan of a cell, for those who have the page alone.
	kept, err := os.ReadFile("matrix/crd-101.json")
	require.NoError(t, err)
	status, stdout, _ = simrun(t, "matrix", "-modes", "crd", "-seeds", "101", "-write-plan", "crd-101.json")
	require.Equal(t, console.StatusHold, status)
	require.Empty(t, stdout)
	alone, err := os.ReadFile("crd-101.json")
	require.NoError(t, err)
	require.Equal(t, string(kept), string(alone))

	// Of the mode clustermesh there is one for each way in which agents find replicas.
	status, _, _ = simrun(t, "matrix", "-modes", "clustermesh", "-discoveries", "dialer", "-seeds", "101", "-write-plan", "dialer-101.json")
	require.Equal(t, console.StatusHold, status)
	alone, err = os.ReadFile("dialer-101.json")
	require.NoError(t, err)
	require.Contains(t, string(alone), `"discovery":"dialer"`)

	// More seeds take what is there.
	status, stdout, _ = simrun(t, "matrix", "-seeds", "98-101", "-modes", "crd", "-json", "-worker", "WORKER")
	require.Equal(t, console.StatusHold, status)
	lines := decode(t, stdout)
	require.Len(t, lines, 1)
	require.Equal(t, "matrix", lines[0]["kind"])
	kept, err = os.ReadFile("matrix/runs.jsonl")
	require.NoError(t, err)
	require.Equal(t, 1+6+1, strings.Count(string(kept), "\n"))
}

func TestMatrixIsAskedForWrongly(t *testing.T) {
	scene(t)
	require.NoError(t, os.WriteFile("file", nil, 0o666))
	for _, c := range []struct{ args, says string }{
		{"-modes crd,nosuch", `there is no mode "nosuch"; the modes are clustermesh, crd, kvstore`},
		{"-modes crd,crd", "the mode crd is given twice"},
		{"-write-plan p.json -modes crd", "-write-plan writes one plan: want one mode, such as -modes crd, and one seed, such as -seeds 7"},
		{"-discoveries dns", `there is no discovery "dns"; the discoveries are service, dialer, hostnetwork`},
		{"-discoveries dialer,dialer", "the discovery dialer is given twice"},
		{"-write-plan p.json -modes clustermesh -discoveries service,dialer -seeds 7", "-write-plan writes one plan: want one mode"},
		{"-workers 0", "-workers 0: want at least 1"},
		{"-o file", "-o file: this must be a directory, and it is a file"},
		{"-scenario nosuch", "-scenario nosuch: there is no such scenario"},
		{"-seeds 5-1", "the first seed is above the last"},
		{"more", `there is an argument "more" that belongs to no flag`},
	} {
		status, stdout, stderr := simrun(t, append([]string{"matrix", "-worker", "WORKER"}, strings.Fields(c.args)...)...)
		require.Equal(t, console.StatusUsage, status, c.args)
		require.Empty(t, stdout)
		require.Contains(t, stderr, c.says)
	}
}

func TestMatrixOfAnotherFamily(t *testing.T) {
	scene(t)
	status, _, _ := simrun(t, "matrix", "-seeds", "99", "-worker", "WORKER")
	require.Equal(t, console.StatusHold, status)
	status, _, stderr := simrun(t, "matrix", "-seeds", "99", "-scenario", "reference", "-worker", "WORKER")
	require.Equal(t, console.StatusUsage, status)
	require.Equal(t, "simrun: matrix/runs.jsonl:1: these runs are of swarm and not of reference plan; -o takes another directory\n", stderr)
}

func TestMatrixIsInterrupted(t *testing.T) {
	scene(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr strings.Builder
	c := console.New("simrun", &stdout, &stderr, false)
	require.Equal(t, console.StatusInterrupted, c.Main(ctx, commands, []string{"matrix", "-seeds", "99-101", "-worker", os.Getenv("WORKER")}))
	require.Equal(t, "simrun: interrupted\n", stderr.String())
}
