package behaviour

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeviationsAreDocumented(t *testing.T) {
	document, err := os.ReadFile("../../docs/model.md")
	require.NoError(t, err)
	for _, d := range allDeviations() {
		require.Contains(t, string(document), "| `"+d.name+"` | "+d.what+" | "+d.needs+" |", "docs/model.md, Histories as behaviours")
	}
}
