package checker

import (
	"fmt"
	"os"
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
	b.WriteString("\n## Mechanisms that are known\n\nA violation of which the records prove one of these names it. It stays a violation.\n" +
		"\n| mechanism | what happens |\n|---|---|\n")
	for _, m := range mechanism.Mechanisms() {
		fmt.Fprintf(&b, "| [%s](../testdata/findings/%s.md) | %s |\n", m.Name, m.Name, m.Sentence)
	}
	return b.String()
}

// Each mechanism has its page.
func TestMechanismsHavePages(t *testing.T) {
	for _, m := range mechanism.Mechanisms() {
		require.FileExists(t, "../testdata/findings/"+m.Name+".md")
	}
}
