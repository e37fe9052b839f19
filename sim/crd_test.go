package sim_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
)

func TestModeCRD(t *testing.T) {
	for _, slices := range []bool{false, true} {
		p := quiet(t, 1)
		p.Mode, p.Topology.Replicas, p.Options.EndpointSlices = string(mode.CRD), 0, slices
		p.Faults = []fault.Fault{at(2, fault.Fault{Kind: fault.Partition, Target: "a1", Peer: "k0", For: seconds(10)})}
		p.Ops = []fault.Op{podCreate(4, "p1", "10.0.0.2")}
		require.NoError(t, p.Validate())
		h := play(t, p)
		seenBetween(t, h, "a0", "10.0.0.2", 4, 5)
		seenBetween(t, h, "a1", "10.0.0.2", 12, 20)
		for _, r := range h.Records {
			require.False(t, r.Actor == "a0" && r.Verb == history.See && (r.Peer != "k0" || r.Store != ""), "a change of no server: %v", r)
		}
	}
}

// An agent that has not got its lists after three minutes ends itself, and the kubelet
// starts it again, as often as it takes.
func TestAgentThatCannotListEndsItself(t *testing.T) {
	for _, slices := range []bool{false, true} {
		p := quiet(t, 1)
		p.Mode, p.Topology.Replicas, p.Options.EndpointSlices = string(mode.CRD), 0, slices
		p.Churn = seconds(500)
		p.Ops = []fault.Op{podCreate(100, "p1", "10.0.0.2")}
		p.Faults = []fault.Fault{
			at(2, fault.Fault{Kind: fault.Partition, Target: "a1", Peer: "k0", For: seconds(450)}),
			at(3, fault.Fault{Kind: fault.AgentCrash, Target: "a1", For: seconds(1)}),
		}
		require.NoError(t, p.Validate())
		h := play(t, p)
		var lives []string
		for _, r := range h.Records {
			if r.Actor == "a1" && (r.Verb == history.Up || r.Verb == history.Down) {
				lives = append(lives, fmt.Sprintf("%.0f %s %s", r.At.Seconds(), r.Verb, r.Err))
			}
		}
		const reason = "cilium-agent has ended itself: timeout while waiting for initial allocator state"
		require.Equal(t, []string{"0 up ", "4 down ", "5 up ", "185 down " + reason, "195 up ", "375 down " + reason, "385 up "}, lives, "the last one got them")
		seenBetween(t, h, "a1", "10.0.0.2", 452, 500)
	}
}
