package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/sim/det"
)

func TestCompareOfEqualWorkers(t *testing.T) {
	scene(t)
	status, stdout, stderr := simrun(t, "compare", "-cilium", otherWorker(t), "-baseline", "WORKER", "-seeds", "100-101", "-workers", "1", "-junit", "j.xml", "-markdown", "s.md")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status, "what both break is no regression")
	require.Regexp(t, `(?m)^compared    2 seeds of 2: 0 regressed, 2 same \(2 of them with equal traces\)$`, stdout)
	require.Regexp(t, `(?m)^branch      go1.*worker /`, stdout)
	for file, want := range map[string]string{"j.xml": `<testcase classname="simrun.compare" name="seed 101">`, "s.md": "## meshcheck: no regression\n"} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(data), want)
	}
	status, stdout, _ = simrun(t, "compare", "-cilium", otherWorker(t), "-baseline", "WORKER", "-seeds", "100", "-json")
	require.Equal(t, console.StatusHold, status)
	require.Contains(t, stdout, `"kind":"compare"`)
}

// otherWorker is a worker that does the same and is another file.
func otherWorker(t *testing.T) string {
	self, err := os.Executable()
	require.NoError(t, err)
	data, err := os.ReadFile(self)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "other")
	require.NoError(t, os.WriteFile(path, append(data, 0), 0o777))
	return path
}

func TestCompareOfOneWorker(t *testing.T) {
	scene(t)
	status, stdout, _ := simrun(t, "compare", "-cilium", "WORKER", "-baseline", "WORKER", "-seeds", "100-101", "-junit", "j.xml")
	require.Equal(t, console.StatusBroken, status, "nothing was tested, which is no pass")
	require.Contains(t, stdout, "nothing was tested: the worker of the branch is that of the baseline\n")
	data, err := os.ReadFile("j.xml")
	require.NoError(t, err)
	require.Contains(t, string(data), `<error message="nothing was tested: `)
	status, stdout, _ = simrun(t, "compare", "-cilium", "WORKER", "-baseline", "WORKER", "-json")
	require.Equal(t, console.StatusBroken, status)
	require.Contains(t, stdout, `"title":"nothing was tested: the worker of the branch is that of the baseline"`)
	require.Contains(t, stdout, `"seedsAsked":100,"seeds":[],"findings":[]`)
}

func TestCompareOnePlan(t *testing.T) {
	scene(t)
	_, _, stderr := simrun(t, "-seed", "7", "-worker", "WORKER", "-write-plan", "p.json")
	require.Empty(t, stderr)
	status, stdout, _ := simrun(t, "compare", "-cilium", otherWorker(t), "-baseline", "WORKER", "-plan", "p.json", "-around", "3", "-workers", "1")
	require.Equal(t, console.StatusHold, status, stdout)
	require.Contains(t, stdout, "compared    4 seeds of 4: 0 regressed, 4 same (4 of them with equal traces)\n")
}

// A branch that does not compile is bad input, of which a CI's files tell.
func TestCompareNotBuilt(t *testing.T) {
	scene(t)
	c := &comparison{junit: "j.xml", markdown: "s.md"}
	to := console.New("simrun", io.Discard, io.Discard, false)
	bad := &det.BadCilium{Err: errors.New("pkg/x/x.go:1: syntax error")}
	require.Equal(t, console.StatusUsage, to.Fail(c.notBuilt(fmt.Errorf("-cilium x: %w", bad))))
	for _, file := range []string{"j.xml", "s.md"} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(data), "pkg/x/x.go:1: syntax error")
	}
	require.Equal(t, console.StatusHarness, to.Fail(c.notBuilt(errors.New("no space"))))
}

func TestCompareRefuses(t *testing.T) {
	scene(t)
	require.NoError(t, os.WriteFile("file", nil, 0o666))
	for args, want := range map[*[]string]string{
		{}:                                                                  "compare needs -cilium, the branch: a directory with the source of Cilium, a version, or a built worker",
		{"-cilium", "WORKER", "-workers", "0"}:                              "-around and -shrink are not negative, and -workers is at least 1",
		{"-cilium", "WORKER", "more"}:                                       `there is an argument "more" that belongs to no flag; simrun help compare shows examples`,
		{"-cilium", "WORKER", "-o", "file"}:                                 "-o file: this must be a directory, and it is a file",
		{"-cilium", "WORKER", "-junit", "d/j"}:                              "-junit d/j: there is no directory d",
		{"-cilium", "x", "-baseline", "./file"}:                             "-baseline ./file: this is not a program; simrun build-worker -o FILE makes one",
		{"-cilium", "file", "-baseline", "WORKER"}:                          "-cilium file: this is not a program; simrun build-worker -o FILE makes one",
		{"-cilium", "WORKER", "-plan", "p.json", "-seeds", "1"}:             "-plan excludes -seeds, -scenario, -mode and -objects: it is one plan",
		{"-cilium", "..", "-baseline", "WORKER"}:                            "-cilium ..: a worker of it is built from meshcheck's sources: run from a directory of its checkout with the go command in PATH, or give -cilium and -baseline the workers that simrun build-worker -cilium made",
		{"-cilium", otherWorker(t), "-baseline", "WORKER", "-seeds", "104"}: "the worker refuses the plan: the fake worker does not like the plan",
	} {
		status, _, stderr := simrun(t, append([]string{"compare"}, *args...)...)
		require.Equal(t, console.StatusUsage, status, stderr)
		require.Equal(t, "simrun: "+want+"\n", stderr)
	}
}
