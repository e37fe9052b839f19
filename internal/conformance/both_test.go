package conformance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mesh"
)

// beside is a counterexample of an agent that reads CRDs, and an etcd which fills their gaps.
func beside(t *testing.T, steps ...mesh.Step) *mesh.Counterexample {
	c := handover(t, "handover", steps...)
	c.CRDsFirst = true
	return c
}

// The replica can be read, and never in full.
func TestExportOfAnAgentThatReadsBoth(t *testing.T) {
	gone, back := deleted(2), created(3)
	c := beside(t, gone, delivers(0, gone), watches(0, gone), connects(0, 0), back, delivers(0, back), befalls(mesh.ReplicaCrashes, 0))
	require.Equal(t, `0s k0 takes 64s longer for each list of CiliumNodes, for 64s
1s the Service gives a0 no endpoint for 17s
1s replica r0 is lost; 2s later a new one starts with an empty etcd
3s the Service names r0 to a0, ready or not, for 61s
14s the load balancer moves a0 to r0
14s when w0 is about to write CiliumEndpointSlice: r1 and k0 are cut off from each other for 49s
40s when w0 is about to write CiliumEndpointSlice: a0 and k0 are cut off from each other for 23s
44s replica r0 is lost; 20s later a new one starts with an empty etcd
`, sentences(t, c))
}

func TestAnAgentThatReadsBothIsNotToldOfOneOfTwoWrites(t *testing.T) {
	first, second := deleted(2), created(3)
	_, err := Export(beside(t, first, second, connects(0, 0), watches(0, first), befalls(mesh.ReplicaCrashes, 0)))
	require.EqualError(t, err, "a0's watch of CRDs would have to deliver one of two writes and hold rv 3 back")
	_, err = Export(beside(t, first, connects(0, 0), stopsCRDs(0, 0), watches(0, first)))
	require.EqualError(t, err, "an agent would have to read an etcd in full, of which a plan withholds a part")
}

// The shortest counterexamples of the model have an etcd take precedence. In its place come those of agents who go by CRDs
// first, which the world's do; others stay as they are.
func TestRealizable(t *testing.T) {
	gone := deleted(2)
	for _, in := range []string{"handover", "handover+sweep+token+fence+kept"} {
		c := handover(t, in, gone, connects(0, 1), watches(0, gone))
		c.Property, c.Bounds.Objects, c.Bounds.Agents = singleSource, 2, 2
		got, err := Realizable(t.Context(), c)
		require.NoError(t, err)
		require.True(t, got.CRDsFirst)
		require.Equal(t, c.Mode, got.Mode)
		require.Equal(t, 1, got.Bounds.Agents)
		require.Len(t, got.Steps, 7)
		plan, err := Export(got)
		require.NoError(t, err)
		require.True(t, plan.Faults[0].Kind == fault.KubeSlowLists)
	}
	over := handover(t, "handover", gone, connects(0, 1))
	same, err := Realizable(t.Context(), over)
	require.NoError(t, err)
	require.Same(t, over, same)
	durable := handover(t, "handover", gone, connects(0, 1), watches(0, gone))
	durable.Property = "durable"
	same, err = Realizable(t.Context(), durable)
	require.NoError(t, err)
	require.Same(t, durable, same, "nothing breaks it")
}

// readingBoth is a run in which an etcd that has yet to be read fills a gap of CRDs.
const readingBoth = `
1 a0 up agent - inc=1
1 a0 reading - clustermesh,crd value=crd op=listed
2 k0 truth endpoint 10.0.0.1 value=p0-of-rv1 op=put owner=CiliumEndpointSlice/ces-0 rv=7
2 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=p0-of-rv1 store=aaaaaaaaaaaaaaaa rev=2
2 a0 see endpoint 10.0.0.1 value=p0-of-rv1 peer=k0 inc=1 source=crd
3 world phase - churn
15 k0 truth endpoint 10.0.0.1 value=p0-of-rv1 op=del owner=CiliumEndpointSlice/ces-0 rv=9
15 k0 event CiliumEndpointSlice - value=DELETED:ces-0:9 peer=a0 id=1 bytes=9
15.1 a0 drop endpoint 10.0.0.1 peer=k0 inc=1 source=crd
18 a0 connect - - peer=r0 store=aaaaaaaaaaaaaaaa inc=1
19 a0 reading - clustermesh,crd value=crd,clustermesh op=reaches
19 a0 see endpoint 10.0.0.1 value=p0-of-rv1 peer=r0 store=aaaaaaaaaaaaaaaa inc=1 source=clustermesh
25 k0 truth endpoint 10.0.0.2 value=p0-of-rv3 op=put owner=CiliumEndpointSlice/ces-0 rv=12
25 k0 event CiliumEndpointSlice - value=ADDED:ces-0:12 peer=a0 id=1 bytes=9
25.1 a0 see endpoint 10.0.0.2 value=p0-of-rv3 peer=k0 inc=1 source=crd
73 world phase - heal value=6m
`

func TestFollowAnAgentThatReadsBoth(t *testing.T) {
	gone := deleted(2)
	back := created(3)
	back.Write.Address = 1
	c := beside(t, gone, watches(0, gone), connects(0, 0), back, watches(0, back))
	found, err := Follow(c, records(t, readingBoth))
	require.NoError(t, err)
	require.Equal(t, []int{6, 7, 10, 12, 13}, found)
	for name, x := range map[string]struct{ old, new, want string }{
		"not told":     {"value=ADDED:ces-0:12", "value=ADDED:ces-0:11", "step 5 of 5, Watch of a0 of rv 3, is not in the history where it should be"},
		"read in full": {"25 k0 truth", "20 a0 reading - clustermesh value=clustermesh op=goes-over\n25 k0 truth", "an agent ceases to read CRDs before the last step"},
		"another etcd": {"19 a0 reading", "18 a0 connect - - peer=r1 store=bbbbbbbbbbbbbbbb inc=1\n19 a0 reading", "step 3 of 5, Connect of a0 at r0, is not in the history where it should be"},
	} {
		_, err := Follow(c, records(t, strings.Replace(readingBoth, x.old, x.new, 1)))
		require.EqualError(t, err, x.want, name)
	}

	// What its etcd tells it, it may know.
	held := beside(t, gone, watches(0, gone), connects(0, 0), back)
	_, err = Follow(held, records(t, strings.Replace(readingBoth, "p0-of-rv3 peer=k0 inc=1 source=crd", "p0-of-rv3 peer=r0 inc=1 source=clustermesh", 1)))
	require.NoError(t, err)
}
