package det

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// source is a module of one file.
func source(t *testing.T, text string) module {
	t.Helper()
	m := module{path: "example.org/m", version: "v1.2.3", dir: t.TempDir()}
	require.NoError(t, os.MkdirAll(filepath.Join(m.dir, "pkg"), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "pkg", "a.go"), []byte(text), 0o444))
	return m
}

func TestPlantWrites(t *testing.T) {
	m, dir := source(t, "one two three\n"), t.TempDir()
	other := source(t, "one\n")
	other.path = "example.org/other"
	p := Plant{Edits: []SourceEdit{
		{Module: m.path, File: "pkg/a.go", Old: "two", New: "2"},
		{Module: other.path, File: "pkg/a.go", Old: "one", New: "1"},
		{Module: m.path, File: "pkg/a.go", Old: "2 three", New: "2 3"}, // sees what the first has made
	}}
	replace, err := p.write(map[string]module{m.path: m, other.path: other}, dir)
	require.NoError(t, err)
	edited := filepath.Join(dir, "example.org__m__pkg__a.go")
	require.Equal(t, map[string]string{
		filepath.Join(m.dir, "pkg", "a.go"):     edited,
		filepath.Join(other.dir, "pkg", "a.go"): filepath.Join(dir, "example.org__other__pkg__a.go"),
	}, replace)
	text, err := os.ReadFile(edited)
	require.NoError(t, err)
	require.Equal(t, "one 2 3\n", string(text))
	text, err = os.ReadFile(filepath.Join(m.dir, "pkg", "a.go"))
	require.NoError(t, err)
	require.Equal(t, "one two three\n", string(text), "the module is left alone")
}

func TestPlantThatDoesNotFit(t *testing.T) {
	m := source(t, "one two two\n")
	for want, e := range map[string]SourceEdit{
		`edit 1 does not fit pkg/a.go of example.org/m v1.2.3: the text "four" occurs 0 times, not once`: {File: "pkg/a.go", Old: "four"},
		`edit 1 does not fit pkg/a.go of example.org/m v1.2.3: the text "two" occurs 2 times, not once`:  {File: "pkg/a.go", Old: "two"},
		`edit 1: example.org/m v1.2.3 has no file pkg/b.go`:                                              {File: "pkg/b.go", Old: "two"},
		`edit 1: "../m/a.go" is not a path below the root of example.org/m v1.2.3`:                       {File: "../m/a.go", Old: "two"},
	} {
		e.Module = m.path
		_, err := (&Plant{Edits: []SourceEdit{e}}).write(map[string]module{m.path: m}, t.TempDir())
		require.EqualError(t, err, want)
	}
}

func TestPlantInThisModule(t *testing.T) {
	b := builder{goCommand: "go", env: os.Environ(), modcache: t.TempDir()}
	m, err := b.locate(t.Context(), modulePath)
	require.NoError(t, err)
	require.False(t, m.cached, "it is overlaid where it is")
	require.FileExists(t, filepath.Join(m.dir, "sim", "det", "plant.go"))
}

func TestPlantHashTellsEditsApart(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range []Plant{
		{Edits: []SourceEdit{{Module: "m", File: "f", Old: "a", New: "b"}}},
		{Edits: []SourceEdit{{Module: "n", File: "f", Old: "a", New: "b"}}},
		{Edits: []SourceEdit{{Module: "m", File: "f", Old: "a", New: "c"}}},
		{Edits: []SourceEdit{{Module: "m", File: "f", Old: `a" "b`}}},
		{Edits: []SourceEdit{{Module: "m", File: "f", Old: "a", New: "b"}, {Module: "m", File: "f", Old: "a", New: "b"}}},
	} {
		var b bytes.Buffer
		p.hash(&b)
		require.False(t, seen[b.String()])
		seen[b.String()] = true
	}
}

func TestStockWorkersHaveNoPlant(t *testing.T) {
	_, err := Build(t.Context(), BuildConfig{Runtime: Stock, Plant: &Plant{}})
	require.EqualError(t, err, "a bug is planted with the deterministic runtime only: without it, a seed that shows it does not replay")
}
