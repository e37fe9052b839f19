package checker

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/mechanism"
	"github.com/meshcheck/meshcheck/model/mode"
)

// docs/properties.md is the reference, for those who read it in a browser.
func TestDocs(t *testing.T) {
	const file = "../docs/properties.md"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(markdown()), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, markdown(), string(text), "go test ./checker -run Docs -update writes it")
}

func markdown() string {
	var b strings.Builder
	b.WriteString("# Properties\n\nWritten by `go test ./checker -run Docs -update`; `simrun properties` prints the same.\n" +
		"\n| property | promise | why |\n|---|---|---|\n")
	clusterMesh, crd := mode.Mode{Base: mode.ClusterMesh}, mode.Mode{Base: mode.CRD}
	for _, p := range Properties() {
		promise := p.Promise
		if !clusterMesh.Promises(p.Name) {
			promise += " (Judged in every mode; clustermesh does not promise it.)"
		}
		if len(p.RestsOn) > 0 {
			promise += " (Rests on " + strings.Join(p.RestsOn, ", ") + ".)"
		}
		if ok, why := crd.Applies(p.Name); !ok {
			promise += " (Not applicable in crd: " + why + ".)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Name, promise, p.Why)
	}
	b.WriteString("\n## What violations look like\n\nA violation whose records look like one of these findings names it. That is a suspicion, which decides nothing: `simrun judge` measures with repairs what is known.\n" +
		"\n| mechanism | whose | what happens |\n|---|---|---|\n")
	for _, m := range mechanism.Mechanisms() {
		fmt.Fprintf(&b, "| [%s](../testdata/findings/%s.md) | %s | %s |\n", m.Name, m.Name, m.Whose, m.Sentence)
	}
	return b.String()
}

// Each mechanism has its page, and the table of the pages says whose it is.
func TestMechanismsHavePages(t *testing.T) {
	table, err := os.ReadFile("../testdata/findings/README.md")
	require.NoError(t, err)
	for _, m := range mechanism.Mechanisms() {
		require.FileExists(t, "../testdata/findings/"+m.Name+".md")
		row := regexp.MustCompile(`(?m)^\|.*\[page\]\(` + m.Name + `\.md\).*$`).FindString(string(table))
		require.Contains(t, row, "| "+strings.Replace(m.Whose, "a setting's", "a setting's trap", 1), m.Name)
	}
}

// What a page of a finding names of this repository is there.
func TestPagesNameWhatExists(t *testing.T) {
	const dir = "../testdata/findings"
	pages, err := filepath.Glob(dir + "/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	paths := regexp.MustCompile("`((?:testdata|sim|checker|docs|fault)/[^` ]+)`|\\]\\(([^)#:]+)\\)")
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, named := range paths.FindAllStringSubmatch(string(text), -1) {
			if named[1] != "" {
				require.True(t, exists(filepath.Join("..", named[1])), "%s names %s", page, named[1])
			} else {
				require.True(t, exists(filepath.Join(dir, named[2])), "%s links %s", page, named[2])
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
