package load

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
)

// Of a reader of CRDs that is started only to be stopped, what it cost is told: not what other
// kinds cost, nor what came after, nor what a reader costs that goes on.
func TestMeasureHandover(t *testing.T) {
	records, err := history.Parse(`0.000000000 a0 up agent - inc=1
0.000000000 a1 up agent - inc=1
1.000000000 a0 reading - clustermesh,crd value=clustermesh op=fall-back
1.000000000 a1 reading - clustermesh,crd value=clustermesh op=fall-back
1.100000000 k0 request CiliumNode - op=list peer=a0 bytes=100
1.100000000 k0 request Service - op=list peer=a0 bytes=100
1.200000000 k0 watch CiliumNode - peer=a0 ask=1 id=1
1.200000000 k0 watch CiliumIdentity - peer=a0 ask=initial: id=2
1.300000000 k0 event CiliumIdentity - peer=a0 id=2 bytes=30
1.400000000 a0 reading - clustermesh,crd value=crd op=listed
5.000000000 a0 reading - clustermesh value=clustermesh op=goes-over
6.000000000 k0 event CiliumIdentity - peer=a0 id=2 bytes=30
9.000000000 world phase - end value=settled
`)
	require.NoError(t, err)
	var all []string
	for _, m := range measureHandover(records) {
		all = append(all, m.Name+", "+m.Group+": "+m.String())
	}
	require.Equal(t, []string{
		"CRDs read, until the etcd was read: p50 4.000s, p99 4.000s, max 4.000s of 1",
		"lists of CRDs, until the etcd was read: p50 2, p99 2, max 2 of 1",
		"watches of CRDs, until the etcd was read: p50 2, p99 2, max 2 of 1",
		"bytes of CRDs, until the etcd was read: p50 130 B, p99 130 B, max 130 B of 1",
		"CRDs read, until the agent's or the run's end: p50 8.000s, p99 8.000s, max 8.000s of 1",
	}, all)
}
