package object

import (
	"testing"

	"github.com/stretchr/testify/require"
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
