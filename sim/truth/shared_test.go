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
