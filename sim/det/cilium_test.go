package det

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A directory with another Cilium is known by what may be compiled of it.
func TestHashOfADirectory(t *testing.T) {
	dir := t.TempDir()
	write := func(file, text string) {
		path := filepath.Join(dir, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}
	write("go.mod", "module github.com/cilium/cilium\n")
	write("pkg/a.go", "package a\n")
	hash := func() string {
		b := builder{cfg: BuildConfig{Cilium: dir}}
		require.NoError(t, b.findCilium())
		var w bytes.Buffer
		require.NoError(t, b.hashOutside(&w))
		return w.String()
	}
	before := hash()
	write("pkg/a_test.go", "package a\n")
	write(".git/HEAD", "x")
	write("vendor/x/x.go", "package x\n")
	require.Equal(t, before, hash(), "nothing that is compiled has changed")
	write("pkg/a.go", "package b\n")
	require.NotEqual(t, before, hash())
	require.NotEqual(t, hash(), func() string {
		var w bytes.Buffer
		require.NoError(t, (&builder{cfg: BuildConfig{Cilium: "v1.20.1"}}).hashOutside(&w))
		return w.String()
	}())
}

// Of a version that does not build one sentence names what is missing; of a directory its
// user wants all of it.
func TestACiliumThatDoesNotBuild(t *testing.T) {
	const said = `# github.com/cilium/cilium/pkg/hive
/mod/github.com/cilium/cilium@v1.19.5/pkg/hive/hive.go:80:28: cannot use lc as job.groupOpt value
	have A
	want B
sim/truth/etcd.go:5:2: could not import net (open : no such file or directory)
sim/mesh/x.go:9:2: undefined: store.New
`
	b := builder{modcache: "/mod", cfg: BuildConfig{Cilium: "v1.19.5"}}
	require.EqualError(t, b.badCilium(errors.New("exit status 1"), said), "Cilium v1.19.5 does not build with this meshcheck, which is made for that of its go.mod and the releases next to it: "+
		"github.com/cilium/cilium@v1.19.5/pkg/hive/hive.go:80:28: cannot use lc as job.groupOpt value and 1 more")
	require.ErrorContains(t, b.badCilium(errors.New("exit status 1"), "no space left on device\n"), "go.mod and the releases next to it: no space left on device")
	b.cfg.Cilium = "/src/cilium"
	var bad *BadCilium
	require.ErrorAs(t, b.badCilium(errors.New("exit status 1"), said), &bad)
	require.EqualError(t, bad, "building the worker failed: exit status 1\n"+strings.TrimSpace(said))
}

func TestWhatIsNoCilium(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("go.mod", []byte("module example.com/other\n"), 0o666))
	for which, want := range map[string]string{
		".":         " is not the root of the module github.com/cilium/cilium",
		"./nothing": "./nothing is neither a directory with the source of Cilium nor a version such as v1.20.0",
		"./go.mod":  "./go.mod is neither a directory with the source of Cilium nor a version such as v1.20.0",
	} {
		require.ErrorContains(t, (&builder{cfg: BuildConfig{Cilium: which}}).findCilium(), want)
	}
	require.NoError(t, (&builder{cfg: BuildConfig{Cilium: "v1.20.1"}}).findCilium())
	_, err := Build(t.Context(), BuildConfig{Cilium: "v1", Plant: &Plant{}})
	require.EqualError(t, err, "a bug is planted in the Cilium of go.mod, and in no other")
}
