package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/internal/conformance"
	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/meshcheck/meshcheck/model/mesh"
)

func TestModelThatHolds(t *testing.T) {
	status, stdout, stderr := simrun(t, "model", "-mode", "crd", "-agents", "1")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status)
	require.Contains(t, stdout, "mode crd, 2 replicas, 1 agent, ")
	require.Regexp(t, `(?m)^  holds      monotonic `, stdout)
}

func TestModelThatIsBroken(t *testing.T) {
	scene(t)
	status, stdout, stderr := simrun(t, "model", "-mode", "direct", "-agents", "1", "-property", "durable", "-o", "trace.json")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status)
	require.Contains(t, stdout, "durable is broken in 2 steps: ")
	text, err := os.ReadFile("trace.json")
	require.NoError(t, err)
	tr, err := trace.Read(text)
	require.NoError(t, err)
	require.Len(t, tr.Steps, 2)
	require.Equal(t, "durable", tr.Property)
}

func TestModelWithoutACounterexampleWritesNoTrace(t *testing.T) {
	scene(t)
	status, _, stderr := simrun(t, "model", "-mode", "crd", "-property", "durable", "-o", "trace.json")
	require.Equal(t, console.StatusHold, status)
	require.Equal(t, "simrun: durable has no counterexample in mode crd, so trace.json is not written\n", stderr)
	require.NoFileExists(t, "trace.json")
}

func TestModelMatrix(t *testing.T) {
	status, stdout, _ := simrun(t, "model", "-all", "-agents", "1", "-faults", "1")
	require.Equal(t, console.StatusHold, status, "a broken cell is what the matrix shows, not a failure")
	require.Contains(t, stdout, "2 replicas, 1 agent, 2 objects, 1 reuse, 1 fault\n")
	for _, mode := range mesh.MatrixModes() {
		require.Regexp(t, `(?m)^`+strings.ReplaceAll(mode.String(), "+", `\+`)+` +(holds|broken|BROKEN)`, stdout)
	}
	require.Contains(t, stdout, "simrun model -mode clustermesh -property monotonic\n")
}

func TestModelMatrixAsJSON(t *testing.T) {
	status, stdout, _ := simrun(t, "model", "-all", "-json", "-agents", "1", "-objects", "1", "-faults", "1")
	require.Equal(t, console.StatusHold, status)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, len(mesh.MatrixModes()))
	for i, line := range lines {
		var row struct{ Kind, Mode string }
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		require.Equal(t, "model", row.Kind)
		require.Equal(t, mesh.MatrixModes()[i].String(), row.Mode)
	}
}

func TestModelThatIsCutShort(t *testing.T) {
	status, stdout, _ := simrun(t, "model", "-mode", "clustermesh+sweep+token+fence+kept", "-objects", "3", "-faults", "4", "-memory", "1", "-property", "monotonic")
	require.Equal(t, console.StatusBroken, status, "unknown is not a pass")
	require.Contains(t, stdout, "\nunfinished: ")
	require.Regexp(t, `(?m)^  unknown    monotonic `, stdout)
}

func TestModelFlags(t *testing.T) {
	for args, want := range map[string]string{
		"":                          "what shall be explored? Give either -mode MODE or -all",
		"-all -mode crd":            "what shall be explored? Give either -mode MODE or -all",
		"-all -property durable":    "-property, -plan and -o are for one mode",
		"-all -plan x":              "-property, -plan and -o are for one mode",
		"-all -o x":                 "-o goes with -all -real, too",
		"-mode crd -real":           "-real is for all modes: give -all in place of -mode",
		"-all -seeds 1-2":           "-repairs, -seeds, -worker and -runtime need -real",
		"-all -repairs":             "-repairs, -seeds, -worker and -runtime need -real",
		"-all -worker x":            "-repairs, -seeds, -worker and -runtime need -real",
		"-all -real -worker x":      "-worker x: no such file",
		"-mode crd -o x":            "-o and -plan need -property",
		"-mode crd -plan x":         "-o and -plan need -property",
		"-mode crd -property speed": "-property speed: there is no such property; there are integrity, monotonic",
		"-mode mesh":                `mode "mesh": there is no base "mesh"`,
		"-mode crd -replicas 9":     "a model with 9 replicas: want 1 to 3",
		"-mode crd -memory 0":       "-memory 0: want MiB, at least 1",
		"-mode crd more":            `there is an argument "more" that belongs to no flag`,
	} {
		status, _, stderr := simrun(t, append([]string{"model"}, strings.Fields(args)...)...)
		require.Equal(t, console.StatusUsage, status, args)
		require.Contains(t, stderr, want, args)
	}
}

// The page of the model takes what the real code did from a file of outcomes, if it is of the
// same bounds.
func TestModelPage(t *testing.T) {
	outcomes, err := filepath.Abs("../../testdata/model/outcomes.json")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	status, _, stderr := simrun(t, "model", "-mode", "clustermesh", "-html", "m.html", "-outcomes", outcomes)
	require.Equal(t, console.StatusBroken, status, stderr)
	page, err := os.ReadFile("m.html")
	require.NoError(t, err)
	require.Contains(t, string(page), "<!doctype html>")
	status, _, stderr = simrun(t, "model", "-mode", "clustermesh", "-agents", "1", "-html", "m.html", "-outcomes", outcomes)
	require.Equal(t, console.StatusUsage, status)
	require.Contains(t, stderr, "it is of a model with 2 replicas, 2 agents")
	require.NotContains(t, stderr, "\n\n")

	// What is shipped has, of each counterexample that the real code reproduces, what it did.
	data, err := os.ReadFile(outcomes)
	require.NoError(t, err)
	known, err := conformance.ReadOutcomes(outcomes, data)
	require.NoError(t, err)
	for _, c := range known.Cells {
		if c.Outcome == conformance.Reproduced {
			require.Len(t, c.Did, c.Steps, "%s of %s", c.Property, c.Mode)
		}
	}
}
