package examples

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/explore"
)

// spin is what Spin says about a model.
type spin struct {
	states      int64 // stored
	transitions int64
	deadlock    bool // it found an invalid end state
}

// runSpin checks testdata/name.pml with n processes, exhaustively and without
// reductions. It skips the test where Spin or a C compiler is missing.
func runSpin(t *testing.T, name string, n int) spin {
	t.Helper()
	for _, tool := range []string{"spin", "cc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("not compared with Spin: %v (Debian packages spin and gcc)", err)
		}
	}
	model, err := filepath.Abs(filepath.Join("testdata", name+".pml"))
	require.NoError(t, err)
	dir := t.TempDir()
	run := func(tool string, args ...string) string {
		cmd := exec.Command(tool, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s %v: %s", tool, args, out)
		return string(out)
	}
	// Statements are not merged (-o3), so that each is a step.
	run("spin", "-a", "-o3", fmt.Sprintf("-DN=%d", n), model)
	run("cc", "-O1", "-w", "-DNOREDUCE", "-o", "pan", "pan.c")
	// All errors are counted (-c0), unreached statements are not listed (-n).
	out := run(filepath.Join(dir, "pan"), "-c0", "-n", "-m1000000")
	number := func(pattern string) int64 {
		m := regexp.MustCompile(pattern).FindStringSubmatch(out)
		require.NotNil(t, m, "no %q in the output of Spin: %s", pattern, out)
		i, err := strconv.ParseInt(m[1], 10, 64)
		require.NoError(t, err)
		return i
	}
	return spin{
		states:      number(`(\d+) states, stored`),
		transitions: number(`(\d+) transitions`),
		deadlock:    number(`errors: (\d+)`) > 0,
	}
}

func TestPhilosophersAgreeWithSpin(t *testing.T) {
	for _, n := range []int{2, 5, 7} {
		want := runSpin(t, "philosophers", n)
		r := check(t, Philosophers(n, false), exhaustive)
		assert.Equal(t, want, spin{
			states:      r.Stats.Distinct,
			transitions: r.Stats.Generated, // Spin counts the initial state as one
			deadlock:    r.Outcome("nobody waits for ever").Verdict == explore.Broken,
		}, "%d philosophers", n)
	}
}

func TestTwoPhaseAgreesWithSpin(t *testing.T) {
	for _, n := range []int{1, 4, 7} {
		want := runSpin(t, "twophase", n)
		r := check(t, TwoPhase(n), exhaustive)
		assert.Equal(t, want.states, r.Stats.Distinct, "%d resource managers", n)
		assert.False(t, want.deadlock)
	}
}
