package det

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func goroot(t *testing.T) string {
	b, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

func TestOverlayFitsThisToolchain(t *testing.T) {
	for _, whole := range []bool{false, true} {
		fits(t, whole)
	}
	require.NotEqual(t, overlayDir("go1", false), overlayDir("go1", true))
}

func fits(t *testing.T, whole bool) {
	dir := t.TempDir()
	overlay, err := WriteOverlay(goroot(t), dir, whole)
	require.NoError(t, err)

	b, err := os.ReadFile(overlay)
	require.NoError(t, err)
	var o struct{ Replace map[string]string }
	require.NoError(t, json.Unmarshal(b, &o))
	require.NotEmpty(t, o.Replace)
	for orig, edited := range o.Replace {
		text, err := os.ReadFile(edited)
		require.NoError(t, err)
		if base := filepath.Base(orig); base == "zdetrt.go" || base == "zwhole.go" {
			require.Contains(t, string(text), "package runtime")
			continue
		}
		old, err := os.ReadFile(orig)
		require.NoError(t, err)
		require.NotEqual(t, string(old), string(text), orig)
	}
}

func TestEveryEditIsNeededToFit(t *testing.T) {
	edits, err := parseEdits(editsText)
	require.NoError(t, err)
	require.Greater(t, len(edits), 30)
	for _, e := range edits {
		require.NotEmpty(t, e.why)
		_, err := e.apply("package runtime\n")
		require.Error(t, err, "edit %q fits a file without its anchor", e.why)
	}
}

func TestEditApply(t *testing.T) {
	const text = "func a() {\n\tx()\n}\n\nfunc b() {\n\tx()\n}\n"
	for _, c := range []struct {
		name string
		e    edit
		want string
		err  string
	}{
		{name: "behind a line", e: edit{within: "func b()", old: "\tx()", new: "\ty()"}, want: "func a() {\n\tx()\n}\n\nfunc b() {\n\ty()\n}\n"},
		{name: "everywhere", e: edit{old: "x()", new: "y()", all: true}, want: "func a() {\n\ty()\n}\n\nfunc b() {\n\ty()\n}\n"},
		{name: "ambiguous", e: edit{old: "x()", new: "y()"}, err: `the text "x()" occurs 2 times, not once`},
		{name: "missing", e: edit{old: "z()", new: "y()"}, err: `the text "z()" occurs 0 times, not once`},
		{name: "no such line", e: edit{within: "func c()", old: "x()", new: "y()"}, err: `the line "func c()" occurs 0 times, not once`},
		{name: "ambiguous line", e: edit{within: "func", old: "x()", new: "y()"}, err: `the line "func" occurs 2 times, not once`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.e.apply(text)
			if c.err != "" {
				require.EqualError(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestOverlayRefusesAnotherToolchain(t *testing.T) {
	root := t.TempDir()
	_, err := WriteOverlay(root, t.TempDir(), false)
	require.ErrorContains(t, err, "has no runtime/proc.go, which the deterministic runtime edits (to read the seed before anything draws)")

	require.NoError(t, os.MkdirAll(filepath.Join(root, "src/runtime"), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(root, "src/runtime/proc.go"), []byte("package runtime\n"), 0o666))
	_, err = WriteOverlay(root, t.TempDir(), false)
	require.ErrorContains(t, err, `runtime/proc.go, edit "read the seed before anything draws": the text`)
	require.ErrorContains(t, err, "-runtime=stock")
}
