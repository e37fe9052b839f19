package sim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// onBoth is a fault of an agent's links with both replicas.
func onBoth(n int, f fault.Fault) []fault.Fault {
	f.At, f.Target = seconds(n), "a0"
	other := f
	f.Peer, other.Peer = "r0", "r1"
	return []fault.Fault{f, other}
}

var networkCases = []faultCase{
	{
		kind: fault.Partition,
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.Partition, Target: "r0", Peer: "k0", For: seconds(8)}),
			at(2, fault.Fault{Kind: fault.Partition, Target: "k0", Peer: "r1", For: seconds(8), OneWay: true}),
		},
		ops: []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			for _, a := range []string{"a0", "a1", "a2"} {
				require.Greater(t, first(t, times(h, sees(a, "10.0.0.2"))), 10*time.Second)
			}
		},
	},
	{
		kind:   fault.PartitionGroup,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.PartitionGroup, Targets: []string{"a0", "a1"}, For: seconds(8)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			require.Greater(t, first(t, times(h, sees("a0", "10.0.0.2"))), 10*time.Second)
			require.Greater(t, first(t, times(h, sees("a1", "10.0.0.2"))), 10*time.Second)
			require.Less(t, first(t, times(h, sees("a2", "10.0.0.2"))), 5*time.Second)
		},
	},
	{
		kind: fault.PartitionRing,
		// w0 - k0 - r0 - a0 - r1 - w0: r1 is cut off from k0, and a0 from nobody.
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.PartitionRing, Targets: []string{"w0", "k0", "r0", "a0", "r1"}, For: seconds(8)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			require.Less(t, first(t, times(h, puts("r0", "10.0.0.2"))), 5*time.Second)
			require.Greater(t, first(t, times(h, puts("r1", "10.0.0.2"))), 10*time.Second)
		},
	},
	{
		kind:   fault.BlackHole,
		faults: onBoth(2, fault.Fault{Kind: fault.BlackHole, For: seconds(1)}),
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			seenBetween(t, h, "a0", "10.0.0.2", 15, 60) // its keep-alive finds out: pings after 15 s, given up 25 s later
		},
	},
	{
		kind:   fault.Reset,
		faults: onBoth(2, fault.Fault{Kind: fault.Reset}),
		check: func(t *testing.T, h *history.History) {
			resets := times(h, func(r history.Record) bool {
				return r.Verb == history.Disconnect && r.Actor == "a0" && r.Value == "reset"
			})
			require.Equal(t, []time.Duration{2 * time.Second}, resets)
			require.Len(t, times(h, by(history.Connect, "a0", "")), 2, "it connects again")
			did := index.New(h).Faults
			require.NotEqual(t, did[0].Did, did[1].Did, "it had a connection with one of the two replicas")
		},
	},
	{
		kind:   fault.SlowLink,
		faults: onBoth(2, fault.Fault{Kind: fault.SlowLink, Delay: seconds(3), For: seconds(16)}),
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			seenBetween(t, h, "a0", "10.0.0.2", 7, 9)
			seenBetween(t, h, "a1", "10.0.0.2", 4, 5)
		},
	},
	{
		kind: fault.SlowLink, name: " bandwidth",
		faults: onBoth(2, fault.Fault{Kind: fault.SlowLink, Delay: ms(1), Bandwidth: 64, For: seconds(16)}),
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check:  func(t *testing.T, h *history.History) { seenBetween(t, h, "a0", "10.0.0.2", 6, 20) },
	},
	{
		kind:   fault.Clog,
		faults: onBoth(2, fault.Fault{Kind: fault.Clog, Delay: seconds(8), For: seconds(16)}),
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2"), podCreate(5, "p2", "10.0.0.3"), podCreate(6, "p3", "10.0.0.4")},
		check: func(t *testing.T, h *history.History) {
			late := time.Duration(0)
			for i, ip := range []string{"10.0.0.2", "10.0.0.3", "10.0.0.4"} {
				late += first(t, times(h, sees("a0", ip))) - time.Duration(4+i)*time.Second
			}
			require.Greater(t, late, 3*time.Second, "messages take up to 8 s")
		},
	},
	{
		kind:  fault.EndpointsLate,
		world: oneReplica,
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.EndpointsLate, Target: "a0", Lag: seconds(40), For: seconds(50)}),
			at(2, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", For: seconds(10)}),
		},
		check: connectsUnready,
	},
	{
		kind:  fault.EndpointsUnready,
		world: oneReplica,
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.EndpointsUnready, Target: "a0", For: seconds(50)}),
			at(2, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", For: seconds(10)}),
		},
		check: connectsUnready,
	},
	{
		kind:   fault.Move,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.Move, Target: "a0"}), at(8, fault.Fault{Kind: fault.Move, Target: "a0"})},
		check: func(t *testing.T, h *history.History) {
			var replicas []string
			for _, r := range h.Records {
				if by(history.Connect, "a0", "")(r) {
					replicas = append(replicas, r.Peer)
				}
			}
			replicas = slices.Compact(replicas)
			require.Len(t, replicas, 3)
			require.NotEqual(t, replicas[0], replicas[1], "its connection is moved")
			require.NotEqual(t, replicas[1], replicas[2])
		},
	},
	{
		kind: fault.DNSFailure,
		faults: append([]fault.Fault{at(2, fault.Fault{Kind: fault.DNSFailure, Target: "a0", For: seconds(10)})},
			onBoth(3, fault.Fault{Kind: fault.Reset})...),
		check: func(t *testing.T, h *history.History) {
			require.Greater(t, firstAfter(t, times(h, by(history.Connect, "a0", "")), 3*time.Second), 12*time.Second)
			require.Empty(t, times(h, func(r history.Record) bool {
				return r.Verb == history.Net && r.Key == "refuse" && r.Actor == "a0"
			}), "it does not come as far as to dial")
		},
	},
	{
		kind: fault.ServiceFailure,
		faults: append([]fault.Fault{at(2, fault.Fault{Kind: fault.ServiceFailure, Target: "a0", For: seconds(10)})},
			onBoth(3, fault.Fault{Kind: fault.Reset})...),
		check: func(t *testing.T, h *history.History) {
			require.Greater(t, firstAfter(t, times(h, by(history.Connect, "a0", "")), 3*time.Second), 12*time.Second)
		},
	},
}

func oneReplica(p *fault.Plan) {
	p.Churn = seconds(60)
	p.Topology.Replicas = 1
}

// connectsUnready checks that the agent a0, and no other, connects with a replica that has
// come back and is not ready yet.
func connectsUnready(t *testing.T, h *history.History) {
	ready := firstAfter(t, times(h, by(history.Ready, "r0", "")), 2*time.Second)
	require.Less(t, firstAfter(t, times(h, by(history.Connect, "a0", "")), 2*time.Second), ready)
	require.GreaterOrEqual(t, firstAfter(t, times(h, by(history.Connect, "a1", "")), 2*time.Second), ready)
}
