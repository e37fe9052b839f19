package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/sim/det"
)

// repaired runs the command with the fake worker, whatever is built into it.
func repaired(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	var out, errs bytes.Buffer
	c := console.New("simrun", &out, &errs, false)
	c.Builder = func(context.Context, det.BuildConfig) (string, error) { return self, nil }
	if status, err = c.Run(t.Context(), "repairs", new(repairing), args); err != nil {
		status = c.Fail(err)
	}
	return status, out.String(), errs.String()
}

func TestRepairsThatProveNothing(t *testing.T) {
	scene(t)
	status, stdout, stderr := repaired(t, "-seeds", "1", "-o", "runs", "sweep", "slim-operator-keeps-its-lease")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status)
	require.Contains(t, stdout, "no seed shows the finding, so that the repair proves nothing")
	require.Contains(t, stdout, "no plan shows it")
	require.FileExists(t, "runs")

	status, stdout, _ = repaired(t, "-seeds", "1", "-o", "runs", "-json", "sweep")
	require.Equal(t, console.StatusBroken, status)
	var line struct {
		Kind, Repair, Plan   string
		Seeds, Without, With int
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &line))
	require.Equal(t, "repair", line.Kind)
	require.Equal(t, "writer-restart-orphans", line.Plan)
	require.Zero(t, line.Without)
}

func TestRepairsOfDrawnSeeds(t *testing.T) {
	scene(t)
	status, stdout, stderr := repaired(t, "-swarm", "100-101", "-workers", "1")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status)
	require.Contains(t, stdout, "of 2 seeds keep all that is promised")
	require.Regexp(t, `integrity of identity \(promised\): seeds \[101\]; without the repairs \[101\] of these`, stdout)
}

func TestRepairsAsPatches(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "patches")
	status, stdout, stderr := repaired(t, "-patch", dir, "put-backs-off")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status)
	require.True(t, strings.HasPrefix(stdout, "1 patch in "), stdout)
	patch, err := os.ReadFile(filepath.Join(dir, "put-backs-off.patch"))
	require.NoError(t, err)
	require.Contains(t, string(patch), "--- a/pkg/kvstore/store/syncstore.go\n+++ b/pkg/kvstore/store/syncstore.go\n")
}

func TestRepairsRefusals(t *testing.T) {
	for want, args := range map[string][]string{
		`there is no repair "broom"; there are`: {"broom"},
		"-seeds -1: want how many":              {"-seeds", "-1"},
		"-swarm and -planted exclude":           {"-swarm", "0-1", "-planted"},
		"-workers 0: want at least 1":           {"-workers", "0"},
	} {
		status, _, stderr := repaired(t, args...)
		require.Equal(t, console.StatusUsage, status, want)
		require.Contains(t, stderr, want)
	}
}
