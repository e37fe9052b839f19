package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/sim/det"
)

// process is simrun as a process of its own, which is this binary.
func process(t *testing.T, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd, stdout, stderr = exec.Command(binary), &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Args = append([]string{"simrun"}, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	t.Cleanup(func() {
		if cmd.Process != nil && cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	return cmd, stdout, stderr
}

// givesVerdict requires that a process gave a verdict, whichever.
func givesVerdict(t *testing.T, err error, cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	if code := cmd.ProcessState.ExitCode(); code != console.StatusHold && code != console.StatusBroken {
		require.NoError(t, err, stderr)
	}
}

// soon waits for something.
func soon(t *testing.T, is func() bool, otherwise string) {
	t.Helper()
	require.Eventually(t, is, 60*time.Second, 10*time.Millisecond, otherwise)
}

// Each signal that asks for an end ends a run in its middle: simrun says so, has the status
// of an interruption, kills its worker, leaves nothing behind and keeps what is done.
func TestInterrupt(t *testing.T) {
	binary, err := os.Executable()
	require.NoError(t, err)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		for name, args := range map[string][]string{
			"one":  {"-seed", fmt.Sprint(seedSlow)},
			"many": {"-seeds", fmt.Sprintf("%d-%d", seedSlow-1, seedSlow), "-json"},
		} {
			t.Run(signal.String()+" "+name, func(t *testing.T) {
				scene(t)
				cmd, _, stderr := process(t, append(args, "-worker", binary)...)
				stdout, err := os.Create("stdout")
				require.NoError(t, err)
				defer stdout.Close()
				cmd.Stdout = stdout
				said := func() string {
					text, err := os.ReadFile("stdout")
					require.NoError(t, err)
					return string(text)
				}
				require.NoError(t, cmd.Start())
				soon(t, func() bool {
					return len(leftovers(t, seedSlow)) > 0 && (name == "one" || strings.Contains(said(), "\n"))
				}, "the worker never started")
				require.NoError(t, cmd.Process.Signal(signal))
				require.Error(t, cmd.Wait())
				require.Equal(t, console.StatusInterrupted, cmd.ProcessState.ExitCode())
				require.Equal(t, "simrun: interrupted\n", stderr.String())
				require.Empty(t, leftovers(t, seedSlow), "temporary data is left behind")
				if name == "many" {
					require.Contains(t, said(), fmt.Sprintf("done are %d-%d; to go on: ", seedSlow-1, seedSlow-1))
					require.Len(t, strings.Split(strings.TrimSpace(said()), "\n"), 2, "the seed that is done, and the summary")
				}
			})
		}
	}
}

// A killed simrun takes its worker along, and the next one removes its directory.
func TestKilled(t *testing.T) {
	scene(t)
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd, _, _ := process(t, "-seed", fmt.Sprint(seedSlow), "-worker", binary)
	require.NoError(t, cmd.Start())
	soon(t, func() bool {
		return len(leftovers(t, seedSlow)) == 1 && len(workersIn(t, leftovers(t, seedSlow)[0])) == 1
	}, "the worker never started")
	dir := leftovers(t, seedSlow)[0]
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	soon(t, func() bool { return len(workersIn(t, dir)) == 0 }, "the worker lives on")
	require.DirExists(t, dir, "nobody was left to remove it")
	long := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(dir, long, long))

	next, _, stderr := process(t, "-seed", "7", "-worker", binary)
	givesVerdict(t, next.Run(), next, stderr)
	require.NoDirExists(t, dir)
}

// workersIn are the processes in a directory.
func workersIn(t *testing.T, dir string) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cwd")
	require.NoError(t, err)
	for _, cwd := range all {
		if at, err := os.Readlink(cwd); err == nil && at == dir {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(cwd)))
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}

// leftovers are the directories in which workers run, or ran, plans of a seed.
// Other programs may run other seeds at the same time.
func leftovers(t *testing.T, seed int) (dirs []string) {
	t.Helper()
	for _, base := range []string{"/dev/shm", os.TempDir()} {
		plans, err := filepath.Glob(filepath.Join(base, "meshcheck-run-*", det.PlanFile))
		require.NoError(t, err)
		for _, plan := range plans {
			if text, err := os.ReadFile(plan); err == nil && bytes.Contains(text, fmt.Appendf(nil, `"seed":%d,`, seed)) {
				dirs = append(dirs, filepath.Dir(plan))
			}
		}
	}
	return dirs
}

// standIn is a go command that builds nothing: the worker that it makes is this binary. All
// else it leaves to the real one, but for where the modules are, so that the toolchain is
// used where it is.
const standIn = `#!/bin/sh
case "$1 $*" in
env*) "$REAL_GO" env GOROOT GOVERSION; echo /no/modules; exit ;;
list*-deps*) echo one; exit ;;
build*) ;;
*) exec "$REAL_GO" "$@" ;;
esac
while [ "$1" != -o ]; do shift; done
echo $$ >> "$BUILDS"
if [ -n "$ORPHAN" ]; then sleep 600 & echo $! >> "$BUILDS"; kill -9 $PPID; wait; fi
sleep 0.1
cp "$WORKER" "$GOTMPDIR/made" && mv "$GOTMPDIR/made" "$2"
`

// buildScene is a checkout to build in with the stand-in, a cache on one file system and
// temporary files on another. It returns the cache, and the file with the builds' processes.
func buildScene(t *testing.T) (cache, builds string) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	realGo, err := exec.LookPath("go")
	require.NoError(t, err)
	bin, cache := t.TempDir(), t.TempDir()
	temp, err := os.MkdirTemp("/dev/shm", "simrun-test-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(temp) })
	require.NotEqual(t, fileSystem(t, cache), fileSystem(t, temp), "this test needs two file systems: give a TMPDIR that is not on that of /dev/shm")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "go"), []byte(standIn), 0o777))
	builds = filepath.Join(bin, "builds")
	for name, value := range map[string]string{
		"REAL_GO": realGo, "WORKER": binary, "BUILDS": builds, "GOTMPDIR": "",
		"PATH": bin + string(filepath.ListSeparator) + os.Getenv("PATH"), "XDG_CACHE_HOME": cache, "TMPDIR": temp,
	} {
		t.Setenv(name, value)
	}
	return filepath.Join(cache, "meshcheck"), builds
}

func fileSystem(t *testing.T, dir string) uint64 {
	t.Helper()
	var stat syscall.Stat_t
	require.NoError(t, syscall.Stat(dir, &stat))
	return stat.Dev
}

// Three simruns that all lack a worker get one, which one of them builds.
func TestBuildsAtOnce(t *testing.T) {
	cache, builds := buildScene(t)
	for range 10 {
		require.NoError(t, os.RemoveAll(builds))
		built, err := filepath.Glob(filepath.Join(cache, "worker-*"))
		require.NoError(t, err)
		for _, worker := range built {
			require.NoError(t, os.Remove(worker))
		}
		var all []*exec.Cmd
		var errs []*bytes.Buffer
		for range 3 {
			cmd, _, stderr := process(t, "-seed", "7")
			require.NoError(t, cmd.Start())
			all, errs = append(all, cmd), append(errs, stderr)
		}
		for i, cmd := range all {
			givesVerdict(t, cmd.Wait(), cmd, errs[i])
		}
		built, err = filepath.Glob(filepath.Join(cache, "worker-*"))
		require.NoError(t, err)
		require.Len(t, built, 1, "nothing is left beside it")
		require.Len(t, pidsOf(t, builds), 1)
	}
}

// The go command ends with the simrun that started it, and what it has left goes with the
// next build.
func TestKilledInABuild(t *testing.T) {
	cache, builds := buildScene(t)
	t.Setenv("ORPHAN", "yes")
	for range 20 { // the kill comes as early as it can, while simrun starts what it has to
		require.NoError(t, os.RemoveAll(builds))
		cmd, _, stderr := process(t, "-seed", "7")
		require.Error(t, cmd.Run())
		require.Equal(t, syscall.SIGKILL, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(), stderr)
		pids := pidsOf(t, builds)
		require.Len(t, pids, 2, "the go command, and what it has started")
		for _, pid := range pids {
			soon(t, func() bool { return !alive(pid) }, "what was built with lives on")
		}
	}

	t.Setenv("ORPHAN", "")
	next, _, stderr := process(t, "-seed", "7")
	givesVerdict(t, next.Run(), next, stderr)
	left, err := filepath.Glob(filepath.Join(cache, "*.new-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// pidsOf are the processes that built.
func pidsOf(t *testing.T, file string) (pids []int) {
	t.Helper()
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	for _, field := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(field)
		require.NoError(t, err)
		pids = append(pids, pid)
	}
	return pids
}

// alive reports whether a process runs; one that has ended and that nobody waits for does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}
