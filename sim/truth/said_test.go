package truth

import (
	"testing"

	"github.com/cilium/hive/hivetest"
	"github.com/stretchr/testify/require"

	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"

	"github.com/meshcheck/meshcheck/model/schema"
)

func TestSaid(t *testing.T) {
	for _, c := range []struct{ kind, content, want string }{
		{"Pod", `{"metadata":{"name":"web-0","namespace":"shop","uid":"u1","labels":{"app":"web"}},"spec":{"nodeName":"n0","serviceAccountName":"default"},"status":{"phase":"Running","hostIP":"192.168.0.1","podIPs":[{"ip":"10.0.0.1"},{"ip":"FD00::1"}]}}`,
			"uid=u1 node=n0 host=192.168.0.1 phase=Running ips=10.0.0.1,fd00::1 account=default labels=app=web"},
		{"Pod", `{"metadata":{"name":"web-0","namespace":"shop","deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"hostNetwork":true}}`, "hostnetwork=true ending=true"},
		{"Namespace", `{"metadata":{"name":"shop","labels":{"team":"a"},"annotations":{"clustermesh.cilium.io/global":"false"}}}`, "hidden=true labels=team=a"},
		{"Namespace", `{"metadata":{"name":"shop","annotations":{"clustermesh.cilium.io/global":"True"}}}`, ""},
		{"CiliumIdentity", `{"metadata":{"name":"65792","annotations":{"io.cilium.heartbeat":"2026-01-01T00:00:00Z"}},"security-labels":{"k8s:app":"web"}}`, "marked=true labels=k8s:app=web"},
		{"CiliumEndpoint", `{"metadata":{"name":"web-0","namespace":"shop"},"status":{"identity":{"id":65792},"networking":{"addressing":[{"ipv4":"10.0.0.1"}],"node":"192.168.0.1"}}}`, "identity=65792 ips=10.0.0.1"},
		{"CiliumEndpointSlice", `{"metadata":{"name":"ces-1"},"namespace":"shop","endpoints":[{"name":"web-0","id":65792,"networking":{"addressing":[{"ipv4":"10.0.0.1","ipv6":"fd00::1"}]}},{"name":"web-1"}]}`,
			"namespace=shop endpoint=web-0,65792,10.0.0.1,fd00::1 endpoint=web-1,0"},
		{"Lease", `{"metadata":{"name":"cilium-operator-resource-lock"},"spec":{"holderIdentity":"o0-1","leaseDurationSeconds":15}}`, "holder=o0-1 seconds=15"},
		{"CiliumNetworkPolicy", `{"metadata":{"name":"p","namespace":"shop"},"spec":{"endpointSelector":{"matchLabels":{"app":"web"}},"ingress":[{"fromEndpoints":[{"matchLabels":{"k8s:app":"api","k8s:io.kubernetes.pod.namespace":"back"}},{}],"toPorts":[{"ports":[{"port":"80","protocol":"TCP"}]}]}],"egressDeny":[{"toCIDR":["10.1.0.0/16"]},{"toEntities":["world"]}]}}`,
			"subject=app=web&io.kubernetes.pod.namespace=shop ingress=true egress=true allow-ingress=pods:app=api&io.kubernetes.pod.namespace=back,pods:io.kubernetes.pod.namespace=shop,port:80/TCP deny-egress=cidr:10.1.0.0/16 deny-egress=entity:world"},
		{"CiliumClusterwideNetworkPolicy", `{"metadata":{"name":"p"},"spec":{"endpointSelector":{},"ingress":[{}],"egress":[{"toPorts":[{"ports":[{"port":"53","protocol":"UDP"}]}]}]}}`,
			"subject=io.kubernetes.pod.namespace ingress=true egress=true allow-egress=anyone,port:53/UDP"},
		{"NetworkPolicy", `{"metadata":{"name":"p","namespace":"shop"},"spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"api"}},"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"back"}}},{"ipBlock":{"cidr":"10.0.0.0/8"}},{"namespaceSelector":{}}],"ports":[{"port":80,"protocol":"TCP"}]},{}]}}`,
			"subject=io.kubernetes.pod.namespace=shop ingress=true allow-ingress=pods:app=api&io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=back,cidr:10.0.0.0/8,pods:io.kubernetes.pod.namespace,port:80/TCP allow-ingress=anyone"},
		{"CiliumNode", `{"metadata":{"name":"n0"}}`, ""},
	} {
		said, err := Said(c.kind, []byte(c.content))
		require.NoError(t, err, c.content)
		require.Equal(t, c.want, said)
	}
	_, err := Said("Pod", []byte(`{"metadata":1}`))
	require.ErrorContains(t, err, "Pod: ")
}

// TestSecurityLabels holds that a pod demands the identity that Cilium gives it.
func TestSecurityLabels(t *testing.T) {
	require.NoError(t, labelsfilter.ParseLabelPrefixCfg(hivetest.Logger(t), nil, nil, ""))
	pod := map[string]string{}
	for _, name := range []string{"app", "app.kubernetes.io/name", "pod-template-hash", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "batch.kubernetes.io/controller-uid",
		"batch.kubernetes.io/job-completion-index", "controller-revision-hash", "controller-uid", "k8s.io/x", "kubernetes.io/arch", "failure-domain.beta.kubernetes.io/zone",
		"topology.kubernetes.io/zone", "etcd_node", "annotation.x", "io.kubernetes.x", "tier", "example.com/team", "pod-template-generation"} {
		pod[name] = "v"
	}
	namespace := map[string]string{"kubernetes.io/metadata.name": "shop", "team": "a"}
	all := labels.Map2Labels(pod, labels.LabelSourceK8s)
	all.MergeLabels(labels.Map2Labels(map[string]string{
		"io.kubernetes.pod.namespace": "shop", "io.cilium.k8s.policy.cluster": "c1", "io.cilium.k8s.policy.serviceaccount": "default",
		"io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": "shop", "io.cilium.k8s.namespace.labels.team": "a",
	}, labels.LabelSourceK8s))
	want, _ := labelsfilter.Filter(all)
	got := map[string]string{}
	for name, value := range schema.SecurityLabels("c1", "shop", "default", pod, namespace) {
		got[name] = value
	}
	asMap := map[string]string{}
	for _, l := range want {
		asMap[l.GetExtendedKey()] = l.Value
	}
	require.Equal(t, asMap, got)
}
