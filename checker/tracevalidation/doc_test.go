package tracevalidation

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeviationsAreDocumented(t *testing.T) {
	document, err := os.ReadFile("../../docs/model.md")
	require.NoError(t, err)
	for _, d := range allDeviations() {
		row := "| `" + d.name + "` | " + d.what + " | " + d.needs + " |"
		require.True(t, strings.Contains(string(document), row), "docs/model.md, Trace validation, lacks the row %s", row)
	}
}
