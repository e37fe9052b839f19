package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mode"
)

// What a mode promises of histories is what it promises of the abstract mesh.
func TestPromisedAsInTheModel(t *testing.T) {
	for _, text := range []string{
		"crd", "kvstore", "clustermesh", "clustermesh+sweep", "clustermesh+sweep+fence", "handover", "handover+cutover", "handover+fence", "direct", "central",
	} {
		md, err := mode.Parse(text)
		require.NoError(t, err)
		for _, p := range []Property{monotonic, singleSource, convergence, owner, integrity, noSpuriousDeletion} {
			require.Equal(t, md.Promises(p.Name), p.PromisedBy(text), "%s in %s", p.Name, text)
		}
		require.True(t, monotonicSession.PromisedBy(text))
	}
	require.True(t, monotonic.PromisedBy(""))
}
