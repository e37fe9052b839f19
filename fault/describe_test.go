package fault

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	p, err := Read("small", []byte(small))
	require.NoError(t, err)
	require.Equal(t, `mode      clustermesh, cluster 1, endpoints as CiliumEndpoints; seed 7, preemption never
topology  1 kube-apiserver, 2 replicas, 2 agents, 4 nodes; latency 200us to 2ms
limits    writer 50 requests/s (10000 at the start), agent 20 requests/s
workload  1 pod in 1 namespace at the start; 6 ops in 60s: 1 pod-create, 1 pod-delete, 1 pod-relabel, 1 node-create, 1 node-delete, 1 namespace-delete
faults    4; then the heal, and all views must converge within 360s
    10.000s  replica r0 is lost; 5s later a new one starts with an empty etcd
    12.000s  messages from a0 to r1 are lost for 5s
    20.000s  the connections between r1 and k0 are reset
    30.000s  kube-apiserver k0 restarts after 5s; its watch cache starts 10s behind`, Describe(p))
}

func TestEveryKindHasASentence(t *testing.T) {
	for _, kind := range Kinds {
		f := Fault{Kind: kind, Target: "x9", Peer: "y9", For: 5}
		require.Contains(t, f.Sentence(), "x9", kind)
		require.NotContains(t, f.Sentence(), string(kind)+" on", kind)
	}
}
