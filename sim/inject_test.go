package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/deploy/clustermesh"
)

// Each kind of fault is injected by the world, or by the mode that has what it needs;
// and each mode that plans can have has a deployment.
func TestEveryFaultIsInjected(t *testing.T) {
	mesh := new(clustermesh.Mesh)
	for i := range fault.Specs {
		s := &fault.Specs[i]
		_, own := injections[s.Kind]
		require.Equal(t, s.Needs != mode.Replica, own, s.Kind)
		require.Equal(t, s.Needs == mode.Replica, mesh.Injection(s.Kind) != nil, s.Kind)
	}
	for _, m := range mode.Simulated() {
		require.Contains(t, deployments, m.Base)
	}
}
