package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
)

func longer(p *fault.Plan) { p.Churn = seconds(120) }

var replicaCases = []faultCase{
	{
		kind:   fault.ReplicaLoss,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", For: seconds(3)})},
		check: func(t *testing.T, h *history.History) {
			stores := map[string]bool{}
			nodes := 0
			for _, r := range h.Records {
				if by(history.Up, "r0", "etcd")(r) {
					stores[r.Store] = true
					nodes = 0
				}
				if by(history.Put, "r0", history.Node)(r) {
					nodes++
				}
			}
			require.Len(t, stores, 2, "the new pod has a new etcd cluster ID")
			require.Equal(t, 3, nodes, "the new etcd is filled again")
			require.Equal(t, []time.Duration{2 * time.Second}, times(h, by(history.Down, "r0", "etcd")))
		},
	},
	{
		kind: fault.ReplicaLoss, name: " silent",
		world:  longer,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", How: fault.Silent, For: seconds(100)})},
		check: func(t *testing.T, h *history.History) {
			require.Equal(t, 52*time.Second, first(t, times(h, by(history.Unready, "r0", ""))), "the control plane notices after its grace period")
			for _, r := range h.Records {
				require.False(t, r.Verb == history.Disconnect && r.Peer == "r0" && r.Value != "timeout" && r.Value != "close",
					"nobody tells an agent: %v", r)
			}
		},
	},
	{
		kind: fault.ReplicaLoss, name: " graceful",
		world:  longer,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", How: fault.Graceful, For: seconds(60)})},
		check: func(t *testing.T, h *history.History) {
			require.Equal(t, 2*time.Second, first(t, times(h, by(history.Unready, "r0", ""))), "it leaves the Service at once")
			down := first(t, times(h, by(history.Down, "r0", "etcd")))
			require.Greater(t, down, 2*time.Second, "its etcd drains")
			require.LessOrEqual(t, down, 32*time.Second)
		},
	},
	{
		kind: fault.ReplicaGone, stays: 1,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.ReplicaGone, Target: "r0"})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			require.Len(t, times(h, by(history.Up, "r0", "etcd")), 1, "it does not come back")
			require.Empty(t, times(h, puts("r0", "10.0.0.2")))
		},
	},
	{
		kind:   fault.AllReplicasLoss,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.AllReplicasLoss, For: seconds(8)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			for _, r := range []string{"r0", "r1"} {
				require.Len(t, times(h, by(history.Up, r, "etcd")), 2)
			}
			require.Greater(t, first(t, times(h, sees("a0", "10.0.0.2"))), 10*time.Second)
		},
	},
	{
		kind:   fault.RollingUpgrade,
		world:  longer,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.RollingUpgrade})},
		check: func(t *testing.T, h *history.History) {
			ready := map[string]bool{}
			for _, r := range h.Records {
				switch r.Verb {
				case history.Ready:
					ready[r.Actor] = true
				case history.Unready:
					delete(ready, r.Actor)
					require.NotEmpty(t, ready, "at least one replica stays up")
				}
			}
			require.Equal(t, map[string]bool{"r2": true, "r3": true}, ready, "the new replicas have taken over")
			require.LessOrEqual(t, first(t, times(h, by(history.Ready, "r2", ""))), first(t, times(h, by(history.Unready, "r0", ""))))
			require.Less(t, first(t, times(h, by(history.Unready, "r0", ""))), first(t, times(h, by(history.Unready, "r1", ""))))
		},
	},
	{
		kind:   fault.ScaleUp,
		world:  longer,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.ScaleUp, Count: 2, For: seconds(60)})},
		check: func(t *testing.T, h *history.History) {
			for _, r := range []string{"r2", "r3"} {
				require.Less(t, first(t, times(h, by(history.Up, r, "writer"))), 5*time.Second)
				require.Equal(t, 62*time.Second, first(t, times(h, by(history.Unready, r, ""))))
			}
			require.Empty(t, times(h, by(history.Unready, "r0", "")), "the others stay")
		},
	},
	{
		kind:   fault.ScaleDown,
		world:  longer,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.ScaleDown, Count: 1, For: seconds(60)})},
		check: func(t *testing.T, h *history.History) {
			require.Equal(t, 2*time.Second, first(t, times(h, by(history.Unready, "r1", ""))), "the youngest goes")
			require.Empty(t, times(h, by(history.Unready, "r0", "")))
			require.Len(t, times(h, by(history.Up, "r1", "etcd")), 2)
		},
	},
	{
		kind:   fault.WriterRestart,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.WriterRestart, Target: "r0", For: seconds(8)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			require.Equal(t, []time.Duration{2 * time.Second}, times(h, by(history.Down, "r0", "writer")))
			require.Empty(t, times(h, by(history.Down, "r0", "etcd")), "etcd survives")
			require.Greater(t, first(t, times(h, puts("r0", "10.0.0.2"))), 10*time.Second, "nobody writes meanwhile")
		},
	},
	{
		kind: fault.WriterPause,
		world: func(p *fault.Plan) {
			p.Churn = seconds(200)
			p.Options.LeaseTTL = seconds(30)
		},
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.WriterPause, Target: "r0", For: seconds(90)})},
		check: func(t *testing.T, h *history.History) {
			expired := times(h, func(r history.Record) bool {
				return r.Verb == history.Del && r.Actor == "r0" && r.Key == "cilium/state/ip/v1/default/10.0.0.1"
			})
			at := first(t, expired)
			require.Greater(t, at, 20*time.Second)
			require.Less(t, at, 92*time.Second, "its lease expires while it is frozen")
			require.Empty(t, times(h, by(history.Down, "r0", "etcd")))
			require.NotEmpty(t, times(h, by(history.Unready, "r0", "")), "its readiness probe fails")
			firstAfter(t, times(h, puts("r0", "10.0.0.1")), 92*time.Second)
		},
	},
	{
		kind:   fault.EtcdRestart,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.EtcdRestart, Target: "r0", For: seconds(3)})},
		check: func(t *testing.T, h *history.History) {
			require.Equal(t, []time.Duration{2 * time.Second}, times(h, by(history.Down, "r0", "etcd")))
			require.Empty(t, times(h, by(history.Down, "r0", "writer")), "the writer goes on")
			stores := map[string]bool{}
			for _, r := range h.Records {
				if by(history.Up, "r0", "etcd")(r) {
					stores[r.Store] = true
				}
			}
			require.Len(t, stores, 1, "it is the same store")
		},
	},
	{
		kind: fault.EtcdRestart, name: " empty",
		world:  longer,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.EtcdRestart, Target: "r0", For: seconds(3), Empty: true})},
		check: func(t *testing.T, h *history.History) {
			stores := map[string]bool{}
			for _, r := range h.Records {
				if by(history.Up, "r0", "etcd")(r) {
					stores[r.Store] = true
				}
			}
			require.Len(t, stores, 2, "it is another store, though its cluster ID is the same")
			firstAfter(t, times(h, puts("r0", "10.0.0.1")), 5*time.Second)
		},
	},
	{
		kind:   fault.EtcdSlow,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.EtcdSlow, Target: "r0", Delay: seconds(2), For: seconds(15)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			require.Greater(t, first(t, times(h, puts("r0", "10.0.0.2"))), 6*time.Second)
			require.Less(t, first(t, times(h, puts("r1", "10.0.0.2"))), 5*time.Second)
		},
	},
	{
		kind:   fault.EtcdStall,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.EtcdStall, Target: "r0", For: seconds(15)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			require.GreaterOrEqual(t, first(t, times(h, puts("r0", "10.0.0.2"))), 17*time.Second)
		},
	},
	{
		kind:   fault.EtcdQuota,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.EtcdQuota, Target: "r0", For: seconds(15)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			require.GreaterOrEqual(t, first(t, times(h, puts("r0", "10.0.0.2"))), 17*time.Second)
		},
	},
	{
		kind:   fault.WriterClusterID,
		world:  longer,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.WriterClusterID, Target: "r0", ClusterID: 7, For: seconds(20)})},
		check: func(t *testing.T, h *history.History) {
			var ids []string
			for _, r := range h.Records {
				if r.Verb == history.Put && r.Actor == "r0" && strings.HasPrefix(r.Key, "cilium/cluster-config/") {
					id, _, _ := strings.Cut(strings.TrimPrefix(r.Value, `{"id":`), ",")
					ids = append(ids, id)
				}
			}
			// Twice by each writer that finds another one's there (pkg/clustermesh/clustercfg,
			// RegisterEnforcer): cluster-config-writer puts it at the start, and the watcher, whose
			// list has one that is not as it must be, triggers cluster-config-refresh. Both wait for
			// that list, and so read before either has put. The first writer finds none.
			require.Equal(t, []string{"1", "7", "7", "1", "1"}, ids)
			require.Less(t, first(t, times(h, by(history.Up, "r0", "writer"))[1:]), 3*time.Second)
		},
	},
	{
		kind: fault.EtcdDeletesRefused,
		world: func(p *fault.Plan) {
			longer(p)
			p.Topology.Replicas = 1
		},
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.EtcdDeletesRefused, Target: "r0", Share: 100, For: seconds(12)})},
		ops:    []fault.Op{podDelete(4, "p0")},
		check: func(t *testing.T, h *history.History) {
			require.Greater(t, first(t, times(h, dropsEndpoint("a0", "10.0.0.1"))), 14*time.Second, "it is deleted when that is asked for again")
			require.NotEmpty(t, times(h, func(r history.Record) bool {
				return r.Verb == history.Call && r.Err != "" && strings.Contains(r.Err, "too many requests")
			}))
		},
	},
	{
		kind: fault.EtcdDeletesTimeOut,
		world: func(p *fault.Plan) {
			longer(p)
			p.Topology.Replicas = 1
		},
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.EtcdDeletesTimeOut, Target: "r0", Share: 100, For: seconds(12)})},
		ops:    []fault.Op{podDelete(4, "p0")},
		check: func(t *testing.T, h *history.History) {
			require.Greater(t, first(t, times(h, dropsEndpoint("a0", "10.0.0.1"))), 14*time.Second)
			require.NotEmpty(t, times(h, timedOut))
		},
	},
	{
		kind: fault.EtcdDeletesTimeOut, name: " applied",
		world: func(p *fault.Plan) {
			longer(p)
			p.Topology.Replicas = 1
		},
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.EtcdDeletesTimeOut, Target: "r0", Share: 100, Applied: true, For: seconds(12)})},
		ops:    []fault.Op{podDelete(4, "p0")},
		check: func(t *testing.T, h *history.History) {
			require.Less(t, first(t, times(h, dropsEndpoint("a0", "10.0.0.1"))), 5*time.Second)
			require.Greater(t, len(times(h, timedOut)), 1, "the writer asks again for what is done")
		},
	},
	{
		kind: fault.EtcdCompaction,
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.Partition, Target: "a0", Peer: "r0", For: seconds(8)}),
			at(2, fault.Fault{Kind: fault.Partition, Target: "a0", Peer: "r1", For: seconds(8)}),
			at(9, fault.Fault{Kind: fault.EtcdCompaction, Target: "r0"}),
			at(9, fault.Fault{Kind: fault.EtcdCompaction, Target: "r1"}),
			at(9, fault.Fault{Kind: fault.Reset, Target: "a0", Peer: "r0"}),
			at(9, fault.Fault{Kind: fault.Reset, Target: "a0", Peer: "r1"}),
		},
		ops: []fault.Op{podCreate(4, "p1", "10.0.0.2"), podCreate(5, "p2", "10.0.0.3")},
		check: func(t *testing.T, h *history.History) {
			lists := times(h, func(r history.Record) bool {
				return r.Verb == history.Call && r.Op == "range" && r.Peer == "a0" && r.Key == "cilium/state/ip/v1/default/"
			})
			firstAfter(t, lists, 9*time.Second) // its watch cannot go on from where it was
		},
	},
	{
		kind: fault.EtcdClock,
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.EtcdClock, Target: "r0", Ahead: seconds(16 * 60)}),
		},
		check: func(t *testing.T, h *history.History) {
			at := first(t, times(h, func(r history.Record) bool {
				return r.Verb == history.Del && r.Actor == "r0" && r.Key == "cilium/state/ip/v1/default/10.0.0.1"
			}))
			require.Less(t, at, 5*time.Second, "the leases expire long before their TTL of 15 minutes")
		},
	},
}

func timedOut(r history.Record) bool {
	return r.Verb == history.Call && r.Op == "delete" && strings.Contains(r.Err, "request timed out")
}

func dropsEndpoint(agent, ip string) func(history.Record) bool {
	return func(r history.Record) bool {
		return r.Verb == history.Drop && r.Actor == agent && r.Kind == history.Endpoint && r.Key == ip
	}
}

func podDelete(at int, name string) fault.Op {
	return fault.Op{At: seconds(at), Op: fault.PodDelete, Pod: &fault.Pod{Namespace: "ns", Name: name}}
}
