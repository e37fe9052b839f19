package measure

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mixed is a run in which an agent has one address of an etcd, and another one of CRDs.
const mixed = `
1 a0 up agent - inc=1
2 k0 truth endpoint 10.0.0.1 value=p0 op=put owner=CiliumEndpointSlice/ces-0 rv=7
2 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=p0 store=aaaaaaaaaaaaaaaa rev=2
2 a0 see endpoint 10.0.0.1 value=p0 inc=1 source=crd
15 k0 truth endpoint 10.0.0.1 value=p0 op=del owner=CiliumEndpointSlice/ces-0 rv=9
15.1 a0 drop endpoint 10.0.0.1 inc=1 source=crd
19 a0 see endpoint 10.0.0.1 value=p0 inc=1 source=clustermesh
25 k0 truth endpoint 10.0.0.2 value=p1 op=put owner=CiliumEndpointSlice/ces-0 rv=12
25.1 a0 see endpoint 10.0.0.2 value=p1 inc=1 source=crd
73 world phase - heal value=6m
`

func TestLongestMixture(t *testing.T) {
	m, found := LongestMixture(records(t, mixed))
	require.True(t, found)
	require.Equal(t, Mixture{Agent: "a0", View: "10.0.0.1 as <p0> and 10.0.0.2 as <p1>", From: 25100 * time.Millisecond, To: 73 * time.Second}, m)
	require.Equal(t, "a0 had 10.0.0.1 as <p0> and 10.0.0.2 as <p1> for 47.900s, from 25.100s on, and neither CRDs nor an etcd had ever had all of that", m.String())

	const another = "AT r1 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=p0 store=b rev=2\nAT r1 put endpoint cilium/state/ip/v1/default/10.0.0.2 value=p1 store=b rev=3\n"
	for name, c := range map[string]struct {
		more, before string
		found        bool
	}{
		"for less than a second":        {"25.9 a0 drop endpoint 10.0.0.1 inc=1 source=clustermesh\n", "73 world", false},
		"it starts anew":                {"25.9 a0 up agent - inc=2\n", "73 world", false},
		"an etcd had all of it":         {strings.ReplaceAll(another, "AT", "25"), "25 k0 truth", false},
		"an etcd has all of it, later":  {strings.ReplaceAll(another, "AT", "73"), "73 world", true},
		"one that it has of one source": {"25 k0 truth endpoint 10.0.0.1 value=p0 op=put owner=CiliumEndpointSlice/ces-0 rv=11\n", "25 k0 truth", false},
	} {
		_, found := LongestMixture(records(t, strings.Replace(mixed, c.before, c.more+c.before, 1)))
		require.Equal(t, c.found, found, name)
	}
}
