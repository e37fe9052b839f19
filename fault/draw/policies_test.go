package draw

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
)

// Policies are drawn where agents enforce them, and leave everything else of a plan as it is.
func TestDrawnPolicies(t *testing.T) {
	const seeds = 200
	with, ops, kinds, peers := 0, map[fault.OpKind]int{}, map[fault.PolicyKind]int{}, map[string]int{}
	say := func(p *fault.Policy) {
		kinds[p.Kind]++
		for _, rules := range [][]fault.PolicyRule{p.Ingress, p.Egress, p.DenyIngress, p.DenyEgress} {
			for _, r := range rules {
				for _, peer := range r.Peers {
					kind, _, _ := peer.Split()
					peers[kind]++
				}
			}
		}
	}
	for seed := range uint64(seeds) {
		everyday := mustDrawCRD(t, seed)
		require.False(t, everyday.HasPolicies())
		p, err := Plan(seed, Config{Mode: crdMode.String(), Agents: fault.WholeAgent})
		require.NoError(t, err, "seed %d", seed)
		if p.HasPolicies() {
			with++
		}
		for i := range p.Policies {
			say(&p.Policies[i])
		}
		for i := range p.Ops {
			if p.Ops[i].Op.OfPolicy() {
				ops[p.Ops[i].Op]++
				say(p.Ops[i].Policy)
			}
		}
		require.Equal(t, fault.WithAgents(everyday, fault.WholeAgent), fault.WithAgents(fault.WithAgents(p, ""), fault.WholeAgent), "seed %d", seed)
	}
	require.Greater(t, with, seeds*2/3)
	require.Less(t, with, seeds*9/10)
	for _, kind := range []fault.OpKind{fault.PolicyCreate, fault.PolicyUpdate, fault.PolicyDelete} {
		require.Greater(t, ops[kind], 50, kind)
	}
	for _, kind := range fault.PolicyKinds {
		require.Greater(t, kinds[kind], 100, kind)
	}
	for _, kind := range []string{fault.PeerPods, fault.PeerEntity, fault.PeerCIDR} {
		require.Greater(t, peers[kind], 50, kind)
	}
}
