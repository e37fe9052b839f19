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
