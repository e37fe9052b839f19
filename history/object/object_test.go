package object

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
)

func TestFormsAreReadAsTheyAreWritten(t *testing.T) {
	pod := Pod{UID: "u", Node: "n0", HostIP: "192.168.0.1", Phase: "Running", IPs: []string{"10.0.0.1", "fd00::1"}, ServiceAccount: "default", HostNetwork: true, Ending: true,
		Labels: Labels{"app": "web", "empty": "", "odd": "a,b c%2C"}}
	namespace := Namespace{Labels: Labels{"kubernetes.io/metadata.name": "shop"}, Hidden: true}
	identity := Identity{Labels: Labels{"k8s:app": "web"}, Marked: true}
	endpoint := Endpoint{Identity: "65792", IPs: []string{"10.0.0.1"}}
	slice := Slice{Namespace: "shop", Endpoints: []Endpoint{{Name: "web-0", Identity: "65792", IPs: []string{"10.0.0.1", "fd00::1"}}, {Name: "web-1", Identity: "0"}}}
	lease := Lease{Holder: "o0-1", Seconds: 15}

	require.Equal(t, "namespace=shop endpoint=web-0,65792,10.0.0.1,fd00::1 endpoint=web-1,0", slice.String())
	require.Equal(t, "holder=o0-1 seconds=15", lease.String())

	p, err := ParsePod(pod.String())
	require.NoError(t, err)
	require.Equal(t, pod, p)
	n, err := ParseNamespace(namespace.String())
	require.NoError(t, err)
	require.Equal(t, namespace, n)
	i, err := ParseIdentity(identity.String())
	require.NoError(t, err)
	require.Equal(t, identity, i)
	e, err := ParseEndpoint(endpoint.String())
	require.NoError(t, err)
	require.Equal(t, endpoint, e)
	s, err := ParseSlice(slice.String())
	require.NoError(t, err)
	require.Len(t, s.Endpoints, 2)
	require.Equal(t, slice.String(), s.String())
	l, err := ParseLease(lease.String())
	require.NoError(t, err)
	require.Equal(t, lease, l)

	empty, err := ParsePod(Pod{}.String())
	require.NoError(t, err)
	require.Zero(t, empty)
}

func TestWhatIsNotAFormIsRefused(t *testing.T) {
	for _, form := range []string{"colour=red", "node", "ending=perhaps", "labels=app"} {
		_, err := ParsePod(form)
		require.Error(t, err, form)
	}
	_, err := ParseSlice("endpoint=web-0")
	require.ErrorContains(t, err, "want a name, an identity and addresses")
	_, err = ParseLease("seconds=soon")
	require.Error(t, err)
}

// Cilium's agent asks for an identity with labels of the pod's named ports, which is one of the pod's labels too.
func TestIdentitiesWithNamedPortsAreOfTheirPods(t *testing.T) {
	records, err := history.Parse(`
1 k0 write Pod ns1/web value="node=n0 account=default labels=app=web" op=create peer=w0 rv=1
2 k0 write CiliumIdentity 65537 value=labels=gen:io.cilium.k8s.named-ports=http.TCP.80,k8s:app=web,k8s:io.cilium.k8s.policy.cluster=c1,k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=ns1 op=create peer=o0 rv=2
3 k0 write CiliumIdentity 65538 value=labels=gen:io.cilium.k8s.named-ports=http.TCP.80,k8s:app=api,k8s:io.cilium.k8s.policy.cluster=c1,k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=ns1 op=create peer=o0 rv=3
`)
	require.NoError(t, err)
	s := NewState("{}")
	for i := range records {
		_, err := s.Apply(i, &records[i])
		require.NoError(t, err)
	}
	require.Equal(t, []string{"65537"}, s.Numbers(s.Pods["ns1/web"].Demands))
}
