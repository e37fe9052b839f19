package fault

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mode"
)

const withPolicies = `{
  "version": 2,
  "seed": 7,
  "mode": "crd",
  "topology": {"apiservers": 1, "replicas": 0, "agents": 1, "nodes": 1},
  "network": {"latencyMin": "1ms", "latencyMax": "2ms"},
  "options": {"writerQPS": 50, "writerBootstrapQPS": 10000, "agentQPS": 20, "endpointSlices": true, "clusterID": 1, "clusterName": "c1", "agents": "whole", "preempt": 0},
  "churn": "60s",
  "settle": "360s",
  "policies": [
    {"kind": "CiliumNetworkPolicy", "namespace": "ns0", "name": "web", "app": "web", "ingress": [{"peers": ["pods:api", "pods:ns1/*", "entity:world", "cidr:10.9.0.0/16"], "ports": ["80/TCP"]}]},
    {"kind": "CiliumClusterwideNetworkPolicy", "name": "all", "egress": [], "denyIngress": [{"peers": ["pods:*/db"]}]}
  ],
  "ops": [
    {"at": "1s", "op": "policy-create", "policy": {"kind": "NetworkPolicy", "namespace": "ns2", "name": "np", "ingress": [{"ports": ["53/UDP"]}]}},
    {"at": "2s", "op": "policy-update", "policy": {"kind": "NetworkPolicy", "namespace": "ns2", "name": "np", "ingress": []}},
    {"at": "3s", "op": "policy-delete", "policy": {"kind": "CiliumNetworkPolicy", "namespace": "ns0", "name": "web"}}
  ]
}
`

func TestPolicies(t *testing.T) {
	p, err := Read("p.json", []byte(withPolicies))
	require.NoError(t, err)
	read, err := Read("p.json", p.Encode())
	require.NoError(t, err)
	require.Equal(t, p, read)
	require.True(t, p.HasPolicies())
	require.NotNil(t, p.Policies[1].Egress, "an empty list says that nothing goes out")
	require.Nil(t, p.Policies[1].Ingress)
	require.Contains(t, Describe(p), "2 network policies")
	for _, other := range []*Plan{WithAgents(p, ""), Project(p, string(mode.ClusterMesh))} {
		require.False(t, other.HasPolicies(), "nobody enforces them there")
	}
	require.True(t, WithAgents(p, WholeAgent).HasPolicies())
	p.Policies = p.Policies[1:]
	p.Repair()
	require.Len(t, p.Ops, 2, "what deletes a policy that is not there goes")
}

func TestPoliciesThatCannotBe(t *testing.T) {
	edit := func(old, new string) string {
		require.Contains(t, withPolicies, old)
		return strings.Replace(withPolicies, old, new, 1)
	}
	for name, test := range map[string]struct{ text, want string }{
		"nobody enforces":   {edit(`"agents": "whole", `, ``), "policies: no agent of the plan enforces policies: an assembled one only reads; want a whole agent in options.agents, or no policy"},
		"kind":              {edit(`"kind": "NetworkPolicy"`, `"kind": "Policy"`), `ops[0].policy.kind: found "Policy"; want CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy or NetworkPolicy`},
		"namespace":         {edit(`"CiliumNetworkPolicy", "namespace": "ns0"`, `"CiliumNetworkPolicy"`), `policies[0].namespace: "" is not a name that Kubernetes accepts for a namespace, and a CiliumNetworkPolicy has one`},
		"of the cluster":    {edit(`"name": "all"`, `"namespace": "ns0", "name": "all"`), "policies[1].namespace: a CiliumClusterwideNetworkPolicy has no namespace"},
		"twice":             {edit(`"kind": "NetworkPolicy", "namespace": "ns2", "name": "np", "ingress": [{"ports"`, `"kind": "CiliumNetworkPolicy", "namespace": "ns0", "name": "web", "ingress": [{"ports"`), "ops[0].policy.name: the policy CiliumNetworkPolicy ns0/web exists already at that time"},
		"missing":           {edit(`"namespace": "ns2", "name": "np", "ingress": []`, `"namespace": "ns2", "name": "n", "ingress": []`), "ops[1].policy.name: the policy NetworkPolicy ns2/n does not exist at that time"},
		"says nothing":      {edit(`"name": "np", "ingress": []`, `"name": "np"`), "ops[1].policy: a policy says something of ingress or of egress; an empty list lets nothing through"},
		"more to delete":    {edit(`"name": "web"}`, `"name": "web", "app": "web"}`), "ops[2].policy: a policy-delete takes the policy's kind, namespace and name only"},
		"no policy":         {edit(`"policy": {"kind": "CiliumNetworkPolicy", "namespace": "ns0", "name": "web"}`, `"name": "web"`), "ops[2].policy: a policy-delete needs the policy"},
		"of a node":         {edit(`"op": "policy-delete"`, `"op": "node-delete", "name": "n5"`), "ops[2].policy: a node-delete concerns no policy"},
		"denies":            {edit(`"name": "np", "ingress": []`, `"name": "np", "denyIngress": [{"ports": ["1/TCP"]}]`), "ops[1].policy: a NetworkPolicy has no rules that deny; want a CiliumNetworkPolicy or a CiliumClusterwideNetworkPolicy"},
		"empty rule":        {edit(`[{"ports": ["53/UDP"]}]`, `[{}]`), "ops[0].policy.ingress[0]: a rule names peers, ports or both"},
		"port":              {edit(`"53/UDP"`, `"dns/UDP"`), `ops[0].policy.ingress[0].ports[0]: found "dns/UDP"; want a port and its protocol, such as "8080/TCP"`},
		"peer":              {edit(`"pods:api"`, `"api"`), `policies[0].ingress[0].peers[0]: found "api"; want "pods:app", "entity:world" or "cidr:10.0.0.0/8"`},
		"pods of nobody":    {edit(`"pods:*/db"`, `"pods:db"`), `policies[1].denyIngress[0].peers[0]: found "pods:db"; a CiliumClusterwideNetworkPolicy has no namespace, so that pods need theirs, such as "pods:*/web"`},
		"pods":              {edit(`"pods:api"`, `"pods:a/b/c"`), `policies[0].ingress[0].peers[0]: found "pods:a/b/c"; want pods as "pods:app", or with a namespace as "pods:ns1/app", each a name or *`},
		"entity":            {edit(`"entity:world"`, `"entity:moon"`), `policies[0].ingress[0].peers[2]: found "entity:moon"; the entities are all, world, cluster, host, remote-node`},
		"entity for others": {edit(`[{"ports": ["53/UDP"]}]`, `[{"peers": ["entity:world"]}]`), `ops[0].policy.ingress[0].peers[0]: found "entity:world"; a NetworkPolicy knows no entities`},
		"network":           {edit(`"cidr:10.9.0.0/16"`, `"cidr:10.9.1.0/16"`), `policies[0].ingress[0].peers[3]: found "cidr:10.9.1.0/16"; want a network as "cidr:10.0.0.0/8", without bits behind its length, which is not 0`},
		"its namespace":     {edit(`"op": "policy-delete", "policy": {"kind": "CiliumNetworkPolicy", "namespace": "ns0", "name": "web"}`, `"op": "namespace-delete", "name": "ns0"`), "ops[2].name: the namespace ns0 holds the policy CiliumNetworkPolicy ns0/web at that time"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read("p.json", []byte(test.text))
			require.Error(t, err)
			_, sentence, _ := strings.Cut(strings.TrimPrefix(err.Error(), "p.json:"), ": ")
			require.Equal(t, test.want, sentence)
		})
	}
}
