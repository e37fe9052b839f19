package det

import (
	"os"
	"path/filepath"
	"testing"

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
