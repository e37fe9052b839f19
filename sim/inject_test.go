package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/deploy/clustermesh"
	"github.com/meshcheck/meshcheck/sim/deploy/kvstore"
)

// Each kind of fault is injected by the world, or by the mode that has what it needs;
// and each mode that plans can have has a deployment.
func TestEveryFaultIsInjected(t *testing.T) {
	mesh, shared := new(clustermesh.Mesh), new(kvstore.Store)
	for i := range fault.Specs {
		s := &fault.Specs[i]
		_, own := injections[s.Kind]
		require.Equal(t, s.Needs != mode.Replica && !s.Etcd && !s.Members, own, s.Kind)
		require.Equal(t, s.Needs == mode.Replica || s.Etcd, mesh.Injection(s.Kind) != nil, s.Kind)
		require.Equal(t, s.Etcd || s.Members, shared.Injection(s.Kind) != nil, s.Kind)
	}
	for _, m := range mode.Simulated() {
		require.Contains(t, deployments, m.Base)
	}
}
