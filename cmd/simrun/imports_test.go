package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/meshcheck/meshcheck/"

// What each package may import of this module, by its path or the first element
// of it. Data flows down this list; a package that is not in it, such as those
// below sim, may import what it likes.
var mayImport = map[string][]string{
	"model":      {"model", "internal/text"},
	"model/mesh": {"model/mesh", "model/explore", "model/mode", "internal/text"},
	"fault":      {"fault", "model", "internal/files", "internal/stream", "internal/strictjson", "internal/text"},
	"history":    {"history", "model/disturb", "model/schema"},
	"checker":    {"checker", "history", "model/disturb", "model/spec", "model/mode", "model/schema", "internal/text"},
	"report":     {"report", "checker", "history", "fault", "model", "internal/strictjson", "internal/text"},
	"sim/det":    {"sim/det", "internal/files", "internal/text"},

	"internal/files":          {},
	"internal/stream":         {},
	"history/index":           {"history", "model/disturb", "model/mode", "model/schema"},
	"checker/tracevalidation": {"checker/tracevalidation", "fault", "history", "model/disturb", "model/mesh", "model/mode", "model/schema", "internal/text"},
	"internal":                {"internal", "testdata/capacity", "testdata/repairs", "testdata/scenarios", "report", "checker", "history", "fault", "model", "sim/det"},
	"cmd/simrun":              {"cmd/simrun", "internal", "report", "checker", "history", "fault", "model", "sim/det", "testdata/findings", "testdata/planted", "testdata/repairs", "testdata/scenarios"},
}

// Only packages below sim may depend on these, by whatever way: the others build
// in seconds because they do not.
var heavy = []string{"github.com/cilium/", "go.etcd.io/", "k8s.io/", "google.golang.org/grpc"}

func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}}: {{join .Imports " "}}`, module+"...")
	output, err := cmd.Output()
	require.NoError(t, err)
	seen := map[string]bool{}
	for line := range strings.Lines(string(output)) {
		path, imports, _ := strings.Cut(strings.TrimPrefix(line, module), ":")
		room := roomOf(path)
		if room == "" {
			continue
		}
		seen[room] = true
		for imported := range strings.FieldsSeq(imports) {
			local, inModule := strings.CutPrefix(imported, module)
			if inModule {
				require.True(t, within(local, mayImport[room]), "%s imports %s, but %s may import only %v", path, local, room, mayImport[room])
			}
			for _, prefix := range heavy {
				require.False(t, strings.HasPrefix(imported, prefix), "%s imports %s; only packages below sim may", path, imported)
			}
		}
	}
	for room := range mayImport {
		require.True(t, seen[room], "there is no package in %s", room)
	}
}

// roomOf returns the innermost room that a package is in.
func roomOf(path string) (innermost string) {
	for room := range mayImport {
		if within(path, []string{room}) && len(room) > len(innermost) {
			innermost = room
		}
	}
	return innermost
}

// The model is to be read and believed by itself: apart from the module's own
// packages it needs the standard library only.
func TestModelImportsNoOtherModule(t *testing.T) {
	output, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, "../../model/mesh", "../../model/explore", "../../model/mode", "../../model/schema").Output()
	require.NoError(t, err)
	require.NotEmpty(t, output)
	for imported := range strings.FieldsSeq(string(output)) {
		first, _, _ := strings.Cut(imported, "/")
		require.True(t, strings.HasPrefix(imported, module) || !strings.Contains(first, "."), "%s is of another module", imported)
	}
}

// within tells whether a package is one of the rooms, or inside of one.
func within(path string, rooms []string) bool {
	for _, room := range rooms {
		if path == room || strings.HasPrefix(path, room+"/") {
			return true
		}
	}
	return false
}

func TestCommandLinksNothingHeavy(t *testing.T) {
	output, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	for dependency := range strings.Lines(string(output)) {
		for _, prefix := range heavy {
			require.False(t, strings.HasPrefix(dependency, prefix), "simrun links %s, and would take minutes to build", dependency)
		}
	}
}

// docs/dependencies.md gives each direct dependency one line with its reason, and
// nothing else has one; and each is imported, by a program or a test.
func TestDirectDependenciesAreDocumented(t *testing.T) {
	output, err := exec.Command("go", "mod", "edit", "-json", "../../go.mod").Output()
	require.NoError(t, err)
	type named struct{ Path string }
	var mod struct {
		Require []struct {
			named
			Indirect bool
		}
		Replace []struct{ Old named }
	}
	require.NoError(t, json.Unmarshal(output, &mod))
	output, err = exec.Command("go", "list", "-e", "-f", "{{range .Imports}}{{.}}\n{{end}}{{range .TestImports}}{{.}}\n{{end}}{{range .XTestImports}}{{.}}\n{{end}}", module+"...").Output()
	require.NoError(t, err)
	imported := strings.Fields(string(output))

	want := []string{}
	used := map[string]bool{} // modules of whose packages one is imported
	for _, path := range imported {
		module := ""
		for _, dependency := range mod.Require {
			if within(path, []string{dependency.Path}) && len(dependency.Path) > len(module) {
				module = dependency.Path
			}
		}
		used[module] = true
	}
	for _, dependency := range mod.Require {
		require.Equal(t, !dependency.Indirect, used[dependency.Path], "whether %s is imported; go mod tidy corrects go.mod", dependency.Path)
		if !dependency.Indirect {
			want = append(want, dependency.Path)
		}
	}
	for _, replaced := range mod.Replace {
		want = append(want, replaced.Old.Path)
	}
	document, err := os.ReadFile("../../docs/dependencies.md")
	require.NoError(t, err)
	got := []string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (?:`[^`]*` in place of )?`([^`]*)` \\| .+ \\|$").FindAllStringSubmatch(string(document), -1) {
		got = append(got, row[1])
	}
	require.ElementsMatch(t, want, got, "the rows of docs/dependencies.md are not the direct dependencies of go.mod")
}
