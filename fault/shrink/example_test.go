package shrink

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
)

// What is left of a reference plan of 350 decisions for a finding that needs a
// writer's restart, two agents and the creation of one pod.
func TestReach(t *testing.T) {
	plan := drawn(t, 5)
	w := world{kinds: map[fault.Kind]int{fault.WriterRestart: 1}, ops: map[fault.OpKind]int{fault.PodCreate: 1}, agents: 2}
	require.True(t, w.shows(plan))
	result, err := Shrink(t.Context(), plan, Outcome{Shows: true, First: Never}, w.config(t))
	require.NoError(t, err)
	require.Equal(t, `{
  "version": 2,
  "seed": 1,
  "mode": "clustermesh",

  "topology": {"apiservers":1,"replicas":1,"agents":2,"nodes":2},
  "network": {"latencyMin":"1ms","latencyMax":"1ms"},
  "options": {"writerQPS":50,"writerBootstrapQPS":10000,"agentQPS":20,"endpointSlices":false,"clusterID":1,"clusterName":"c1","preempt":0},

  "churn": "4s",
  "settle": "10s",

  "ops": [
    {"at":"3s","op":"pod-create","pod":{"namespace":"ns3","name":"app0-0","app":"app0","node":"n0","ip":"10.0.0.43"}}
  ],

  "faults": [
    {"at":"1s","kind":"writer-restart","target":"r0","for":"1s"}
  ]
}
`, string(result.Plan.Encode()))
	require.LessOrEqual(t, result.Runs, 60)
}
