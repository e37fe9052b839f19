package workload

import (
	"encoding/json"
	"testing"

	"github.com/cilium/hive/hivetest"
	"github.com/stretchr/testify/require"

	"github.com/cilium/cilium/pkg/k8s"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	slim_networkingv1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/networking/v1"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// What a plan says of a policy is what its object says, and that is one that Cilium takes.
func TestPoliciesAreWrittenAsTheyArePlanned(t *testing.T) {
	everything := fault.Policy{
		Namespace: "ns0", Name: "p", App: "web",
		Ingress: []fault.PolicyRule{{Peers: []fault.Peer{"pods:api", "pods:ns1/*", "pods:*/db", "cidr:10.9.0.0/16"}, Ports: []fault.PolicyPort{"80/TCP"}}, {Ports: []fault.PolicyPort{"53/UDP"}}},
		Egress:  []fault.PolicyRule{},
	}
	cilium, ofAll, kubernetes := everything, everything, everything
	cilium.Kind, cilium.DenyEgress = fault.CiliumPolicy, []fault.PolicyRule{{Peers: []fault.Peer{"entity:world"}}}
	ofAll.Kind, ofAll.Namespace, ofAll.App = fault.ClusterwidePolicy, "", ""
	ofAll.Ingress = []fault.PolicyRule{{Peers: []fault.Peer{"pods:*/*", "entity:host"}}}
	kubernetes.Kind = fault.KubernetesPolicy
	for _, c := range []struct {
		policy fault.Policy
		object interface{}
		says   string
	}{
		{cilium, &v2.CiliumNetworkPolicy{}, "subject=app=web&io.kubernetes.pod.namespace=ns0 ingress=true egress=true " +
			"allow-ingress=pods:app=api&io.kubernetes.pod.namespace=ns0,pods:io.kubernetes.pod.namespace=ns1,pods:app=db&io.kubernetes.pod.namespace,port:80/TCP " +
			"allow-ingress=cidr:10.9.0.0/16,port:80/TCP allow-ingress=anyone,port:53/UDP deny-egress=entity:world"},
		{ofAll, &v2.CiliumClusterwideNetworkPolicy{}, "subject=io.kubernetes.pod.namespace ingress=true egress=true " +
			"allow-ingress=pods:io.kubernetes.pod.namespace allow-ingress=entity:host"},
		{kubernetes, &slim_networkingv1.NetworkPolicy{}, "subject=app=web&io.kubernetes.pod.namespace=ns0 ingress=true egress=true " +
			"allow-ingress=pods:app=api&io.kubernetes.pod.namespace=ns0,pods:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=ns1,pods:app=db&io.kubernetes.pod.namespace,cidr:10.9.0.0/16,port:80/TCP " +
			"allow-ingress=anyone,port:53/UDP"},
	} {
		t.Run(string(c.policy.Kind), func(t *testing.T) {
			raw, err := json.Marshal(writtenPolicy(&c.policy))
			require.NoError(t, err)
			said, err := truth.Said(string(c.policy.Kind), raw)
			require.NoError(t, err)
			require.Equal(t, c.says, said)
			require.NoError(t, json.Unmarshal(raw, c.object))
			switch o := c.object.(type) {
			case *v2.CiliumNetworkPolicy:
				_, err = o.Parse(hivetest.Logger(t), "c1")
			case *v2.CiliumClusterwideNetworkPolicy:
				_, err = o.Parse(hivetest.Logger(t), "c1")
			case *slim_networkingv1.NetworkPolicy:
				_, err = k8s.ParseNetworkPolicy(hivetest.Logger(t), "c1", o)
			}
			require.NoError(t, err)
		})
	}
}
