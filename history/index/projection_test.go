package index

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
)

// parsed is the index of a fragment of a history.
func parsed(t *testing.T, fragment string) *Index {
	t.Helper()
	records, err := history.Parse(fragment)
	require.NoError(t, err)
	return New(&history.History{Records: records})
}

func TestProjections(t *testing.T) {
	x := parsed(t, `
0 r0 up etcd - store=s0 inc=1
0 r0 up writer - inc=1
0 k0 write Namespace ns op=create rv=3
1 r0 lease - 77 value=900 op=grant peer=r0 store=s0
1 r0 put node cilium/state/nodes/v1/c1/n1 value=n store=s0 rev=2
1 r0 put meta cilium/synced/c1/cilium/state/nodes/v1 value=x store=s0 rev=3
2 a0 up agent - inc=1
2 a0 connect - - peer=r0 store=s0
2 a0 see node c1/n1 value=n inc=1
3 r0 lease - 77 op=expire store=s0
3 r0 del node cilium/state/nodes/v1/c1/n1 store=s0 rev=4
3 world fault reset r0 value=x rev=1
4 a0 disconnect - - value=close peer=r0 store=s0
5 a0 down agent - inc=1
5 a0 up agent - inc=2
6 a0 connect - - peer=r0 store=s0
6 r0 watch meta cilium/state/identities/v1/id peer=a0 store=s0 end=cilium/state/identities/v1/ie rev=4 ask=1 id=1
7 world phase - end value=bound
8 r0 left leases - value=1
`)
	p := x.Projections()
	require.Same(t, p, x.Projections(), "they are made once")
	require.Equal(t, []int32{2}, p.Namespaces)
	require.EqualValues(t, 17, p.End)
	require.Equal(t, []*Lease{{LeaseKey: LeaseKey{"s0", "77"}, Granted: 3, Renewed: 3, TTL: second(900), End: 9}}, x.Leases.All)
	require.Same(t, x.Leases.All[0], x.Leases.Of("s0", "77"))
	require.Nil(t, x.Leases.Of("s1", "77"))
	require.Equal(t, []*Replica{{"r0", []int32{0, 1, 5}}}, p.Replicas)

	require.Len(t, p.Agents, 2)
	first, second := p.Agents[0], p.Agents[1]
	require.Equal(t, Agent{"a0", 6, 13, []Connection{{Replica: "r0", Store: "s0", From: 7, To: 12}}, nil}, *first)
	require.Equal(t, Agent{"a0", 14, 18, []Connection{{Replica: "r0", Store: "s0", From: 15, To: 18, Listed: true}}, nil}, *second,
		"what lasts ends with the run, before what is counted after it")

	require.Len(t, p.Keys, 2, "a key of an etcd is an entry of views by what follows the last slash")
	require.Equal(t, Key{"node", "n1", nil, map[string][]int32{"r0": {4, 10}}, map[*Agent][]int32{}}, *p.Keys[0])
	require.Equal(t, Key{"node", "c1/n1", nil, map[string][]int32{}, map[*Agent][]int32{first: {8}}}, *p.Keys[1])
}

// An agent may wait for an etcd that is not there yet.
func TestAConnectionIsWithTheStoreThatComesAfterIt(t *testing.T) {
	p := parsed(t, `
0 a0 up agent - inc=1
0 r0 up writer - inc=1
1 a0 connect - - peer=r0
2 r0 up etcd - store=s0 inc=1
3 a0 down agent - inc=1
4 r0 up etcd - store=s1 inc=2
`).Projections()
	require.Equal(t, []Connection{{Replica: "r0", Store: "s0", From: 2, To: 4}}, p.Agents[0].Connections)
	require.EqualValues(t, -1, p.End, "the run was cut short")
}

func TestAStoreKnowsItsCanariesAndWhatBecameOfDeletions(t *testing.T) {
	x := parsed(t, `
0 r0 up etcd - store=s0 inc=1
1 r0 put meta cilium/synced/c1/cilium/state/ip/v1 value=x store=s0 rev=2
1 r0 put meta cilium/synced/c1/cilium/state/ip/v1 value=x store=s0 rev=3
2 r0 call meta cilium/state/ip/v1/default/10.0.0.1 value=1 op=delete peer=r0 store=s0 rev=5
2 r0 call meta cilium/state/ip/v1/default/10.0.0.2 value=0 op=delete peer=r0 store=s0 rev=6
2 r0 call meta cilium/state/ip/v1/default/10.0.0.3 op=delete peer=r0 store=s0 err=timeout
2 r0 call meta cilium/state/ip/v1/default/ end=cilium/state/ip/v1/default0 value=2 op=delete peer=r0 store=s0 rev=9
`)
	s := x.Store("s0")
	require.Equal(t, map[string]int32{history.Endpoint: 1}, s.Canaries, "the first put of each")
	key := func(n int) string { return fmt.Sprintf("cilium/state/ip/v1/default/10.0.0.%d", n) }
	require.True(t, s.Requested(x.Records, key(1), 5))
	require.False(t, s.Requested(x.Records, key(2), 5), "another key")
	require.False(t, s.Requested(x.Records, key(2), 6), "a deletion of nothing makes no revision")
	require.True(t, s.Uncertain(x.Records, key(3)))
	require.False(t, s.Uncertain(x.Records, key(1)))
	require.True(t, s.Requested(x.Records, key(7), 9), "one of a range")
	require.False(t, x.Store("s9").Requested(x.Records, key(1), 5), "a store that the history has not")
}
