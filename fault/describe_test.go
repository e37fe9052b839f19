package fault

import (
	"encoding/json"
	"strings"
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
hosts     k0 a kube-apiserver, r0 a replica, a0 an agent, w0 the workload's clients
faults    4, at times from the start of the churn; then the heal, and all views must converge within 360s
    10.000s  (1) replica r0 is lost; 5s later a new one starts with an empty etcd
    12.000s  (2) messages from a0 to r1 are lost for 5s
    20.000s  (3) the connections between r1 and k0 are reset
    30.000s  (4) kube-apiserver k0 stops gracefully and starts again after 5s`, Describe(p))
}

// A reader of a plan from a dump asks what becomes of his pods and nodes.
func TestDescribeObjects(t *testing.T) {
	p, err := Read("small", []byte(small))
	require.NoError(t, err)
	line := func(i int) string { return strings.Split(Describe(p), "\n")[i] }
	p.Objects = []json.RawMessage{
		json.RawMessage(`{"kind":"CiliumNode","metadata":{"name":"worker-a"}}`),
		json.RawMessage(`{"kind":"CiliumEndpoint","metadata":{"namespace":"shop","name":"a"}}`),
		json.RawMessage(`{"kind":"Pod","metadata":{"namespace":"shop","name":"a"}}`),
	}
	p.Topology.Nodes, p.Pods = 0, nil
	require.Equal(t, "topology  1 kube-apiserver, 2 replicas, 2 agents, 1 node given (the agents run on n0, n1, none of these); latency 200us to 2ms", line(1))
	require.Contains(t, line(3), "workload  3 objects given; ops on 0 of your 1 pod; no other pods at the start; 6 ops in 60s: ")
	p.Topology.Agents = 5
	p.Pods = []Pod{{Namespace: "jobs", Name: "b"}}
	p.Objects = append(p.Objects, json.RawMessage(`{"kind":"Pod","metadata":{"namespace":"shop","name":"c"}}`), json.RawMessage(`{"kind":"CiliumNode","metadata":{"name":"n4"}}`))
	require.Equal(t, "topology  1 kube-apiserver, 2 replicas, 5 agents, 2 nodes given (the agents run on n0, n1, n2 and 2 more); latency 200us to 2ms", line(1))
	require.Contains(t, line(3), "workload  5 objects given; ops on 0 of your 2 pods; 1 pod in 1 namespace at the start; 6 ops in 60s: ")
}

func TestEveryKindHasASentence(t *testing.T) {
	for i := range Specs {
		s := &Specs[i]
		f := Fault{Kind: s.Kind, Peer: "y9", For: 5, Count: 3}
		switch {
		case s.Group == Many:
			f.Targets = []string{"x9", "x8"}
		case len(s.Targets) > 0:
			f.Target = "x9"
		}
		if len(s.Targets) > 0 {
			require.Contains(t, f.Sentence(), "x9", s.Kind)
		}
		if s.Link {
			require.Contains(t, f.Sentence(), "y9", s.Kind)
		}
		require.NotContains(t, f.Sentence(), string(s.Kind)+" on", s.Kind)
		require.NotContains(t, f.Sentence(), "%!", s.Kind)
		require.NotEmpty(t, s.Summary)
		require.Contains(t, Text(), s.Summary)
	}
}

func TestTriggersHaveSentences(t *testing.T) {
	for want, trigger := range map[string]Trigger{
		"when r0 has put 40 % of its first sync":               {Event: EtcdSync, Actor: "r0", Percent: 40},
		"when a3 is about to watch identity":                   {Event: EtcdWatch, Actor: "a3", Kind: "identity"},
		"when r0 is about to put identity-canary":              {Event: EtcdPut, Actor: "r0", Kind: "identity-canary"},
		"when o0 is about to write something for the 2nd time": {Event: KubeWrite, Actor: "o0", Nth: 2},
		"when r1 becomes ready for the 11th time":              {Event: Ready, Actor: "r1", Nth: 11},
		"when a0 has seen endpoint for the 21st time":          {Event: See, Actor: "a0", Kind: "endpoint", Nth: 21},
	} {
		require.Equal(t, want, trigger.String())
	}
	f := Fault{Kind: ReplicaLoss, Target: "r0", For: 5 * second, When: &Trigger{Event: Ready, Actor: "r0"}}
	require.Equal(t, "when r0 becomes ready: replica r0 is lost; 5s later a new one starts with an empty etcd", f.Sentence())
}
