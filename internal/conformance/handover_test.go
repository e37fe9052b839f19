package conformance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

func watches(a int, w mesh.Step) mesh.Step {
	return mesh.Step{Name: mesh.AgentWatches, Replica: -1, Agent: a, RV: w.RV, Write: w.Write}
}

func stopsCRDs(a, r int) mesh.Step {
	return mesh.Step{Name: mesh.AgentStopsCRDs, Replica: r, Agent: a}
}

// handover is a counterexample of an agent that reads CRDs at the start.
func handover(t *testing.T, in string, steps ...mesh.Step) *mesh.Counterexample {
	c := ce(t, in, "monotonic", steps...)
	c.Reads = []int{-1}
	return c
}

// An agent connects and ceases to read CRDs in one step, that of the second.
func TestHandoverAsOne(t *testing.T) {
	gone := deleted(2)
	one := asOne(handover(t, "handover", connects(0, 1), gone, stopsCRDs(0, 1)))
	require.Equal(t, []mesh.Step{gone, connects(0, 1)}, one.Steps)
	still := handover(t, "handover", gone, connects(0, 1))
	require.Equal(t, still, asOne(still))
}

func TestExportOfAHandover(t *testing.T) {
	gone := deleted(2)
	c := handover(t, "handover", gone, watches(0, gone), connects(0, 1))
	p, err := Export(c)
	require.NoError(t, err)
	require.Equal(t, string(mode.Handover), p.Mode)
	require.Equal(t, mode.ByMerge, p.Options.Handover)
	require.Equal(t, "600s", p.Options.HandoverAfter.String())
	require.Equal(t, `1s the Service gives a0 no endpoint for 17s
14s the load balancer moves a0 to r1
14s when w0 is about to write CiliumEndpointSlice: r0 and k0 are cut off from each other for 41s
14s when w0 is about to write CiliumEndpointSlice: r1 and k0 are cut off from each other for 41s
`, sentences(t, c))

	c = handover(t, "handover+cutover", gone, delivers(1, gone), connects(0, 1))
	p, err = Export(c)
	require.NoError(t, err)
	require.Equal(t, mode.ByCutover, p.Options.Handover)
	require.Contains(t, sentences(t, c), "14s when w0 is about to write CiliumEndpointSlice: a0 and k0 are cut off from each other for 26s\n", "it goes over before it hears of the write")

	c = handover(t, "handover", gone, delivers(1, gone), delivers(0, gone))
	require.Equal(t, "1s the Service gives a0 no endpoint for 32s\n", sentences(t, c), "it never goes over")
}

func sentences(t *testing.T, c *mesh.Counterexample) string {
	t.Helper()
	p, err := Export(c)
	require.NoError(t, err)
	var text strings.Builder
	for _, f := range p.Faults {
		text.WriteString(f.At.String() + " " + f.Sentence() + "\n")
	}
	return text.String()
}

func TestHandoversThatTheWorldDoesNot(t *testing.T) {
	gone := deleted(2)
	for _, later := range []mesh.Step{watches(0, gone), sees(0, 1)} {
		_, err := Export(handover(t, "handover", gone, connects(0, 1), later))
		require.EqualError(t, err, "in the world an etcd only fills the gaps of CRDs until it has been read in full, and from then on CRDs are read no more")
	}
	_, err := Export(handover(t, "handover+cutover", gone, delivers(1, gone), connects(0, 1), sees(0, 1)))
	require.NoError(t, err)
	c := handover(t, "handover", gone, connects(0, 1))
	_, err = Export(c)
	require.NoError(t, err)
	c.Property = singleSource
	_, err = Export(c)
	require.EqualError(t, err, "in the world an etcd only fills the gaps of CRDs until it has been read in full, and from then on CRDs are read no more")
}

// goingOver is a run in which an agent goes over to a replica that is behind.
const goingOver = `
1 a0 reading - clustermesh,crd value=clustermesh op=fall-back
2 a0 reading - clustermesh,crd value=crd op=listed
3 world phase - churn
15 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpointSlice/ces-0 rv=9
15.1 a0 drop endpoint 10.0.0.1 peer=k0 inc=1
18 a0 connect - - peer=r1 store=bbbbbbbbbbbbbbbb inc=1
19 a0 reading - clustermesh value=clustermesh op=goes-over
73 world phase - heal value=6m
`

func TestFollowAHandover(t *testing.T) {
	gone := deleted(2)
	heard := handover(t, "handover+cutover", gone, watches(0, gone), connects(0, 1))
	found, err := Follow(heard, records(t, goingOver))
	require.NoError(t, err)
	require.Equal(t, []int{3, 4, 6}, found)

	first := handover(t, "handover+cutover", connects(0, 1))
	found, err = Follow(first, records(t, goingOver))
	require.NoError(t, err)
	require.Equal(t, []int{6}, found, "until it has gone over it reads CRDs, connected or not")

	found, err = Follow(handover(t, "handover", gone, connects(0, 1), watches(0, gone), stopsCRDs(0, 1)), records(t, goingOver))
	require.NoError(t, err)
	require.Equal(t, []int{3, 5, 4, 6}, found, "a record for each step, also for those that are one")

	for name, c := range map[string]struct {
		ce             *mesh.Counterexample
		old, new, want string
	}{
		"too soon":       {handover(t, "handover+cutover", gone, connects(0, 1)), "", "", "a0 hears of rv 2 too soon"},
		"not heard":      {heard, "15.1 a0 drop", "15.1 a1 drop", "step 2 of 3, Watch of a0 of rv 2, is not in the history where it should be"},
		"never over":     {heard, "goes-over", "reaches", "step 3 of 3, Connect of a0 at r1, is not in the history where it should be"},
		"elsewhere":      {heard, "19 a0", "18.5 a0 connect - - peer=r0 store=aaaaaaaaaaaaaaaa inc=1\n19 a0", "step 3 of 3, Connect of a0 at r1, is not in the history where it should be"},
		"another source": {heard, "3 world", "2.5 a0 connect - - peer=r0 store=aaaaaaaaaaaaaaaa inc=1\n2.6 a0 reading - clustermesh value=clustermesh op=goes-over\n3 world", "a0 reads r0 at the first step, and not CRDs"},
	} {
		_, err := Follow(c.ce, records(t, strings.Replace(goingOver, c.old, c.new, 1)))
		require.EqualError(t, err, c.want, name)
	}
}
