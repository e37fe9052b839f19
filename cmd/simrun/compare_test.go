package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompareOfEqualWorkers(t *testing.T) {
	scene(t)
	status, stdout, stderr := simrun(t, "compare", "-cilium", "WORKER", "-baseline", "WORKER", "-seeds", "100-101", "-workers", "1", "-junit", "j.xml", "-markdown", "s.md")
	require.Empty(t, stderr)
	require.Equal(t, statusHold, status, "what both break is no regression")
	require.Regexp(t, `(?m)^compared    2 seeds of 2: 0 regressed, 2 same \(2 of them with equal traces\)$`, stdout)
	require.Regexp(t, `(?m)^branch      go1.*worker /`, stdout)
	for file, want := range map[string]string{"j.xml": `<testcase classname="simrun.compare" name="seed 101">`, "s.md": "## meshcheck: no regression\n"} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(data), want)
	}
	status, stdout, _ = simrun(t, "compare", "-cilium", "WORKER", "-baseline", "WORKER", "-seeds", "100", "-json")
	require.Equal(t, statusHold, status)
	require.Contains(t, stdout, `"kind":"compare"`)
}

func TestCompareRefuses(t *testing.T) {
	scene(t)
	require.NoError(t, os.WriteFile("file", nil, 0o666))
	for args, want := range map[*[]string]string{
		{}:                                      "compare needs -cilium, the branch: a directory with the source of Cilium, a version, or a built worker",
		{"-cilium", "WORKER", "-workers", "0"}:  "-around and -shrink are not negative, and -workers is at least 1",
		{"-cilium", "WORKER", "more"}:           `there is an argument "more" that belongs to no flag; simrun help compare shows examples`,
		{"-cilium", "WORKER", "-o", "file"}:     "-o file: this must be a directory, and it is a file",
		{"-cilium", "WORKER", "-junit", "d/j"}:  "-junit d/j: there is no directory d",
		{"-cilium", "x", "-baseline", "./file"}: "-baseline ./file: -worker ./file: this is not a program; simrun build-worker -o FILE makes one",
		{"-cilium", "WORKER", "-baseline", "WORKER", "-seeds", "104"}: "the worker refuses the plan: the fake worker does not like the plan",
	} {
		status, _, stderr := simrun(t, append([]string{"compare"}, *args...)...)
		require.Equal(t, statusUsage, status, stderr)
		require.Equal(t, "simrun: "+want+"\n", stderr)
	}
}
