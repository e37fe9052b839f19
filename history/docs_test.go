package history

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryVerbIsInTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../docs/history.md")
	require.NoError(t, err)
	for _, v := range allVerbs {
		require.Contains(t, string(page), "`"+string(v)+"`")
	}
	for _, how := range []string{ByWatch, ByList, GivenUp} {
		require.Contains(t, string(page), "| `"+how+"` |")
	}
}
