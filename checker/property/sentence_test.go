package property

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestContent(t *testing.T) {
	for want, value := range map[string]string{
		"<k8s:app=web>":                         "k8s:app=web",
		`<"a\x00b">`:                            "a\x00b",
		"<" + strings.Repeat("x", 100) + "...>": strings.Repeat("x", 101),
	} {
		require.Equal(t, want, Content(value))
	}
}

func TestCount(t *testing.T) {
	require.Equal(t, "1 entry", Count(1, "entry", "entries"))
	require.Equal(t, "0 entries", Count(0, "entry", "entries"))
	require.Equal(t, "999 entries", Count(999, "entry", "entries"))
	require.Equal(t, "4,211 entries", Count(4211, "entry", "entries"))
	require.Equal(t, "1,234,567 entries", Count(1234567, "entry", "entries"))
}

func TestFew(t *testing.T) {
	require.Equal(t, "node n0, node n1", Few([]string{"node n0", "node n1"}, 2))
	require.Equal(t, "node n0, node n1 and 1,200 more", Few([]string{"node n0", "node n1"}, 1202))
}
