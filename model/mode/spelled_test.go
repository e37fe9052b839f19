package mode_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// elsewhere are the places that may spell what this package and model/schema are there
// for, with the reason. A path ends with a slash if it is a room.
var elsewhere = map[string]string{
	"model/mode/":                         "here",
	"model/mesh/":                         "the abstract mesh, whose hosts have the same names, and its matrix of modes",
	"model/schema/":                       "here",
	"cmd/simrun/":                         "the flag -o, which is no operator",
	"fault/validate.go":                   "the letters of a name",
	"internal/corpus/files.go":            "the letters of a name",
	"internal/repairs/patch.go":           "git's name of a tree",
	"report/page/campaign.go":             "the letter of an outcome in the data of a page",
	"sim/agent/clustermesh/reader.go":     "Cilium's namespace of metrics and its name of a controller",
	"sim/agent/services/resolve.go":       "Cilium's name of what fills a table",
	"sim/deploy/clustermesh/mesh.go":      "the name of a folder",
	"sim/kube/conformance/record/main.go": "the flag -o, which is no operator",
}

// Tests may spell anything: they are what holds the spelling.
func TestOnlyHereIsSpelled(t *testing.T) {
	found := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(path, "../../"))
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && len(entry.Name()) > 2):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, what := range spelled(t, name, text) {
			place := placeOf(name)
			if place == "" {
				t.Errorf("%s: ask model/mode or model/schema", what)
			}
			found[place] = true
		}
		return nil
	})
	require.NoError(t, err)
	for place := range elsewhere {
		require.True(t, found[place], "%s spells nothing any more: take it from the list", place)
	}
}

func placeOf(file string) string {
	for place := range elsewhere {
		if file == place || strings.HasSuffix(place, "/") && strings.HasPrefix(file, place) {
			return place
		}
	}
	return ""
}

// letter is a host's letter that is compared or prepended.
var letter = regexp.MustCompile(`^[kreaow]$`)

// host is a host's format or a host by name.
var host = regexp.MustCompile(`^[kreaow](%d|0)$`)

// spelled returns what a file spells: a mode's name, a key of an etcd, and a host's
// letter.
func spelled(t *testing.T, name string, text []byte) (found []string) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, text, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if n.Kind != token.STRING && n.Kind != token.CHAR {
				return true
			}
			value, err := strconv.Unquote(n.Value)
			require.NoError(t, err)
			if why := names(value); why != "" {
				found = append(found, files.Position(n.Pos()).String()+" spells "+why+" "+n.Value)
			}
		}
		return true
	})
	return found
}

// names says what a text is the name of, or nothing.
func names(text string) string {
	if slices.Contains(mode.Bases(), mode.Base(text)) {
		return "the mode"
	}
	if letter.MatchString(text) || host.MatchString(text) {
		return "the host"
	}
	for _, prefix := range []string{schema.CanaryPrefix, schema.ClusterConfigPrefix, schema.Heartbeat, "cilium/state/"} {
		if strings.Contains(text, strings.TrimSuffix(prefix, "/")) {
			return "the key"
		}
	}
	return ""
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		"crd": "the mode", "clustermesh": "the mode", "clustermesh-apiserver": "",
		"r": "the host", "a%d": "the host", "w0": "the host", "n%d": "",
		"cilium/state/ip/v1": "the key", "cilium/synced/": "the key", "cilium": "",
	} {
		require.Equal(t, want, names(text), text)
	}
}
