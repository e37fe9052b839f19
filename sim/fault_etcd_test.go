package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
)

// threeMembers makes agents share an etcd of three members.
func threeMembers(p *fault.Plan) {
	p.Mode, p.Topology.Replicas, p.Topology.Etcds = string(mode.KVStore), 0, 3
	p.Churn = seconds(60)
}

// anyPut matches the puts of an endpoint by whichever member applies it first.
func anyPut(ip string) func(history.Record) bool {
	return func(r history.Record) bool {
		return r.Verb == history.Put && r.Key == "cilium/state/ip/v1/default/"+ip
	}
}

// etcdCases are the faults of an etcd of several members.
var etcdCases = []faultCase{
	{
		kind:   fault.EtcdLeaderCut,
		world:  threeMembers,
		faults: []fault.Fault{at(5, fault.Fault{Kind: fault.EtcdLeaderCut, For: seconds(30)})},
		ops:    []fault.Op{podCreate(10, "p1", "10.0.0.2"), podCreate(50, "p2", "10.0.0.3")},
		check: func(t *testing.T, h *history.History) {
			f := index.New(h).Faults[0]
			require.Len(t, f.Hosts, 1)
			require.Len(t, f.Peers, 2)
			require.Len(t, times(h, anyPut("10.0.0.2")), 1, "the others elect a leader, and the history has a change once")
			require.Less(t, first(t, times(h, anyPut("10.0.0.2"))), 35*time.Second, "before it is healed")
			seenBetween(t, h, "a0", "10.0.0.3", 50, 51)
			for _, e := range []string{"e0", "e1", "e2"} {
				require.Len(t, times(h, by(history.Up, e, "etcd")), 1, "nobody restarts")
			}
		},
	},
	{
		kind:   fault.EtcdMemberLoss,
		world:  threeMembers,
		faults: []fault.Fault{at(5, fault.Fault{Kind: fault.EtcdMemberLoss, Target: "e1", For: seconds(10)})},
		ops:    []fault.Op{podCreate(8, "p1", "10.0.0.2"), podCreate(40, "p2", "10.0.0.3")},
		check: func(t *testing.T, h *history.History) {
			require.Equal(t, []time.Duration{5 * time.Second}, times(h, by(history.Down, "e1", "etcd"))[:1])
			ups := times(h, by(history.Up, "e1", "etcd"))
			require.Len(t, ups, 2)
			require.Greater(t, ups[1], 15*time.Second, "the others have to agree first")
			require.Less(t, ups[1], 20*time.Second)
			seenBetween(t, h, "a0", "10.0.0.2", 8, 12)
			stores, answered := map[string]bool{}, false
			for _, r := range h.Records {
				if r.Verb == history.Put {
					stores[r.Store] = true
				}
				answered = answered || r.Verb == history.Call && r.Actor == "e1" && r.At > ups[1] && r.Err == ""
			}
			require.Len(t, stores, 1, "the cluster is the same")
			require.True(t, answered, "the new member serves")
			require.Len(t, times(h, anyPut("10.0.0.2")), 1, "what it catches up with is in the history already")
		},
	},
}

// Two members of three that are down at once: nothing is written until one is back.
func TestMajorityLost(t *testing.T) {
	t.Parallel()
	p := quiet(t, 7)
	threeMembers(p)
	p.Faults = []fault.Fault{
		at(5, fault.Fault{Kind: fault.EtcdRestart, Target: "e0", For: seconds(20)}),
		at(6, fault.Fault{Kind: fault.EtcdRestart, Target: "e2", For: seconds(30)}),
	}
	p.Ops = []fault.Op{podCreate(10, "p1", "10.0.0.2")}
	require.NoError(t, p.Validate())
	h := play(t, p)
	require.Equal(t, "settled", ends(t, h))
	require.Greater(t, first(t, times(h, anyPut("10.0.0.2"))), 25*time.Second)
}

// A member that has lost its data, and comes back where it reaches none of the others, is started again
// until it has joined them.
func TestAMemberThatFindsNobody(t *testing.T) {
	t.Parallel()
	p := quiet(t, 7)
	threeMembers(p)
	p.Faults = []fault.Fault{
		at(5, fault.Fault{Kind: fault.EtcdMemberLoss, Target: "e1", For: seconds(10)}),
		at(6, fault.Fault{Kind: fault.Partition, Target: "e1", Peer: "e0", For: seconds(30)}),
		at(6, fault.Fault{Kind: fault.Partition, Target: "e1", Peer: "e2", For: seconds(30)}),
	}
	require.NoError(t, p.Validate())
	h := play(t, p)
	require.Equal(t, "settled", ends(t, h))
	ups := times(h, by(history.Up, "e1", "etcd"))
	require.Len(t, ups, 2)
	require.Greater(t, ups[1], 36*time.Second)
	require.Less(t, ups[1], 50*time.Second)
}

// A cluster's members answer as one etcd, over the loss of its leader, of a member with its
// data, and of the majority.
func TestThreeMembersAnswerAsOne(t *testing.T) {
	t.Parallel()
	p := quiet(t, 7)
	threeMembers(p)
	p.Churn = seconds(200)
	p.Topology.Operators = 1
	p.Faults = []fault.Fault{
		at(10, fault.Fault{Kind: fault.EtcdLeaderCut, For: seconds(20)}),
		at(50, fault.Fault{Kind: fault.EtcdMemberLoss, Target: "e1", For: seconds(10)}),
		at(52, fault.Fault{Kind: fault.EtcdMemberLoss, Target: "e2", For: seconds(5)}), // which nobody could replace
		at(100, fault.Fault{Kind: fault.EtcdRestart, Target: "e0", For: seconds(20)}),
		at(105, fault.Fault{Kind: fault.EtcdRestart, Target: "e2", For: seconds(5)}),
		at(150, fault.Fault{Kind: fault.Partition, Target: "e0", Peer: "e1", For: seconds(20)}),
	}
	for i, s := range []int{5, 15, 25, 40, 52, 61, 90, 103, 125, 155, 180} {
		p.Ops = append(p.Ops, podCreate(s, "p"+string(rune('a'+i)), "10.0.1."+string(rune('1'+i%9))+string(rune('0'+i/9))))
	}
	require.NoError(t, p.Validate())
	r := run(t, p)
	require.Equal(t, "settled", ends(t, r.Index.History))
	ground := map[string]bool{"etcd-revisions": true, "etcd-linearizable": true, "etcd-watch": true, "revision-origin": true, "leases": true, "convergence": true}
	for _, result := range r.Verdict.Results {
		if ground[result.Property] {
			require.Equal(t, property.Pass, result.Outcome, "%s: %s", result.Property, result.Evidence)
			delete(ground, result.Property)
		}
	}
	require.Empty(t, ground, "not judged")
	require.Len(t, r.Index.Stores, 1)
	require.Len(t, r.Verdict.Unfired, 1)
	require.Contains(t, fmt.Sprint(r.Verdict.Unfired[0]), "another member was lost")
}
