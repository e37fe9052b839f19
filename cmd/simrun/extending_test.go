package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What docs/extending.md tells to touch is there, but for what is to be made.
func TestExtendingNamesWhatIsThere(t *testing.T) {
	text, err := os.ReadFile("../../docs/extending.md")
	require.NoError(t, err)
	quoted := regexp.MustCompile("`([^`]+)`")
	paths := 0
	for row := range strings.Lines(string(text)) {
		cells := strings.Split(row, " | ")
		if !strings.HasPrefix(row, "| `") || len(cells) < 2 {
			continue
		}
		for _, path := range quoted.FindAllStringSubmatch(cells[0], -1) {
			there, err := filepath.Glob(filepath.Join("../..", strings.TrimSuffix(path[1], "/NAME")))
			require.NoError(t, err)
			require.NotEmpty(t, there, "docs/extending.md: there is no %s", path[1])
			paths++
		}
	}
	require.Greater(t, paths, 20)
}
