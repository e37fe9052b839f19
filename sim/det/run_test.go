package det

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// script returns a worker that is a shell script.
func script(t *testing.T, body string) Worker {
	path := filepath.Join(t.TempDir(), "worker")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho '"+Greeting+"'\n"+body), 0o755))
	return Worker{Path: path}
}

func TestGreeting(t *testing.T) {
	greeting, err := json.Marshal(map[string]int{"version": Version})
	require.NoError(t, err)
	require.Equal(t, Greeting, string(greeting)+"\n")
}

// A worker of another version is refused, whatever becomes of its run.
func TestWorkerOfAnotherVersion(t *testing.T) {
	for body, want := range map[string]string{
		`echo '{"virtual": 1}'; exec sleep 60`:                "it says no version, as earlier ones, and this simrun understands version 1",
		`echo '{"done": true}'`:                               "it says no version, as earlier ones, and",
		`echo '{"version": 7}'; echo '{"done": true}'`:        "it says version 7, and this simrun understands version 1; simrun build-worker builds one that fits",
		`echo '{"version": 7}'; exit 3`:                       "it says version 7, and",
		`echo '{"version": 7}'; echo '{"refused": "a plan"}'`: "it says version 7, and",
	} {
		path := filepath.Join(t.TempDir(), "worker")
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755))
		_, err := Worker{Path: path}.Run(t.Context(), []byte(plan), RunConfig{})
		var mismatch *Mismatch
		require.ErrorAs(t, err, &mismatch, body)
		require.ErrorContains(t, err, "the worker "+path+" is of another version of meshcheck: "+want)
	}
}

// What writes records is slow, if virtual time does not pass, and does not hang.
func TestSlowIsNotHung(t *testing.T) {
	w := script(t, `for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2; echo record >> history; done; echo '{"done": true}'`)
	_, err := w.Run(t.Context(), []byte(plan), RunConfig{StallLimit: 1200 * time.Millisecond})
	require.NoError(t, err)
	w = script(t, `while true; do sleep 0.1; echo record >> history; done`)
	_, err = w.Run(t.Context(), []byte(plan), RunConfig{StallLimit: 1200 * time.Millisecond, WallLimit: 2 * time.Second})
	require.ErrorContains(t, err, "the worker is too slow: at 0s of virtual time after 2s; -wall sets how long it may take")
}

const plan = `{"seed": 7, "options": {"preempt": 3}}`

func TestRun(t *testing.T) {
	w := script(t, `
cp plan.json history
echo "$DETRT" >> history
env | grep -v -e '^_=' -e '^SHLVL=' -e '^OLDPWD=' | sort >> history
echo '{"virtual": 1000000000, "records": 10, "phase": "churn"}'
echo 'not a status'
echo '{"virtual": 2000000000, "records": 20, "phase": "end", "done": true, "runtime": "det", "picks": 5, "unseeded": 1}'
`)
	var seen []Progress
	r, err := w.Run(t.Context(), []byte(plan), RunConfig{OnProgress: func(p Progress) { seen = append(seen, p) }})
	require.NoError(t, err)
	const env = "DETRT=7,gcstep=96,preempt=3"
	require.Equal(t, plan+env[len("DETRT="):]+"\n"+env+"\nETCD_CLIENT_DEBUG=fatal\nPWD=/proc/self/cwd\nTZ=UTC\n", string(r.History), "the plan, the seed and nothing else reach the worker")
	require.Equal(t, []Progress{{time.Second, 10, "churn"}, {2 * time.Second, 20, "end"}}, seen)
	require.Equal(t, 2*time.Second, r.Virtual)
	require.Equal(t, 20, r.Records)
	require.Equal(t, uint64(1), r.Unseeded)
	require.Equal(t, uint64(5), r.Picks)
	require.True(t, r.Deterministic)
	require.Positive(t, r.Wall)
	require.Positive(t, r.PeakMemory)
}

func TestRunLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	w := script(t, `pwd > `+dir+`/where; echo '{"done": true}'`)
	_, err := w.Run(t.Context(), []byte(plan), RunConfig{})
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(dir, "where"))
	require.NoError(t, err)
	require.NoDirExists(t, string(bytes.TrimSpace(b)))
}

func TestRunFailures(t *testing.T) {
	for _, c := range []struct {
		name, body string
		cfg        RunConfig
		kind       FailureKind
		message    string
	}{
		{"crash", `echo part > history; echo boom >&2; echo '{"virtual": 3000000000}'; exit 7`, RunConfig{}, Crash,
			"the worker ended at 3s of virtual time, before its run did: exit status 7"},
		{"silent end", `echo part > history; echo boom >&2; echo '{"virtual": 3000000000}'`, RunConfig{}, Crash,
			"the worker ended at 3s of virtual time, before its run did: exit status 0"},
		{"hang", `echo part > history; echo boom >&2; while true; do echo '{"virtual": 1}'; sleep 0.05; done`, RunConfig{StallLimit: 500 * time.Millisecond}, Hang,
			"the worker hangs: no virtual progress beyond 1ns and no record for "},
		{"slow", `echo part > history; echo boom >&2; i=1; while true; do echo "{\"virtual\": $i}"; i=$((i+1)); sleep 0.05; done`, RunConfig{WallLimit: 500 * time.Millisecond}, Hang,
			"the worker is too slow: at "},
		{"memory", `echo part > history; echo boom >&2; exec sleep 60`, RunConfig{MemoryLimit: 1}, Memory,
			" MiB of memory at 0s of virtual time, more than 0 MiB"},
		{"refused", `echo part > history; echo boom >&2; echo '{"refused": "plan.json: no"}'; exit 2`, RunConfig{}, Input,
			"plan.json: no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := script(t, c.body).Run(t.Context(), []byte(plan), c.cfg)
			var f *Failure
			require.ErrorAs(t, err, &f)
			require.Equal(t, c.kind, f.Kind)
			require.ErrorContains(t, err, c.message)
			require.Contains(t, f.Output, "boom")
			require.Equal(t, "part\n", string(f.History), "what was written is kept")
		})
	}
}

func TestRunIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := script(t, "echo '{\"virtual\": 1}'; exec sleep 60")
	_, err := w.Run(ctx, []byte(plan), RunConfig{OnProgress: func(Progress) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
}

func TestRunRefusesWhatIsNoPlan(t *testing.T) {
	_, err := script(t, "exit 0").Run(t.Context(), []byte("no"), RunConfig{})
	require.ErrorContains(t, err, "the plan is not JSON")
	_, err = Worker{Path: filepath.Join(t.TempDir(), "nothing")}.Run(t.Context(), []byte(plan), RunConfig{})
	require.ErrorContains(t, err, "starting the worker")
}

func TestLogIsForwarded(t *testing.T) {
	var log bytes.Buffer
	_, err := script(t, `echo "$1" >&2; echo '{"done": true}'`).Run(t.Context(), []byte(plan), RunConfig{Log: &log})
	require.NoError(t, err)
	require.Equal(t, LogFlag+"\n", log.String())
}

func TestProfilesAreCopiedOutOfTheRun(t *testing.T) {
	dir := t.TempDir()
	cfg := RunConfig{CPUProfile: filepath.Join(dir, "c"), MemProfile: filepath.Join(dir, "m")}
	_, err := script(t, `echo "$@" > cpu.pprof; echo mem > mem.pprof; echo '{"done": true}'`).Run(t.Context(), []byte(plan), cfg)
	require.NoError(t, err)
	cpu, err := os.ReadFile(cfg.CPUProfile)
	require.NoError(t, err)
	require.Equal(t, "-cpuprofile -memprofile\n", string(cpu), "the worker's arguments")
	mem, err := os.ReadFile(cfg.MemProfile)
	require.NoError(t, err)
	require.Equal(t, "mem\n", string(mem))

	_, err = script(t, `echo '{"done": true}'`).Run(t.Context(), []byte(plan), cfg)
	require.ErrorContains(t, err, "the worker wrote no profile")
	require.Equal(t, []string{"worker"}, RunConfig{}.arguments(), "a run that is not profiled is told of none")
}

// A wrapper (taskset, strace, a script) has the real worker as its child.
func TestAWorkersChildrenEndWithIt(t *testing.T) {
	const child = `sleep 60 & echo '{"virtual": 1}'; wait`
	for _, c := range []struct{ name, body string }{
		{"in its process group", child},
		{"in one of its own", "setsid " + `sh -c 'sleep 20' & echo '{"virtual": 1}'; wait`},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			start := time.Now()
			_, err := script(t, c.body).Run(ctx, []byte(plan), RunConfig{OnProgress: func(Progress) { cancel() }})
			require.ErrorIs(t, err, context.Canceled)
			require.Less(t, time.Since(start), 15*time.Second)

			start = time.Now()
			_, err = script(t, c.body).Run(t.Context(), []byte(plan), RunConfig{StallLimit: 500 * time.Millisecond})
			require.ErrorContains(t, err, "the worker hangs")
			require.Less(t, time.Since(start), 15*time.Second)
		})
	}
}

func TestALongLineIsNoStatus(t *testing.T) {
	w := script(t, `head -c 3000000 /dev/zero | tr '\0' x; echo; head -c 100000 /dev/zero | tr '\0' ' '; echo '{"virtual": 5, "done": true}'`)
	r, err := w.Run(t.Context(), []byte(plan), RunConfig{})
	require.NoError(t, err)
	require.Equal(t, time.Duration(5), r.Virtual, "what comes after it is read, and a status of 100 kB too")
}
