package det

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestInside(t *testing.T) {
	require.True(t, inside("/mod/golang.org/toolchain", "/mod"))
	require.False(t, inside("/usr/local/go", "/mod"))
	require.False(t, inside("/module", "/mod"))
}

func TestCopyOnce(t *testing.T) {
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "cache", "toolchain")
	require.NoError(t, os.MkdirAll(filepath.Join(src, "bin"), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(src, "bin", "go"), []byte("x"), 0o555))

	said := 0
	for range 2 {
		require.NoError(t, copyOnce(src, dst, "the Go toolchain", func(string) { said++ }))
	}
	require.Equal(t, 1, said, "the second time it is there")
	info, err := os.Stat(filepath.Join(dst, "bin", "go"))
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o111, "it can be executed")
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dst), "*"))
	require.NoError(t, err)
	require.Equal(t, []string{dst}, left, "nothing else is left")
}

func TestBuildOutsideTheModule(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := Build(t.Context(), BuildConfig{})
	require.EqualError(t, err, "building the worker needs the sources of github.com/meshcheck/meshcheck: run from a directory of its checkout, or give a built worker with -worker")
}

// What is not hashed could change without a new worker.
func TestSourcesOfTheWorkerAreHashed(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "../worker").Output()
	require.NoError(t, err)
	for _, pkg := range strings.Fields(string(out)) {
		if inModule, found := strings.CutPrefix(pkg, modulePath+"/"); found {
			dir, _, _ := strings.Cut(inModule, "/")
			require.True(t, slices.Contains(sourceDirs, dir), "%s is part of the worker and not of its hash", pkg)
		}
	}
}

// Who changes what whole agents are made of changes no other worker.
func TestWholeAgentsAreHashedForThemselves(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	for _, name := range []string{"go.mod", "go.sum", "sim/a.go", "sim/whole/b.go", "fault/a.go", "history/a.go", "internal/a.go", "model/a.go"} {
		write(name, "one")
	}
	hash := func(whole bool) string {
		var w strings.Builder
		require.NoError(t, (&builder{module: dir, cfg: BuildConfig{Whole: whole}}).hashSources(&w))
		return w.String()
	}
	usual, whole := hash(false), hash(true)
	write("sim/whole/b.go", "two")
	require.Equal(t, usual, hash(false))
	require.NotEqual(t, whole, hash(true))
	write("sim/a.go", "two")
	require.NotEqual(t, usual, hash(false))
}

func TestWholeAgentsHaveTheirRuntime(t *testing.T) {
	_, err := Build(t.Context(), BuildConfig{Whole: true, Runtime: Stock})
	require.EqualError(t, err, "whole agents are built with the deterministic runtime only, which tells them apart")
}

// An edit of a file that is not compiled would change nothing: of each worker the files are
// known.
func TestEditsAreOfWhatIsCompiled(t *testing.T) {
	for _, whole := range []bool{false, true} {
		b, err := newBuilder(t.Context(), BuildConfig{Whole: whole, Plant: &Plant{}})
		require.NoError(t, err)
		packages, err := b.list(t.Context(), nil)
		require.NoError(t, err)
		check := func(edits ...SourceEdit) error {
			b.cfg.Plant.Edits = edits
			return b.checkCompiled(packages)
		}
		const ofAgents = "daemon/cmd/endpoint_restore.go"
		require.NoError(t, check(
			SourceEdit{Module: ciliumPath, File: "pkg/kvstore/etcd.go", Compiled: true},
			SourceEdit{Module: modulePath, File: "sim/kube/watch.go", Compiled: true},
			SourceEdit{Module: ciliumPath, File: ofAgents},
		))
		require.ErrorContains(t, check(SourceEdit{Module: ciliumPath, File: "pkg/nothing.go", Compiled: true}), "edit 1: the worker ")
		err = check(SourceEdit{Module: ciliumPath, File: "pkg/kvstore/etcd.go"}, SourceEdit{Module: ciliumPath, File: ofAgents, Compiled: true})
		if whole {
			require.NoError(t, err)
			require.EqualError(t, check(SourceEdit{Module: ciliumPath, File: "cilium-dbg/main.go", Compiled: true}), "edit 1: the worker of whole agents is not compiled from cilium-dbg/main.go of github.com/cilium/cilium")
			require.NoError(t, check(SourceEdit{Module: modulePath, File: "sim/whole/daemon/daemon.go", Compiled: true}))
		} else {
			require.EqualError(t, err, "edit 2: the worker without whole agents is not compiled from daemon/cmd/endpoint_restore.go of github.com/cilium/cilium")
		}
	}
}

// What takes the place of a module of the worker of whole agents does so in a copy of its own
// go.mod, whose other replacements stay.
func TestModulesOfWholeAgentsAreReplaced(t *testing.T) {
	b, err := newBuilder(t.Context(), BuildConfig{Whole: true})
	require.NoError(t, err)
	require.Empty(t, b.outside, "what its go.mod names lies in this module")
	modfile, err := b.replaceModule(t.Context(), t.TempDir(), ciliumPath+"=/src/cilium")
	require.NoError(t, err)
	text, err := os.ReadFile(modfile)
	require.NoError(t, err)
	require.Contains(t, string(text), "module github.com/meshcheck/meshcheck/sim/whole\n")
	require.Contains(t, string(text), "github.com/cilium/cilium => /src/cilium\n")
	require.Contains(t, string(text), "github.com/meshcheck/meshcheck => ../..\n")
}

// Both workers are built of the same versions of what both link.
func TestWholeAgentsHaveTheSameVersions(t *testing.T) {
	of := func(file string) map[string]string {
		versions := map[string]string{}
		out, err := output(exec.Command("go", "mod", "edit", "-json", file))
		require.NoError(t, err)
		var mod struct {
			Require []struct{ Path, Version string }
		}
		require.NoError(t, json.Unmarshal([]byte(out), &mod))
		for _, r := range mod.Require {
			versions[r.Path] = r.Version
		}
		return versions
	}
	usual, whole := of("../../go.mod"), of("../whole/go.mod")
	require.Contains(t, whole, ciliumPath)
	for path, version := range whole {
		if other, both := usual[path]; both {
			require.Equal(t, other, version, path)
		}
	}
}

func TestOneBuildAtATime(t *testing.T) {
	b := builder{cache: filepath.Join(t.TempDir(), "cache")}
	var waits atomic.Int32
	b.cfg.Progress = func(line string) {
		require.Equal(t, "waiting for another simrun, which is building a worker", line)
		waits.Add(1)
	}
	unlock, err := b.lock(t.Context())
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = b.lock(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	second := make(chan error)
	go func() {
		unlock, err := b.lock(t.Context())
		unlock()
		second <- err
	}()
	for waits.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	unlock()
	require.NoError(t, <-second)
}

// The cache is bounded by age and by size, what is in use stays, and what builds left
// behind that were killed goes.
func TestOldWorkersAreDropped(t *testing.T) {
	b := builder{cache: t.TempDir()}
	for name, hours := range map[string]int{"worker-det-a": 0, "worker-det-b": 2, "worker-det-c": 3, "worker-det-d": 4, "worker-det-used": 5, "worker-det-old": 8 * 24} {
		path, at := filepath.Join(b.cache, name), time.Now().Add(-time.Duration(hours)*time.Hour)
		require.NoError(t, os.WriteFile(path, make([]byte, 10), 0o777))
		require.NoError(t, os.Chtimes(path, at, at))
	}
	for _, dir := range []string{"worker-det-e.new-123", "worker-planted-f.source", "worker-det-d.source", "failures"} {
		require.NoError(t, os.MkdirAll(filepath.Join(b.cache, dir, "x"), 0o777))
	}
	built, err := os.Stat(filepath.Join(b.cache, "worker-det-used"))
	require.NoError(t, err)
	require.True(t, b.isBuilt(filepath.Join(b.cache, "worker-det-used")))
	again, err := os.Stat(filepath.Join(b.cache, "worker-det-used"))
	require.NoError(t, err)
	require.Equal(t, built.ModTime(), again.ModTime())
	names := func() (names []string) {
		entries, err := os.ReadDir(b.cache)
		require.NoError(t, err)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	require.NoError(t, b.dropOldWorkers(30))
	require.Equal(t, []string{"failures", "worker-det-a", "worker-det-b", "worker-det-used", "worker-planted-f.source"}, names())
	require.NoError(t, b.dropOldWorkers(1))
	require.Equal(t, []string{"failures", "worker-det-a", "worker-det-used", "worker-planted-f.source"}, names())
}
