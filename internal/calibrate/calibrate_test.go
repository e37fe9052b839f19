package calibrate

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The first step's time has the build in it: what is left is estimated from the others.
func TestStepsAreToldWithAnEstimate(t *testing.T) {
	at := time.Unix(0, 0)
	var told []string
	steps(strings.NewReader("1/4 the writer\nlistening\n2/4 the etcd\n4/4 the agent\n"), func() time.Time { at = at.Add(time.Minute); return at }, func(line string) { told = append(told, line) })
	require.Equal(t, []string{"measured: 1/4 the writer", "measured: 2/4 the etcd, some 2m0s to go", "measured: 4/4 the agent, some 0s to go"}, told)
}

func TestACommandThatFailsSaysWhy(t *testing.T) {
	err := follow(t.Context(), exec.CommandContext(t.Context(), "sh", "-c", "echo first >&2; echo the etcd is gone >&2; exit 1"), func(string) {})
	require.EqualError(t, err, "the etcd is gone")
	err = follow(t.Context(), exec.CommandContext(t.Context(), "sh", "-c", "echo cost: the etcd is gone >&2; echo Killed >&2; exit 1"), func(string) {})
	require.EqualError(t, err, "the etcd is gone")
	require.EqualError(t, follow(t.Context(), exec.CommandContext(t.Context(), "sh", "-c", "exit 3"), func(string) {}), "exit status 3")
}

// Who is interrupted leaves no servers behind.
func TestInterruptedWithAllItHasStarted(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", `sleep 1000 & echo $! >server; echo 1/2 begun; wait`)
	cmd.Dir = dir
	require.ErrorIs(t, follow(ctx, cmd, func(string) { cancel() }), context.Canceled)
	pid, err := os.ReadFile(filepath.Join(dir, "server"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ") // nobody may be there to wait for it
	}, 10*time.Second, 10*time.Millisecond)
}

func TestKeep(t *testing.T) {
	dir := t.TempDir()
	committed := "../../testdata/capacity/cilium-1.20.2.json"
	path, err := keep(committed, "", dir)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "cilium-1.20.2.json"), path)
	want, err := os.ReadFile(committed)
	require.NoError(t, err)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))

	nothing := filepath.Join(dir, "nothing")
	require.NoError(t, os.WriteFile(nothing, []byte(strings.Replace(string(want), `"least": 0.447`, `"least": -0.447`, 1)), 0o666))
	_, err = keep(nothing, filepath.Join(dir, "kept"), "")
	require.ErrorContains(t, err, "too little was measured, or nothing that can be used: what was measured:")
	require.NoFileExists(t, filepath.Join(dir, "kept"))
}

// The commands that measure are where the scripts look for them.
func TestTargets(t *testing.T) {
	for _, target := range Targets {
		require.DirExists(t, filepath.Join("../..", target.Folder))
		require.GreaterOrEqual(t, target.Size.Watchers, Smallest.Watchers)
		require.GreaterOrEqual(t, target.Size.Updates, Smallest.Updates)
	}
}
