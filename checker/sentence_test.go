package checker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
)

func TestContent(t *testing.T) {
	for want, value := range map[string]string{
		"<k8s:app=web>":                         "k8s:app=web",
		`<"a\x00b">`:                            "a\x00b",
		"<" + strings.Repeat("x", 100) + "...>": strings.Repeat("x", 101),
	} {
		require.Equal(t, want, property.Content(value))
	}
}

func TestCount(t *testing.T) {
	require.Equal(t, "1 entry", property.Count(1, "entry", "entries"))
	require.Equal(t, "0 entries", property.Count(0, "entry", "entries"))
	require.Equal(t, "999 entries", property.Count(999, "entry", "entries"))
	require.Equal(t, "4,211 entries", property.Count(4211, "entry", "entries"))
	require.Equal(t, "1,234,567 entries", property.Count(1234567, "entry", "entries"))
}

func TestFew(t *testing.T) {
	require.Equal(t, "node n0, node n1", property.Few([]string{"node n0", "node n1"}, 2))
	require.Equal(t, "node n0, node n1 and 1,200 more", property.Few([]string{"node n0", "node n1"}, 1202))
}
