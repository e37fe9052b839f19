package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/compare"
)

// No command overwrites what it reads, what another flag of it asks for, or a file that
// holds something else.
func TestOutputsDestroyNothing(t *testing.T) {
	scene(t)
	simrun(t, "-seed", "7", "-worker", "WORKER", "-write-plan", "p.json", "-write-history", "h")
	simrun(t, "check", "h", "-verdict", "v")
	other := otherWorker(t)
	require.NoError(t, os.WriteFile("notes", []byte("dear diary"), 0o666))
	require.NoError(t, os.WriteFile("package.json", []byte(`{"name": "x", "version": "1"}`), 0o666))
	require.NoError(t, os.WriteFile("README.md", []byte("# Mine\n"), 0o666))
	require.NoError(t, os.WriteFile("pom.xml", []byte("<?xml version=\"1.0\"?>\n<project/>\n"), 0o666))
	require.NoError(t, os.Mkdir("notes.d", 0o777))
	require.NoError(t, os.WriteFile("notes.d/summary.md", []byte("# Mine\n"), 0o666))
	self, err := os.Executable()
	require.NoError(t, err)
	before := contents(t)
	const (
		input   = ": this file is an input of the run, and would be overwritten; give another name"
		instead = " would overwrite; remove it, or give another name"
	)
	for line, want := range map[string]string{
		"-seed 7 -write-plan h":                                             "-write-plan h: there is a history of this name, which a plan" + instead,
		"-seed 7 -write-plan package.json":                                  "-write-plan package.json: there is a file of another kind of this name, which a plan" + instead,
		"-seed 7 -write-history p.json":                                     "-write-history p.json: there is a plan of this name, which a history" + instead,
		"-seed 7 -log v":                                                    "-log v: there is a verdict of this name, which a log" + instead,
		"-seed 7 -cpuprofile notes":                                         "-cpuprofile notes: there is a file of another kind of this name, which a profile" + instead,
		"-seed 7 -memprofile x -cpuprofile ./x":                             "-memprofile x: -cpuprofile is to write the same file; give each a name of its own",
		"-seed 7 -objects p.json -write-plan p.json":                        "-write-plan p.json" + input,
		"check h -verdict h":                                                "-verdict h" + input,
		"check h -verdict p.json":                                           "-verdict p.json: there is a plan of this name, which a verdict" + instead,
		"shrink -plan p.json -o p.json":                                     "-o p.json" + input,
		"shrink -seed 7 -o h":                                               "-o h: there is a history of this name, which a plan" + instead,
		"compare -cilium OTHER -baseline WORKER -plan p.json -junit p.json": "-junit p.json" + input,
		"compare -cilium OTHER -baseline WORKER -junit h":                   "-junit h: there is a history of this name, which JUnit's XML" + instead,
		"compare -cilium OTHER -baseline WORKER -markdown v":                "-markdown v: there is a verdict of this name, which a summary in Markdown" + instead,
		"compare -cilium OTHER -baseline WORKER -markdown y -junit y":       "-markdown y: -junit is to write the same file; give each a name of its own",
		"model -mode clustermesh -property monotonic -plan h":               "-plan h: there is a history of this name, which a plan" + instead,
		"model -mode clustermesh -property monotonic -o p.json":             "-o p.json: there is a plan of this name, which a counterexample" + instead,
		"compare -cilium OTHER -baseline WORKER -markdown README.md":        "-markdown README.md: there is a file of another kind of this name, which a summary in Markdown" + instead,
		"compare -cilium OTHER -baseline WORKER -junit pom.xml":             "-junit pom.xml: there is a file of another kind of this name, which JUnit's XML" + instead,
		"build-worker -o WORKER":                                            "-o SELF" + input,
		"campaign -corpus notes.d -for 1s":                                  "-corpus notes.d/summary.md: there is a file of another kind of this name, which a list of findings" + instead,
		"build-worker -o notes":                                             "-o notes: there is a file of another kind of this name, which a program" + instead,
		"matrix -markdown h":                                                "-markdown h: there is a history of this name, which a summary in Markdown" + instead,
	} {
		args := strings.Fields(strings.ReplaceAll(line, "OTHER", other))
		status, stdout, stderr := simrun(t, args...)
		require.Equal(t, "simrun: "+strings.ReplaceAll(want, "SELF", self)+"\n", stderr, line)
		require.Equal(t, console.StatusUsage, status, line)
		require.Empty(t, stdout, line)
	}
	require.Equal(t, before, contents(t))
}

// contents are the files of the working directory.
func contents(t *testing.T) map[string]string {
	all := map[string]string{}
	names, err := filepath.Glob("*")
	require.NoError(t, err)
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			all[name] = string(data)
		}
	}
	return all
}

// What simrun wrote before, it may write again.
func TestOutputsReplaceTheirKind(t *testing.T) {
	scene(t)
	for range 2 {
		for _, line := range []string{
			"-seed 7 -worker WORKER -write-plan p.json -write-history h -cpuprofile c -memprofile m",
			"check h -verdict v",
			"check h -html page.html",
			"export h -trace events -csv csv",
			"shrink -seed 101 -worker WORKER -o s.json -for 2s",
			"compare -cilium " + otherWorker(t) + " -baseline WORKER -seeds 7 -junit j -markdown k",
			"model -mode clustermesh -property monotonic -plan mp.json -o mt.json",
		} {
			_, _, stderr := simrun(t, strings.Fields(line)...)
			require.NotContains(t, stderr, "would overwrite", line)
		}
	}
	require.Equal(t, output.History, output.FormOf("h"))
	require.Equal(t, output.Verdict, output.FormOf("v"))
	require.Equal(t, output.Page, output.FormOf("page.html"))
	require.Equal(t, output.TraceEvents, output.FormOf("events"))
	require.Equal(t, output.CSV, output.FormOf("csv"))
	require.Equal(t, output.JUnit, output.FormOf("j"))
	require.Equal(t, output.Markdown, output.FormOf("k"))
	for _, plan := range []string{"p.json", "mp.json"} {
		require.Equal(t, output.Plan, output.FormOf(plan))
	}
	require.Equal(t, output.Counterexample, output.FormOf("mt.json"))
	require.Equal(t, output.Program, output.FormOf("/proc/self/exe"))
	require.NoError(t, os.WriteFile("log", []byte("0.000131s\tinfo\tsetting\n"), 0o666))
	require.Equal(t, output.Log, output.FormOf("log"))
}

// In a directory of outputs what holds something else stays, and so does the plan that is
// compared.
func TestOutputsInADirectory(t *testing.T) {
	scene(t)
	require.NoError(t, os.Mkdir("d", 0o777))
	require.NoError(t, os.WriteFile("d/seed-7.json", []byte("dear diary"), 0o666))
	status, _, stderr := simrun(t, "-seeds", "7", "-worker", "WORKER", "-write-plan", "d")
	require.Equal(t, console.StatusUsage, status)
	require.Contains(t, stderr, "simrun: -write-plan d/seed-7.json: there is a file of another kind of this name, which a plan would overwrite; remove it, or give another name\n")

	simrun(t, "-seed", "7", "-worker", "WORKER", "-write-plan", "d/regressed-1.json")
	kept, err := os.ReadFile("d/regressed-1.json")
	require.NoError(t, err)
	plan, err := fault.Read("p", kept)
	require.NoError(t, err)
	c := &comparison{out: "d", plan: "d/regressed-1.json"}
	report := &compare.Report{Findings: []*compare.Difference{{Way: compare.Way{Name: "x"}, Outcome: compare.Regressed, Plan: plan}}}
	require.NoError(t, c.writePlans(report))
	require.Equal(t, "d/regressed-2.json", report.Findings[0].File)
	now, err := os.ReadFile("d/regressed-1.json")
	require.NoError(t, err)
	require.Equal(t, kept, now)
}
