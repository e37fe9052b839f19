package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
)

// checking is how long judging took, which a verdict's file does not have.
var checking = regexp.MustCompile(`; checked in [0-9.]+s|"checkSeconds":[-+.e0-9]+`)

// What report prints of a verdict is what check prints of its history.
func TestReportPrintsWhatCheckPrints(t *testing.T) {
	histories, err := filepath.Glob("../../testdata/histories/*.history")
	require.NoError(t, err)
	require.NotEmpty(t, histories)
	for _, history := range histories {
		verdict := filepath.Join(t.TempDir(), "verdict")
		for _, flags := range [][]string{nil, {"-v"}, {"-json"}} {
			args := append(append([]string{"check"}, flags...), "-verdict", verdict, history)
			checked, want, stderr := simrun(t, args...)
			require.Empty(t, stderr)
			reported, got, stderr := simrun(t, append(append([]string{"report"}, flags...), verdict)...)
			require.Empty(t, stderr)
			got = strings.ReplaceAll(got, " -verdict "+verdict, "") // what explains the violations of a file
			require.Equal(t, checking.ReplaceAllString(want, ""), checking.ReplaceAllString(got, ""), "%s %v", history, flags)
			require.Equal(t, checked, reported)
		}
		once, err := os.ReadFile(verdict)
		require.NoError(t, err)
		_, _, _ = simrun(t, "check", "-verdict", verdict, history)
		again, err := os.ReadFile(verdict)
		require.NoError(t, err)
		require.Equal(t, string(once), string(again), "equal histories give equal files")
	}
}

func TestReportRefuses(t *testing.T) {
	scene(t)
	status, _, stderr := simrun(t, "report")
	require.Equal(t, console.StatusUsage, status)
	require.Equal(t, "simrun: report needs the files of verdicts; simrun check -verdict FILE HISTORY writes one\n", stderr)
	status, _, stderr = simrun(t, "report", "none")
	require.Equal(t, console.StatusUsage, status)
	require.Equal(t, "simrun: none: cannot read the verdict: no such file or directory\n", stderr)
	require.NoError(t, os.WriteFile("v", []byte("{\n \"version\": 1,\n \"hsh\": \"\"\n}\n"), 0o644))
	status, _, stderr = simrun(t, "report", "v")
	require.Equal(t, console.StatusUsage, status)
	require.Equal(t, "simrun: v:3: a verdict has no field \"hsh\"; its fields are version, name, hash, churn, virtual, shutdown, records, plan, planError, results, unfired, idle, stalls\n", stderr)
	status, _, stderr = simrun(t, "check", "-verdict", "v", "a", "b")
	require.Equal(t, console.StatusUsage, status)
	require.Equal(t, "simrun: -verdict FILE takes the verdict of one history, and there are 2\n", stderr)
}

func TestExitStatusOfAVerdict(t *testing.T) {
	for outcome, want := range map[checker.Outcome]int{
		checker.Pass: console.StatusHold, checker.Fail: console.StatusBroken, checker.Unknown: console.StatusBroken, checker.NotApplicable: console.StatusBroken, checker.Mistake: console.StatusHarness,
	} {
		require.Equal(t, want, console.StatusOf(checker.Verdict{Results: []checker.Result{{Outcome: outcome}}}), string(outcome))
	}
}
