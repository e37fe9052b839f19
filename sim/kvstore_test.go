package sim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
)

// shared is a quiet plan whose agents share an etcd.
func shared(t *testing.T) *fault.Plan {
	p := quiet(t, 1)
	p.Mode, p.Topology.Replicas, p.Topology.Etcds = string(mode.KVStore), 0, 1
	return p
}

func TestModeKVStore(t *testing.T) {
	p := shared(t)
	p.Churn = seconds(30)
	p.Faults = []fault.Fault{
		at(2, fault.Fault{Kind: fault.Partition, Target: "a1", Peer: "e0", For: seconds(10)}),
		at(20, fault.Fault{Kind: fault.EtcdRestart, Target: "e0", For: seconds(5)}),
	}
	p.Ops = []fault.Op{podCreate(4, "p1", "10.0.0.2"), podCreate(22, "p2", "10.0.0.3")}
	require.NoError(t, p.Validate())
	h := play(t, p)
	seenBetween(t, h, "a0", "10.0.0.2", 4, 5)
	seenBetween(t, h, "a1", "10.0.0.2", 12, 20)
	seenBetween(t, h, "a0", "10.0.0.3", 25, 60)
	for _, r := range h.Records {
		require.False(t, r.Actor == "a0" && r.Verb == history.See && r.Kind != history.Identity && (r.Peer != "e0" || r.Store == ""), "a change of no server: %v", r)
	}
}

// What a pod demands stays true when the lease of its host's agent is gone, and that agent
// puts its keys back.
func TestTruthOutlivesALease(t *testing.T) {
	p := shared(t)
	p.Churn = seconds(400)
	p.Ops = []fault.Op{podCreate(4, "p1", "10.0.0.2")}
	p.Faults = []fault.Fault{at(10, fault.Fault{Kind: fault.EtcdClock, Target: "e0", Ahead: seconds(901)})}
	require.NoError(t, p.Validate())
	h := play(t, p)
	lost, back := 0, 0
	for _, r := range h.Records {
		require.False(t, r.Verb == history.Truth && r.Op == "del", "%v", r)
		switch {
		case r.Verb == history.Del && r.Kind == history.Endpoint:
			lost++
		case r.Verb == history.Put && r.Kind == history.Endpoint && lost > 0:
			back++
		}
	}
	require.NotZero(t, lost, "the lease took the keys")
	require.Equal(t, lost, back)
}
