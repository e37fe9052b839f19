package object

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPoliciesAreReadAsTheyAreWritten(t *testing.T) {
	pods := Selector{"app": "web", "io.kubernetes.pod.namespace": ""}
	policy := Policy{Subject: Selector{"app": "web"}, Ingress: true, Egress: true, Rules: []PolicyRule{
		{Peers: []Peer{{Pods: &pods}, {Entity: "world"}, {CIDR: "fd00::/8"}}, Ports: []string{"80/TCP", "53/UDP"}},
		{Egress: true, Deny: true, Ports: []string{"80/TCP"}}, {Egress: true}, {Deny: true, Peers: []Peer{{Entity: "all"}}},
	}}
	require.Equal(t, "subject=app=web ingress=true egress=true allow-ingress=pods:app=web&io.kubernetes.pod.namespace,entity:world,cidr:fd00::/8,port:80/TCP,port:53/UDP "+
		"deny-egress=anyone,port:80/TCP allow-egress=anyone deny-ingress=entity:all", policy.String())
	p, err := ParsePolicy(policy.String())
	require.NoError(t, err)
	require.Equal(t, policy, p)
	_, err = ParsePolicy("allow-ingress=fish:1")
	require.ErrorContains(t, err, `"fish:1"; want anyone, pods:, entity:, cidr: or port:`)
	require.True(t, pods.Matches(Labels{"k8s:app": "web", "k8s:io.kubernetes.pod.namespace": "ns1"}))
	require.False(t, pods.Matches(Labels{"k8s:app": "web"}))
	require.False(t, pods.Matches(Labels{"k8s:app": "api", "k8s:io.kubernetes.pod.namespace": "ns1"}))
}
