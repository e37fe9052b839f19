package det

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is changed is told apart by whether the worker is compiled from it.
func TestChanges(t *testing.T) {
	write := func(dir string, files map[string]string) {
		for file, text := range files {
			path := filepath.Join(dir, file)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
		}
	}
	compiled := map[string]bool{"go.mod": true, "pkg/a/a.go": true, "pkg/a/a.txt": true, "pkg/b/b.go": true}
	before, after := &ciliumSource{t.TempDir(), compiled}, &ciliumSource{t.TempDir(), map[string]bool{"go.mod": true, "pkg/a/a.go": true, "pkg/a/new.go": true}}
	same := map[string]string{
		"go.mod": "module x\n", "pkg/a/a.go": "package a\n", "pkg/a/a.txt": "text", "pkg/a/a_windows.go": "package a\n", "pkg/a/a_test.go": "package a\n",
		"pkg/b/b.go": "package b\n", "daemon/cmd/cmd.go": "package cmd\n", "README": "x",
	}
	write(before.dir, same)
	write(after.dir, same)
	changes := func() *Changes {
		c, err := before.changes(after)
		require.NoError(t, err)
		return c
	}
	require.Equal(t, &Changes{Worker: []string{}, Outside: []string{}}, changes())

	write(after.dir, map[string]string{
		"pkg/a/a_test.go": "changed", "README": "changed", "vendor/x/x.go": "new", ".github/x.go": "new", "tools/go.mod": "module y\n", "tools/y.go": "new",
	})
	require.Empty(t, changes().Hash, "a module of the module cache has none of it, or it is no source")

	write(after.dir, map[string]string{"daemon/cmd/cmd.go": "does not compile", "pkg/a/a_windows.go": "changed"})
	c := changes()
	require.Empty(t, c.Worker)
	require.Equal(t, []string{"daemon/cmd", "pkg/a"}, c.Outside)

	write(after.dir, map[string]string{"pkg/a/a.txt": "embedded", "pkg/a/new.go": "package a\n", "go.mod": "changed"})
	require.NoError(t, os.Remove(filepath.Join(after.dir, "pkg/b/b.go")))
	require.Equal(t, []string{"go.mod", "pkg/a", "pkg/b"}, changes().Worker)
	require.NotEqual(t, c.Hash, changes().Hash)
}

func TestChangesOfTheSame(t *testing.T) {
	c, err := ChangesOf(t.Context(), "", "", false, nil)
	require.NoError(t, err)
	require.Equal(t, &Changes{Worker: []string{}, Outside: []string{}}, c)
}

func TestNoSuchVersion(t *testing.T) {
	b, err := newBuilder(t.Context(), BuildConfig{Cilium: "v1.99.9"})
	require.NoError(t, err)
	b.cache = t.TempDir()
	b.env = append(b.env, "GOPROXY=off")
	_, err = b.otherCilium(t.Context())
	var bad *BadCilium
	require.ErrorAs(t, err, &bad)
	require.NotContains(t, err.Error(), "\n")
	require.ErrorContains(t, err, "the go command has no Cilium v1.99.9: ")
}
