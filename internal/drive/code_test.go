package drive

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCodeOf(t *testing.T) {
	binary, err := os.Executable()
	require.NoError(t, err)
	code, err := CodeOf(binary)
	require.NoError(t, err)
	require.Regexp(t, `^go1\.`, code.Go)
	require.Len(t, code.Hash, 16)
	require.Equal(t, code.Hash, code.Versions()["worker"])
	require.Contains(t, code.String(), "worker "+binary+" (")
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o777))
	_, err = CodeOf(script)
	require.ErrorContains(t, err, "does not tell what it is built from")
}

// A directory that replaces a module is named with what git says of it.
func TestGitState(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	require.NoError(t, os.Mkdir("house", 0o777))
	require.NoError(t, os.Mkdir("cilium", 0o777))
	require.NoError(t, os.WriteFile("house/go.mod", nil, 0o666))
	require.NoError(t, os.WriteFile("cilium/a.go", []byte("package a\n"), 0o666))
	t.Chdir("house")
	replaced := &debug.Module{Version: "v1", Replace: &debug.Module{Path: "../cilium", Version: "(devel)"}}
	require.Equal(t, "../cilium", versionOf(replaced), "no repository")
	for _, args := range [][]string{{"init", "-q", "-b", "fix"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "a"}} {
		out, err := exec.Command("git", append([]string{"-C", "../cilium"}, args...)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	require.Regexp(t, `^\.\./cilium \(now git [0-9a-f]{12} on fix\)$`, versionOf(replaced))
	require.NoError(t, os.WriteFile("../cilium/a.go", []byte("package b\n"), 0o666))
	require.Regexp(t, `^\.\./cilium \(now git [0-9a-f]{12} on fix, and 1 changed file\)$`, versionOf(replaced))
	require.Equal(t, "v1", versionOf(&debug.Module{Version: "v1"}))
	require.Equal(t, "example.com/fork v2", versionOf(&debug.Module{Version: "v1", Replace: &debug.Module{Path: "example.com/fork", Version: "v2"}}))
}
