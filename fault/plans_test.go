package fault

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The plans that the repository ships can be read, and are in the form that is
// written, so that an edited one differs from its original in the edit alone.
func TestShippedPlans(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "plans", "*.json"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 3)
	for _, file := range files {
		p, err := ReadFile(file)
		require.NoError(t, err)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(p.Encode()), string(text), file)
	}
}
