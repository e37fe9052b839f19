package sim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
)

func TestModeCRD(t *testing.T) {
	for _, slices := range []bool{false, true} {
		p := quiet(t, 1)
		p.Mode, p.Topology.Replicas, p.Options.EndpointSlices = fault.ModeCRD, 0, slices
		p.Faults = []fault.Fault{at(2, fault.Fault{Kind: fault.Partition, Target: "a1", Peer: "k0", For: seconds(10)})}
		p.Ops = []fault.Op{podCreate(4, "p1", "10.0.0.2")}
		require.NoError(t, p.Validate())
		h := read(t, run(t, p))
		seenBetween(t, h, "a0", "10.0.0.2", 4, 5)
		seenBetween(t, h, "a1", "10.0.0.2", 12, 20)
		for _, r := range h.Records {
			require.False(t, r.Actor == "a0" && r.Verb == history.See && (r.Peer != "" || r.Store != ""), "the server of a change is not known: %v", r)
		}
	}
}
