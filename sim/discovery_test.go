package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
)

// found makes agents find replicas in one of the ways in which they choose one themselves.
func found(d mode.Discovery, replicas, apiservers int) func(*fault.Plan) {
	return func(p *fault.Plan) {
		p.Options.Discovery, p.Topology.Replicas, p.Topology.APIServers = d, replicas, apiservers
		p.Churn = seconds(120)
	}
}

// connected returns when an agent connects with a replica.
func connected(h *history.History, agent string) []time.Duration {
	return times(h, by(history.Connect, agent, ""))
}

// noneWithin checks that none of some instants is in a span.
func noneWithin(t *testing.T, at []time.Duration, from, to int) {
	t.Helper()
	for _, a := range at {
		require.False(t, a > time.Duration(from)*time.Second && a < time.Duration(to)*time.Second, "%v", at)
	}
}

var discoveryCases = []faultCase{
	{
		// It knows no replica while it has not read of one. Ready again, it is back at once.
		kind: fault.AgentCrash, name: " without a kube-apiserver",
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.KubeRestart, Target: "k0", For: seconds(40)}),
			at(5, fault.Fault{Kind: fault.AgentCrash, Target: "a0", For: seconds(1)}),
		},
		check: func(t *testing.T, h *history.History) {
			noneWithin(t, connected(h, "a0"), 0, 42)
			require.Less(t, firstAfter(t, connected(h, "a0"), 42*time.Second), 100*time.Second)
			noneWithin(t, connected(h, "a1"), 0, 120)
		},
	},
	{
		// The new pod has another address, of which nobody hears: agents dial the old one.
		kind: fault.ReplicaLoss, name: " of which nobody hears",
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.KubeRestart, Target: "k0", For: seconds(60)}),
			at(5, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", For: seconds(1)}),
		},
		check: func(t *testing.T, h *history.History) {
			noneWithin(t, connected(h, "a0"), 0, 62)
			firstAfter(t, connected(h, "a0"), 62*time.Second)
		},
	},
	{
		kind:   fault.AllReplicasLoss,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.AllReplicasLoss, For: seconds(30)})},
		check: func(t *testing.T, h *history.History) {
			noneWithin(t, connected(h, "a0"), 0, 32)
			firstAfter(t, connected(h, "a0"), 32*time.Second)
		},
	},
	{
		kind: fault.EndpointsLate,
		faults: []fault.Fault{
			at(1, fault.Fault{Kind: fault.EndpointsLate, Target: "a0", Lag: seconds(60), For: seconds(100)}),
			at(2, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", For: seconds(10)}),
		},
		check: func(t *testing.T, h *history.History) {
			require.Less(t, firstAfter(t, connected(h, "a1"), 2*time.Second), 50*time.Second)
			noneWithin(t, connected(h, "a0"), 2, 60)
		},
	},
	{
		// Without the fault a replica without a writer is nobody's.
		kind: fault.EndpointsUnready,
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.EndpointsUnready, Target: "a0", For: seconds(60)}),
			at(2, fault.Fault{Kind: fault.WriterRestart, Target: "r0", For: seconds(40)}),
			at(10, fault.Fault{Kind: fault.AgentCrash, Target: "a0", For: seconds(1)}),
		},
		check: func(t *testing.T, h *history.History) {
			require.Less(t, firstAfter(t, connected(h, "a0"), 10*time.Second), 40*time.Second)
		},
	},
}

// Agents that choose a replica themselves go by what a kube-apiserver tells them, and where it
// tells them nothing, or something wrong, they find none, or a wrong one.
func TestDiscovery(t *testing.T) {
	for _, d := range mode.Discoveries()[1:] {
		for _, c := range discoveryCases {
			c.world = found(d, 1, 1)
			t.Run(fmt.Sprintf("%s/%s%s", d, c.kind, c.name), func(t *testing.T) {
				t.Parallel()
				c.run(t)
			})
		}
	}
}

// What strikes the way to a Service has nothing to strike where there is none.
func TestDiscoveryWithoutDatapath(t *testing.T) {
	p := quiet(t, 7)
	found(mode.ByDialer, 2, 1)(p)
	p.Faults = []fault.Fault{
		at(2, fault.Fault{Kind: fault.DNSFailure, Target: "a0", For: seconds(5)}),
		at(3, fault.Fault{Kind: fault.ServiceFailure, Target: "a0", For: seconds(5)}),
		at(4, fault.Fault{Kind: fault.Move, Target: "a0"}),
	}
	require.NoError(t, p.Validate())
	h := play(t, p)
	var why []string
	for _, r := range h.Records {
		if r.Verb == history.Unfired {
			why = append(why, r.Value)
		}
	}
	const none = "not applicable: in the mode clustermesh/dialer agents find replicas without DNS and without the datapath of Services"
	require.Equal(t, []string{none, none, none}, why)
}

// A node has the port of one replica: of two, with one node, one waits until the other's
// pod is gone, and agents follow.
func TestPortConflict(t *testing.T) {
	p := quiet(t, 7)
	found(mode.ByHostNetwork, 2, 1)(p)
	p.Options.ReplicaNodes = 1
	p.Faults = []fault.Fault{at(20, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", For: seconds(30)})}
	require.NoError(t, p.Validate())
	h := play(t, p)
	ready := func(replica string) []time.Duration { return times(h, by(history.Ready, replica, "")) }
	require.Len(t, ready("r0"), 1, "it finds no room again")
	require.Greater(t, first(t, ready("r1")), 20*time.Second)
	for _, r := range h.Records {
		if r.Verb == history.Connect && r.Actor == "a0" && r.Peer == "r1" {
			return
		}
	}
	t.Error("a0 does not follow")
}

// A replica that is replaced comes to another node, which has room, and agents follow.
func TestReschedule(t *testing.T) {
	p := quiet(t, 7)
	found(mode.ByHostNetwork, 1, 1)(p)
	p.Faults = []fault.Fault{
		at(20, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", For: seconds(5)}),
		at(60, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", How: fault.Graceful, For: seconds(5)}),
	}
	require.NoError(t, p.Validate())
	h := play(t, p)
	nodes := map[string]bool{}
	for _, r := range h.Records {
		if r.Verb == history.Write && r.Kind == "Pod" && r.Op == "create" {
			nodes[r.Value] = true
		}
	}
	require.GreaterOrEqual(t, len(nodes), 3, "%v", nodes)
	// A new replica is ready 15 s after the loss; by then gRPC waits for its sixth back-off between two dials, of 10.5 s and up to a fifth.
	require.Less(t, firstAfter(t, connected(h, "a0"), 20*time.Second), (20+15+13)*time.Second)
	firstAfter(t, connected(h, "a0"), 60*time.Second)
}
