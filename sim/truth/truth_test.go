package truth

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
)

// c1 is the cluster of the tests.
var c1 = Cluster{"c1", 1}

func TestFromObject(t *testing.T) {
	for _, c := range []struct {
		name, kind, object string
		slices             bool
		want               []Entry
	}{
		{"identity", "CiliumIdentity", `{"metadata":{"name":"65537"},"security-labels":{"k8s:b":"2","k8s:a":"1"}}`, true,
			[]Entry{{"identity", "65537", "k8s:a=1;k8s:b=2"}}},
		{"identity without labels", "CiliumIdentity", `{"metadata":{"name":"65537"}}`, true, nil},
		{"node", "CiliumNode", `{"metadata":{"name":"n1"},"spec":{"addresses":[{"type":"InternalIP","ip":"192.168.0.1"},{"type":"CiliumInternalIP","ip":"10.0.0.1"}]}}`, true,
			[]Entry{{"node", "n1", "InternalIP=192.168.0.1 CiliumInternalIP=10.0.0.1 cluster=c1/1"}}},
		{"slice", "CiliumEndpointSlice", `{"metadata":{"name":"ces-a"},"namespace":"ns1","endpoints":[
			{"name":"p0","id":65537,"networking":{"addressing":[{"ipv4":"10.0.0.5","ipv6":"fd00::5"}],"node":"192.168.0.1"},"encryption":{"key":3},"named-ports":[{"name":"http","port":8080,"protocol":"TCP"}]},
			{"name":"p1","id":65538}]}`, true,
			[]Entry{
				{"endpoint", "10.0.0.5", "id=65537 host=192.168.0.1 pod=ns1/p0 key=3 ports=http:8080/TCP"},
				{"endpoint", "fd00::5", "id=65537 host=192.168.0.1 pod=ns1/p0 key=3 ports=http:8080/TCP"},
			}},
		{"slice where endpoints count", "CiliumEndpointSlice", `{"endpoints":[{"name":"p0"}]}`, false, nil},
		{"endpoint", "CiliumEndpoint", `{"metadata":{"name":"p0","namespace":"ns1"},"status":{"identity":{"id":65537},"networking":{"addressing":[{"ipv4":"10.0.0.5"}],"node":"192.168.0.1"}}}`, false,
			[]Entry{{"endpoint", "10.0.0.5", "id=65537 host=192.168.0.1 pod=ns1/p0"}}},
		{"endpoint where slices count", "CiliumEndpoint", `{}`, true, nil},
		{"pod", "Pod", `{}`, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got, err := FromObject(c.kind, []byte(c.object), c.slices, c1)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	_, _, err := FromObject("CiliumEndpointSlice", []byte(`{"endpoints":[{"name":"p0","networking":{"addressing":[{"ipv4":"10.0.0.500"}]}}]}`), true, c1)
	require.ErrorContains(t, err, "endpoint p0: ")
}

func TestFromEtcdAgreesWithFromObject(t *testing.T) {
	for _, c := range []struct{ key, value, kind, content string }{
		{"cilium/state/identities/v1/id/65537", "k8s:a=1;k8s:b=2;", history.Identity, "k8s:a=1;k8s:b=2"},
		{"cilium/state/ip/v1/default/10.0.0.5", `{"IP":"10.0.0.5","Mask":null,"HostIP":"192.168.0.1","ID":65537,"Key":0,"Metadata":"","K8sNamespace":"ns1","K8sPodName":"p0"}`, history.Endpoint, "id=65537 host=192.168.0.1 pod=ns1/p0"},
		{"cilium/state/nodes/v1/c1/n1", `{"Name":"n1","Cluster":"c1","ClusterID":1,"IPAddresses":[{"Type":"InternalIP","IP":"192.168.0.1"},{"Type":"CiliumInternalIP","IP":"10.0.0.1"}]}`, history.Node, "InternalIP=192.168.0.1 CiliumInternalIP=10.0.0.1 cluster=c1/1"},
		{"cilium/state/nodes/v1/c1/n1", ``, history.Node, ""},
		{"cilium/.heartbeat", "2000-01-01T00:00:00Z", history.Meta, "2000-01-01T00:00:00Z"},
		{"cilium/state/nodes/v1/c1/n1", `{`, history.Meta, "{"},
	} {
		kind, content := FromEtcd(c.key, []byte(c.value))
		require.Equal(t, c.kind, kind, c.key)
		require.Equal(t, c.content, content, c.key)
	}
}

func TestLedger(t *testing.T) {
	l := NewLedger()
	a, a2, b := Entry{"endpoint", "10.0.0.1", "old"}, Entry{"endpoint", "10.0.0.1", "new"}, Entry{"endpoint", "10.0.0.2", "x"}
	put := func(e Entry, owner string) history.Record {
		return history.Record{Verb: history.Truth, Op: "put", Kind: e.Kind, Key: e.Key, Value: e.Value, Owner: owner}
	}
	del := func(e Entry, owner string) history.Record {
		r := put(e, owner)
		r.Op = "del"
		return r
	}
	require.Equal(t, []history.Record{put(a, "o"), put(b, "o")}, l.Set("o", []Entry{a, b}))
	require.Empty(t, l.Set("o", []Entry{b, a}), "nothing changed but the order")
	require.Equal(t, []history.Record{put(a2, "o"), del(b, "o")}, l.Set("o", []Entry{a, a2, a2}), "the later of two counts")
	require.Equal(t, []history.Record{put(a, "p")}, l.Set("p", []Entry{a}), "another owner has its own claim")
	require.Equal(t, []history.Record{del(a2, "o")}, l.Set("o", nil))
	require.Empty(t, l.Set("o", nil))
}

func TestScope(t *testing.T) {
	s := NewScope(c1, true, true)
	apply := func(kind, key, content string) (ops []string) {
		var raw []byte
		if content != "" {
			raw = []byte(content)
		}
		changes, err := s.Apply(kind, key, raw)
		require.NoError(t, err)
		for _, c := range changes {
			ops = append(ops, c.Op+" "+c.Kind+" "+c.Key)
		}
		return ops
	}
	const identity = `{"metadata":{"name":"65537"},"security-labels":{"k8s:io.kubernetes.pod.namespace":"ns1"}}`
	const slice = `{"metadata":{"name":"ces-a"},"namespace":"ns1","endpoints":[{"name":"p0","networking":{"addressing":[{"ipv4":"10.0.0.5"}]}}]}`

	require.Empty(t, apply("CiliumIdentity", "65537", identity), "its namespace does not exist")
	require.Equal(t, []string{"put node n1"}, apply("CiliumNode", "n1", `{"metadata":{"name":"n1"}}`), "nodes have no namespace")
	require.Equal(t, []string{"put identity 65537"}, apply("Namespace", "ns1", `{}`))
	require.Equal(t, []string{"put endpoint 10.0.0.5"}, apply("CiliumEndpointSlice", "ces-a", slice))
	require.Empty(t, apply("Namespace", "ns1", `{"metadata":{"labels":{"a":"b"}}}`))
	require.Equal(t, []string{"del endpoint 10.0.0.5", "del identity 65537"}, apply("Namespace", "ns1", `{"metadata":{"annotations":{"clustermesh.cilium.io/global":"false"}}}`))
	require.Equal(t, []string{"put endpoint 10.0.0.5", "put identity 65537"}, apply("Namespace", "ns1", `{}`))
	require.Equal(t, []string{"del identity 65537"}, apply("CiliumIdentity", "65537", ""))
	require.Equal(t, []string{"del endpoint 10.0.0.5"}, apply("Namespace", "ns1", ""))
	require.Empty(t, apply("CiliumEndpointSlice", "ces-a", ""))
	require.Empty(t, apply("Pod", "ns1/p0", `{}`))
	_, err := s.Apply("CiliumNode", "n2", []byte("{"))
	require.ErrorContains(t, err, "CiliumNode/n2: ")
}

// Who reads the objects themselves does not ask what their namespace exports.
func TestScopeOfObjectsThemselves(t *testing.T) {
	s := NewScope(c1, true, false)
	identity := []byte(`{"metadata":{"name":"65537"},"security-labels":{"k8s:io.kubernetes.pod.namespace":"ns1"}}`)
	changes, err := s.Apply("CiliumIdentity", "65537", identity)
	require.NoError(t, err)
	require.Len(t, changes, 1)
	for _, namespace := range [][]byte{[]byte(`{"metadata":{"annotations":{"clustermesh.cilium.io/global":"false"}}}`), nil} {
		changes, err = s.Apply("Namespace", "ns1", namespace)
		require.NoError(t, err)
		require.Empty(t, changes)
	}
}

// However an object writes it, it is what Cilium shows.
func TestCanonicalContent(t *testing.T) {
	identity := `{"metadata":{"name":"65800"},"security-labels":{"k8s:flag":"","k8s:app":"a","k8s:io.kubernetes.pod.namespace":"ns0"}}`
	_, entries, err := FromObject("CiliumIdentity", []byte(identity), false, c1)
	require.NoError(t, err)
	_, stored := FromEtcd("cilium/state/identities/v1/id/65800", []byte("k8s:app=a;k8s:flag=;k8s:io.kubernetes.pod.namespace=ns0;"))
	require.Equal(t, stored, entries[0].Value)
	require.Equal(t, "k8s:app=a;k8s:flag;k8s:io.kubernetes.pod.namespace=ns0", entries[0].Value)

	_, entries, err = FromObject("CiliumNode", []byte(`{"metadata":{"name":"n6"},"spec":{"addresses":[{"type":"InternalIP","ip":"FD00::1"}]}}`), false, c1)
	require.NoError(t, err)
	require.Equal(t, []Entry{{"node", "n6", "InternalIP=fd00::1 cluster=c1/1"}}, entries)

	endpoint := `{"metadata":{"name":"b","namespace":"ns0"},"status":{"identity":{"id":1},"networking":{"addressing":[{"ipv6":"::ffff:10.0.0.9"}],"node":"FD00:0::1"}}}`
	_, entries, err = FromObject("CiliumEndpoint", []byte(endpoint), false, c1)
	require.NoError(t, err)
	require.Equal(t, []Entry{{"endpoint", "10.0.0.9", "id=6 host=fd00::1 pod=ns0/b"}}, entries, "a host is a remote node to others")
}

func TestWhatIsNotExported(t *testing.T) {
	for value, exported := range map[string]bool{"False": false, "no": false, "true": true, "TRUE": true, "": false} {
		s := NewScope(c1, false, true)
		_, err := s.Apply("Namespace", "ns0", []byte(`{"metadata":{"annotations":{"clustermesh.cilium.io/global":"`+value+`"}}}`))
		require.NoError(t, err)
		require.Equal(t, exported, s.namespaces["ns0"], value)
	}
	identity := []byte(`{"metadata":{"name":"65801"},"security-labels":{"k8s:app":"x"}}`)
	for exported, want := range map[bool]int{true: 0, false: 1} {
		changes, err := NewScope(c1, false, exported).Apply("CiliumIdentity", "65801", identity)
		require.NoError(t, err)
		require.Len(t, changes, want, "an identity that does not say its namespace, exported %v", exported)
	}
}
