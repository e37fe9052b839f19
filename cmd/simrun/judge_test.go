package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// measured runs simrun where workers are built: a fake one, and one with repairs, in which
// seedRepaired breaks nothing.
func measured(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	repaired := filepath.Join(t.TempDir(), repairedName)
	binary, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(repaired, append(binary, "repaired"...), 0o777))
	var out, errs bytes.Buffer
	c := console.New("simrun", &out, &errs, false)
	c.Builder = func(_ context.Context, cfg det.BuildConfig) (string, error) {
		if cfg.Plant != nil {
			return repaired, nil
		}
		return self, nil
	}
	status = c.Main(t.Context(), commands, args)
	return status, out.String(), errs.String()
}

func TestJudge(t *testing.T) {
	scene(t)
	status, stdout, stderr := measured(t, "judge", "-seed", fmt.Sprint(seedViolates), "-schedules", "1")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status)
	require.Regexp(t, `(?m)^  NEWS +integrity of identity: too rare to tell a repair from another schedule|^  NEWS +integrity of identity: stays with all repairs in; 1 of [0-9]+ break it without, 1 of [0-9]+ with all repairs in`, stdout)
	require.Regexp(t, `(?m)^measured +[1-9] findings?: 0 known, measured; 0 suspected, not measured; [1-9] news$`, stdout)

	status, stdout, _ = measured(t, "judge", "-seed", "7")
	require.Equal(t, console.StatusHold, status)
	require.Equal(t, "nothing is broken\n", stdout)

	status, _, stderr = simrun(t, "-seed", fmt.Sprint(seedViolates), "-worker", "WORKER", "-write-history", "h")
	require.Equal(t, console.StatusBroken, status, stderr)
	status, stdout, stderr = measured(t, "judge", "h", "-json")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusBroken, status)
	var line judgedLine
	require.NoError(t, json.NewDecoder(bytes.NewBufferString(stdout)).Decode(&line))
	require.Equal(t, "judged", line.Kind)
	require.Equal(t, report.News, line.Judged.Is)
	require.Equal(t, 1, line.Judged.All.Broken)
}

// A plan with whole agents is judged in their worker alone, with repairs or without.
func TestJudgeWithWholeAgents(t *testing.T) {
	scene(t)
	var built []bool
	var out, errs bytes.Buffer
	c := console.New("simrun", &out, &errs, false)
	c.Builder = func(_ context.Context, cfg det.BuildConfig) (string, error) {
		built = append(built, cfg.Whole)
		return os.Executable()
	}
	plan, err := draw.Plan(seedViolates, draw.Config{Mode: "crd", Agents: fault.WholeAgent})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("plan.json", plan.Encode(), 0o666))
	status := c.Main(t.Context(), commands, []string{"judge", "-plan", "plan.json", "-schedules", "1"})
	require.Empty(t, errs.String())
	require.Equal(t, console.StatusBroken, status)
	require.NotEmpty(t, built)
	require.NotContains(t, built, false)
}

func TestJudgeRefusals(t *testing.T) {
	scene(t)
	for want, args := range map[string][]string{
		"what shall be judged? Give -seed N":                          {},
		"a history has its plan: -seed, -plan and -scenario exclude":  {"h", "-seed", "1"},
		"-schedules 0: want at least 1":                               {"-seed", "1", "-schedules", "0"},
		"-plant excludes -worker and -repaired":                       {"-seed", "1", "-plant", "x", "-repaired", "y"},
		"-runtime=stock judges nothing: a run must replay":            {"-seed", "1", "-runtime", "stock"},
		"-plant broom: there is no such planted bug; there are":       {"-seed", "1", "-plant", "broom"},
		"-repaired nowhere: no such file or directory":                {"-seed", "1", "-repaired", "nowhere"},
		"is of other sources than those here, into which repairs are": {"-seed", fmt.Sprint(seedViolates), "-worker", "other"},
	} {
		self, err := os.ReadFile("/proc/self/exe")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile("other", append(self, "other"...), 0o777))
		status, _, stderr := measured(t, append([]string{"judge"}, args...)...)
		require.Equal(t, console.StatusUsage, status, want)
		require.Contains(t, stderr, want)
	}
}
