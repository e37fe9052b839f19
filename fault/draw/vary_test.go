package draw

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
)

func TestVary(t *testing.T) {
	plan := mustDraw(t, 1)
	plan.Topology = fault.Topology{APIServers: 1, Replicas: 2, Agents: 6, Nodes: 20}
	plan.Faults = []fault.Fault{
		{At: plan.Churn / 3, Kind: fault.ReplicaLoss, Target: "r1", For: second},
		{At: plan.Churn/3 + second, Kind: fault.AgentCrash, Targets: []string{"a0", "a5"}, For: second},
	}
	targets, times := map[string]bool{}, map[fault.Duration]bool{}
	for seed := range uint64(50) {
		p := Vary(plan, seed)
		require.NoError(t, p.Validate(), "seed %d", seed)
		require.Equal(t, p, Vary(plan, seed))
		require.Equal(t, len(plan.Pods), len(p.Pods))
		require.Equal(t, plan.Topology, p.Topology)
		require.Len(t, p.Faults, 2)
		require.Equal(t, second, p.Faults[1].At-p.Faults[0].At, "the faults move together")
		targets[p.Faults[0].Target], times[p.Faults[0].At] = true, true
	}
	require.Len(t, targets, 2)
	require.Greater(t, len(times), 20)
	require.Equal(t, []string{"a0", "a5"}, plan.Faults[1].Targets, "the plan itself is left alone")
}

// A slow workload's steps stay within the churn phase.
func TestVaryOfASlowWorkload(t *testing.T) {
	plan := mustDraw(t, 1)
	plan.Churn, plan.Ops, plan.Faults = 24*60*60*second, nil, nil
	for seed := range uint64(20) {
		require.NoError(t, Vary(plan, seed).Validate(), "seed %d", seed)
	}
}

// The workload of a plan with objects goes on among them.
func TestVaryWithObjects(t *testing.T) {
	objects := []json.RawMessage{
		json.RawMessage(`{"kind":"CiliumNode","metadata":{"name":"worker-1"}}`),
		json.RawMessage(`{"kind":"Namespace","metadata":{"name":"shop"}}`),
		json.RawMessage(`{"kind":"Pod","metadata":{"name":"web","namespace":"shop"},"status":{"podIP":"10.0.0.1"}}`),
		json.RawMessage(`{"kind":"CiliumEndpoint","metadata":{"name":"web","namespace":"shop"},"status":{"networking":{"addressing":[{"ipv4":"10.0.0.1"}]}}}`),
	}
	plan, err := Plan(3, Config{Objects: objects})
	require.NoError(t, err)
	for seed := range uint64(20) {
		p := Vary(plan, seed)
		require.NoError(t, p.Validate(), "seed %d", seed)
		require.Equal(t, objects, p.Objects)
		require.NotEmpty(t, p.Ops)
	}
}
