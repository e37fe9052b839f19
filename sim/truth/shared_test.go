package truth

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
)

// A pod whose endpoint is made anew keeps the old one in the truth until its key is gone,
// and the new one is not taken by a deletion of the old one's key that comes late.
func TestSharedEndpointMadeAnew(t *testing.T) {
	var said []string
	s := NewShared(Cluster{Name: "c1", ID: 1}, true, func(r history.Record) {
		if r.Kind == history.Endpoint {
			said = append(said, r.Op+" "+r.Value)
		}
	})
	deleted := &history.Record{Actor: "e0", Verb: history.Del, Kind: history.Endpoint, Key: "cilium/state/ip/v1/default/10.0.0.1"}
	first := EndpointContent{ID: 1001, Host: "192.168.0.1", Namespace: "ns0", Pod: "p"}
	second := EndpointContent{ID: 1001, Host: "192.168.0.2", Namespace: "ns0", Pod: "p"}
	a, b := Endpoint("10.0.0.1", first).Value, Endpoint("10.0.0.1", second).Value

	s.Demand("ns0/p", []string{"10.0.0.1"})
	s.Assign("a0", first, []string{"k8s:app=x"})
	s.End("ns0/p")
	s.Demand("ns0/p", []string{"10.0.0.1"})
	require.Equal(t, []string{"put " + a}, said)
	s.Observe(deleted)
	require.Equal(t, []string{"put " + a, "del " + a}, said)
	s.Assign("a1", second, []string{"k8s:app=x"})
	s.Observe(deleted)
	require.Equal(t, []string{"put " + a, "del " + a, "put " + b}, said)

	said = nil
	s.End("ns0/p")
	s.Demand("ns0/p", []string{"10.0.0.1"})
	s.Assign("a0", first, []string{"k8s:app=x"})
	require.Equal(t, []string{"del " + b, "put " + a}, said, "a break, though the key was there")
}

// Where nobody collects the keys of nodes, what a key says is true once its CiliumNode is gone: the
// last change may not have been put.
func TestSharedNodeDeletedBeforeItsKeyHasItsLastChange(t *testing.T) {
	for _, c := range []struct {
		collected bool
		want      []string
	}{
		{false, []string{"put new", "put old", "put late", "del"}},
		{true, []string{"put new", "del"}},
	} {
		var said []string
		s := NewShared(Cluster{Name: "c1", ID: 1}, c.collected, func(r history.Record) {
			switch {
			case r.Op == "del":
				said = append(said, "del")
			case r.Value == "old" || r.Value == "late":
				said = append(said, "put "+r.Value)
			default:
				said = append(said, "put new")
			}
		})
		key := func(verb history.Verb, value string) {
			s.Observe(&history.Record{Actor: "e0", Verb: verb, Kind: history.Node, Key: "cilium/state/nodes/v1/c1/n0", Value: value})
		}
		key(history.Put, "old")
		said = nil
		require.NoError(t, s.Apply("k0", "CiliumNode", "n0", []byte(`{"metadata":{"name":"n0"},"spec":{"addresses":[{"type":"InternalIP","ip":"192.168.0.1"}]}}`)))
		require.NoError(t, s.Apply("k0", "CiliumNode", "n0", nil))
		key(history.Put, "late")
		key(history.Del, "")
		require.Equal(t, c.want, said, "collected: %v", c.collected)
	}
}
