package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/model/mode"
)

func TestModeOfDrawnPlans(t *testing.T) {
	for _, args := range [][]string{
		{"-seed", "7"},
		{"-seed", "7", "-scenario", "reference"},
		{"-seed", "7", "-scenario", "agents-restart"},
		{"-scenario", "agents-restart"},
	} {
		scene(t)
		_, stdout, stderr := simrun(t, append(args, "-mode", "crd", "-write-plan", "p.json", "-worker", "WORKER")...)
		require.Empty(t, stderr)
		require.Regexp(t, `^mode crd, (reference plan, seed 7|scenario agents-restart(, seed 7)?|seed 7)\n  mode      crd`, stdout)
		require.Regexp(t, `(?m)^replay      simrun .*-mode crd -worker /`, stdout)
		require.Regexp(t, `(?m)^keep        simrun .*-mode crd -worker /\S+ -write-history `, stdout)
		plan, err := fault.ReadFile("p.json")
		require.NoError(t, err)
		require.Equal(t, string(mode.CRD), plan.Mode)
	}
}

// The default mode need not be named, and is not named in what is printed.
func TestDefaultMode(t *testing.T) {
	scene(t)
	_, stdout, _ := simrun(t, "-seed", "7", "-mode", "clustermesh", "-worker", "WORKER")
	require.Regexp(t, `^seed 7\n  mode      clustermesh`, stdout)
	require.Regexp(t, `(?m)^replay      simrun -seed 7 -worker /`, stdout)
}

// A scenario may have another mode than the default one, which is named, then.
func TestDefaultModeOfAScenario(t *testing.T) {
	for _, named := range []string{"clustermesh", "clustermesh/service"} {
		scene(t)
		_, stdout, stderr := simrun(t, "-scenario", "dialer-without-apiserver", "-mode", named, "-write-plan", "p.json", "-worker", "WORKER")
		require.Empty(t, stderr)
		require.Regexp(t, `(?m)^replay      simrun -scenario dialer-without-apiserver -mode clustermesh -worker /`, stdout)
		plan, err := fault.ReadFile("p.json")
		require.NoError(t, err)
		require.Equal(t, mode.Default, plan.InMode())
	}
}

func TestModeOfManySeeds(t *testing.T) {
	scene(t)
	require.NoError(t, os.Mkdir("plans", 0o777))
	_, stdout, _ := simrun(t, "-seeds", "100-101", "-mode", "crd", "-write-plan", "plans", "-worker", "WORKER")
	require.Contains(t, stdout, "  replay  simrun -seed 101 -mode crd -worker /")
	for _, name := range []string{"plans/seed-100.json", "plans/seed-101.json"} {
		plan, err := fault.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, string(mode.CRD), plan.Mode)
	}

	status, stdout, stderr := simrun(t, "verify", "-seeds", "0-1", "-mode", "crd", "-worker", "WORKER")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status, stdout)
}

func TestShrinkInAMode(t *testing.T) {
	scene(t)
	_, stdout, stderr := simrun(t, "shrink", "-seed", "101", "-mode", "crd", "-worker", "WORKER")
	require.Equal(t, "simrun: the smaller plan will be written to shrunk-seed-101.json\n", stderr)
	require.Contains(t, stdout, "mode crd, seed 101, shrunk\n  mode      crd")
}

// A campaign in another mode begins anew, and what it finds is a finding of its own.
func TestCampaignInAMode(t *testing.T) {
	scene(t)
	base := "101" // the seed that sees what never was
	for _, c := range []struct {
		args []string
		mode string
		name string
	}{
		{nil, "", "integrity.identity.no-fault"},
		{[]string{"-mode", "crd"}, "crd", "crd.integrity.identity.no-fault"},
	} {
		args := append([]string{"campaign", "-for", brief, "-shrink", "1h", "-base", base, "-worker", "WORKER"}, c.args...)
		_, stdout, stderr := simrun(t, args...)
		require.Empty(t, stderr)
		state, err := corpus.ReadState("corpus")
		require.NoError(t, err)
		require.Equal(t, c.mode, state.Mode)
		require.EqualValues(t, 101, state.Base)
		require.Contains(t, findings(t, "corpus"), c.name, stdout)
	}
	require.Regexp(t, `\| crd\.integrity\.identity\.no-fault +\| crd +\| +[1-9][0-9]* \| `, string(mustReadFile(t, "corpus/summary.md")))
}

func mustReadFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return text
}
