package fault

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/faults.md")

// docs/faults.md is the reference, for those who read it in a browser.
func TestDocs(t *testing.T) {
	const file = "../docs/faults.md"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(markdown()), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, markdown(), string(text), "go test ./fault -run Docs -update writes it")
}

func markdown() string {
	var b strings.Builder
	b.WriteString("# Faults and triggers\n\nWritten by `go test ./fault -run Docs -update`; `simrun faults` prints the same.\n" +
		"[plan.md](plan.md) says how they stand in a plan,\n" +
		"whose times count from the start of the churn.\n")
	class := Class("")
	for i := range Specs {
		s := &Specs[i]
		if s.Class != class {
			class = s.Class
			fmt.Fprintf(&b, "\n## Of class %s\n\n| kind | what happens | takes | disturbs, and what is counted of it |\n|---|---|---|---|\n", class)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Kind, s.Summary, s.Fields(), s.Disturbed())
	}
	b.WriteString("\n## Events that a trigger can wait for\n\n| event | when | actor | kind |\n|---|---|---|---|\n")
	for i := range Events {
		e := &Events[i]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Event, e.Summary, e.actors.letters(), strings.Join(e.Kinds, ", "))
	}
	return b.String()
}
