package truth

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sliceOf returns a CiliumEndpointSlice of ns1 with endpoints given as "pod ip id".
func sliceOf(endpoints ...string) string {
	var parts []string
	for _, e := range endpoints {
		var pod, ip string
		var id int
		fmt.Sscan(e, &pod, &ip, &id)
		parts = append(parts, fmt.Sprintf(`{"name":%q,"id":%d,"networking":{"addressing":[{"ipv4":%q}],"node":"h"}}`, pod, id, ip))
	}
	return `{"namespace":"ns1","endpoints":[` + strings.Join(parts, ",") + `]}`
}

// What the operator does to slices: endpoints join and leave them, one may stand in
// two for a while, and an address may pass from one pod to another in any order of
// the two writes.
func TestEndpointsOfSlices(t *testing.T) {
	a1, a2, b := Entry{"endpoint", "10.0.0.1", "id=100 host=h pod=ns1/a"}, Entry{"endpoint", "10.0.0.1", "id=2 host=h pod=ns1/a"}, Entry{"endpoint", "10.0.0.1", "id=100 host=h pod=ns1/b"}
	other := Entry{"endpoint", "10.0.0.2", "id=100 host=h pod=ns1/c"}
	s := NewScope(c1, true, true)
	apply := func(slice, content string) (said []string) {
		var raw []byte
		if content != "" {
			raw = []byte(content)
		}
		changes, err := s.Apply("CiliumEndpointSlice", slice, raw)
		require.NoError(t, err)
		for _, c := range changes {
			said = append(said, fmt.Sprintf("%s %s %s %s", c.Op, c.Key, c.Owner, c.Value))
		}
		return said
	}
	_, err := s.Apply("Namespace", "ns1", []byte("{}"))
	require.NoError(t, err)

	require.Equal(t, []string{
		"put 10.0.0.1 CiliumEndpointSlice/x id=100 host=h pod=ns1/a",
		"put 10.0.0.2 CiliumEndpointSlice/x id=100 host=h pod=ns1/c",
	}, apply("x", sliceOf("a 10.0.0.1 100", "c 10.0.0.2 100")))

	// a is in two slices, with the same content, and leaves the first one.
	require.Equal(t, []string{"put 10.0.0.1 CiliumEndpointSlice/y id=100 host=h pod=ns1/a"}, apply("y", sliceOf("a 10.0.0.1 100")))
	require.Equal(t, 2, s.Ledger.Keys())
	require.Equal(t, []string{"del 10.0.0.1 CiliumEndpointSlice/x id=100 host=h pod=ns1/a"}, apply("x", sliceOf("c 10.0.0.2 100")))
	require.True(t, s.Ledger.Claimed(a1), "the other slice claims it still")

	// a is in two slices with different contents: both are claimed until one yields.
	require.Equal(t, []string{"put 10.0.0.1 CiliumEndpointSlice/x id=2 host=h pod=ns1/a"}, apply("x", sliceOf("c 10.0.0.2 100", "a 10.0.0.1 2")))
	require.True(t, s.Ledger.Claimed(a1))
	require.True(t, s.Ledger.Claimed(a2))
	require.Equal(t, []string{"del 10.0.0.1 CiliumEndpointSlice/y id=100 host=h pod=ns1/a"}, apply("y", ""))
	require.False(t, s.Ledger.Claimed(a1))

	// b takes the address of a in another slice before a has left.
	require.Equal(t, []string{"put 10.0.0.1 CiliumEndpointSlice/z id=100 host=h pod=ns1/b"}, apply("z", sliceOf("b 10.0.0.1 100")))
	require.True(t, s.Ledger.Claimed(a2))
	require.True(t, s.Ledger.Claimed(b))
	require.Equal(t, []string{"del 10.0.0.1 CiliumEndpointSlice/x id=2 host=h pod=ns1/a"}, apply("x", sliceOf("c 10.0.0.2 100")))
	require.True(t, s.Ledger.Claimed(b))
	require.False(t, s.Ledger.Claimed(a2))
	require.True(t, s.Ledger.Claimed(other))
	require.Equal(t, 2, s.Ledger.Keys())

	// Within one slice two pods have the address, in either order: both are claimed,
	// and reordering them says nothing.
	require.Equal(t, []string{
		"put 10.0.0.1 CiliumEndpointSlice/z#2 id=2 host=h pod=ns1/a",
	}, apply("z", sliceOf("b 10.0.0.1 100", "a 10.0.0.1 2")))
	require.True(t, s.Ledger.Claimed(a2))
	require.True(t, s.Ledger.Claimed(b))
	require.Empty(t, apply("z", sliceOf("a 10.0.0.1 2", "b 10.0.0.1 100")))
	require.Equal(t, []string{
		"put 10.0.0.1 CiliumEndpointSlice/z id=2 host=h pod=ns1/a",
		"del 10.0.0.1 CiliumEndpointSlice/z#2 id=2 host=h pod=ns1/a",
	}, apply("z", sliceOf("a 10.0.0.1 2")))
	require.False(t, s.Ledger.Claimed(b))
	require.Equal(t, []string{"del 10.0.0.1 CiliumEndpointSlice/z id=2 host=h pod=ns1/a"}, apply("z", ""))
}
