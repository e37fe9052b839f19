package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/model/mode"
)

// What a mode promises of histories is what it promises of the abstract mesh.
func TestPromisedAsInTheModel(t *testing.T) {
	for _, text := range []string{
		"crd", "kvstore", "clustermesh", "clustermesh+sweep", "clustermesh+sweep+fence", "handover", "handover+cutover", "handover+fence", "direct", "central",
	} {
		md, err := mode.Parse(text)
		require.NoError(t, err)
		for _, p := range []property.Property{views.Monotonic, views.SingleSource, views.Convergence, views.Owner, views.Integrity, views.NoSpuriousDeletion} {
			require.Equal(t, md.Promises(p.Name), p.PromisedBy(text), "%s in %s", p.Name, text)
		}
		require.True(t, views.MonotonicSession.PromisedBy(text))
	}
	require.True(t, views.Monotonic.PromisedBy(""))
}
