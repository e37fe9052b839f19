package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
)

var kubeCases = []faultCase{
	{
		kind:   fault.KubeRestart,
		faults: []fault.Fault{at(8, fault.Fault{Kind: fault.KubeRestart, Target: "k0", For: seconds(1)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2"), podCreate(12, "p2", "10.0.0.3")},
		check: func(t *testing.T, h *history.History) {
			require.Equal(t, []time.Duration{8 * time.Second}, times(h, by(history.Down, "k0", "kube")))
			require.NotEmpty(t, times(h, func(r history.Record) bool {
				return r.Verb == history.Request && r.Actor == "k0" && r.Err == "429 TooManyRequests"
			}), "who watches custom resources at once is told to come again")
			seenBetween(t, h, "a0", "10.0.0.3", 12, 16) // watches come again with client-go's back-off, 0.8 s and doubling
		},
	},
	{
		kind: fault.KubeRestart, name: " graceful",
		world:  func(p *fault.Plan) { p.Topology.APIServers = 2 },
		faults: []fault.Fault{at(8, fault.Fault{Kind: fault.KubeRestart, Target: "k0", How: fault.Graceful, For: seconds(5)})},
		ops:    []fault.Op{podCreate(10, "p2", "10.0.0.3")},
		check: func(t *testing.T, h *history.History) {
			require.Equal(t, []time.Duration{13 * time.Second}, times(h, by(history.Down, "k0", "kube")), "it serves its watches until the next one starts")
			seenBetween(t, h, "a0", "10.0.0.3", 10, 11)
		},
	},
	{
		kind:   fault.KubeEtcdLoss,
		faults: []fault.Fault{at(8, fault.Fault{Kind: fault.KubeEtcdLoss, Target: "k0", For: seconds(10)})},
		ops:    []fault.Op{podCreate(10, "p2", "10.0.0.3")},
		check: func(t *testing.T, h *history.History) {
			seenBetween(t, h, "a0", "10.0.0.3", 18, 20)
			require.Empty(t, times(h, by(history.Down, "k0", "kube")))
		},
	},
	{
		kind:   fault.KubeLoss,
		world:  func(p *fault.Plan) { p.Topology.APIServers = 2 },
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.KubeLoss, Target: "k0", For: seconds(15)})},
		ops:    []fault.Op{podCreate(6, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			seenBetween(t, h, "a0", "10.0.0.2", 6, 16)
			require.Equal(t, 17*time.Second, firstAfter(t, times(h, by(history.Up, "k0", "kube")), 0))
		},
	},
	{
		kind: fault.KubeLoss, name: " silent",
		world: func(p *fault.Plan) {
			p.Topology.APIServers = 2
			p.Churn = seconds(120)
		},
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.KubeLoss, Target: "k0", How: fault.Silent, For: seconds(100)})},
		check: func(t *testing.T, h *history.History) {
			for _, r := range h.Records {
				require.False(t, r.Verb == history.Net && r.Key == "reset" && r.Peer == "k0", "nobody is told: %v", r)
			}
			require.Equal(t, 102*time.Second, firstAfter(t, times(h, by(history.Up, "k0", "kube")), 0))
		},
	},
	{
		kind:   fault.KubeLag,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.KubeLag, Target: "k0", Lag: seconds(5), For: seconds(16)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check:  func(t *testing.T, h *history.History) { seenBetween(t, h, "a0", "10.0.0.2", 9, 11) },
	},
	{
		kind: fault.KubeLag, name: " of one kind",
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.KubeLag, Target: "k0", Lag: seconds(5), Resource: "Namespace", For: seconds(16)})},
		ops: []fault.Op{
			podCreate(4, "p1", "10.0.0.2"),
			{At: seconds(6), Op: fault.PodCreate, Pod: &fault.Pod{Namespace: "late", Name: "p2", App: "a", Node: "n0", IP: "10.0.0.3"}},
		},
		check: func(t *testing.T, h *history.History) {
			seenBetween(t, h, "a0", "10.0.0.2", 4, 5)
			seenBetween(t, h, "a0", "10.0.0.3", 11, 13)
		},
	},
	{
		kind: fault.KubeFreeze, name: " of one kind",
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.KubeFreeze, Target: "k0", Resource: "CiliumEndpointSlice", For: seconds(12)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2"), {At: seconds(5), Op: fault.NodeCreate, Name: "n9"}},
		check: func(t *testing.T, h *history.History) {
			seenBetween(t, h, "a0", "10.0.0.2", 14, 16)
			node := first(t, times(h, func(r history.Record) bool {
				return r.Verb == history.See && r.Actor == "a0" && r.Kind == history.Node && strings.HasSuffix(r.Key, "n9")
			}))
			require.Less(t, node, 6*time.Second, "nodes are not frozen")
		},
	},
	{
		kind: fault.KubeListErrors,
		world: func(p *fault.Plan) {
			p.Churn = seconds(60)
		},
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", For: seconds(2)}),
			at(2, fault.Fault{Kind: fault.KubeListErrors, Target: "k0", Share: 100, Code: 503, Resource: "CiliumNode", For: seconds(30)}),
		},
		check: func(t *testing.T, h *history.History) {
			endpoint := firstAfter(t, times(h, puts("r0", "10.0.0.1")), 2*time.Second)
			require.Less(t, endpoint, 20*time.Second, "endpoints are listed as ever")
			node := firstAfter(t, times(h, func(r history.Record) bool { return r.Verb == history.Put && r.Actor == "r0" && r.Kind == history.Node }), 2*time.Second)
			require.Greater(t, node, 32*time.Second, "nodes are not")
		},
	},
	{
		kind: fault.KubeSlowLists, name: " of one kind",
		world: func(p *fault.Plan) {
			p.Churn = seconds(60)
		},
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", For: seconds(2)}),
			at(2, fault.Fault{Kind: fault.KubeSlowLists, Target: "k0", Delay: seconds(20), Resource: "CiliumIdentity", For: seconds(50)}),
		},
		check: func(t *testing.T, h *history.History) {
			require.Less(t, firstAfter(t, times(h, puts("r0", "10.0.0.1")), 2*time.Second), 20*time.Second)
			identity := firstAfter(t, times(h, func(r history.Record) bool {
				return r.Verb == history.Put && r.Actor == "r0" && r.Kind == history.Identity
			}), 2*time.Second)
			require.Greater(t, identity, 24*time.Second)
		},
	},
	{
		kind:   fault.KubeFreeze,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.KubeFreeze, Target: "k0", For: seconds(12)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check:  func(t *testing.T, h *history.History) { seenBetween(t, h, "a0", "10.0.0.2", 14, 16) },
	},
	{
		kind: fault.KubeExpire,
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.KubeExpire, Target: "k0"}),
			at(3, fault.Fault{Kind: fault.KubeFreeze, Target: "k0", For: seconds(6), When: &fault.Trigger{Event: fault.KubeWatch, Actor: "r0"}}),
		},
		check: func(t *testing.T, h *history.History) {
			begun := times(h, verb(history.Fault))
			require.Greater(t, begun[1], 3*time.Second, "the writer watches anew, after a back-off")
		},
	},
	{
		kind: fault.KubeCloseWatches,
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.KubeFreeze, Target: "k0", For: seconds(6), When: &fault.Trigger{Event: fault.KubeWatch, Actor: "r0"}}),
			at(4, fault.Fault{Kind: fault.KubeCloseWatches, Target: "k0"}),
		},
		check: func(t *testing.T, h *history.History) {
			begun := times(h, verb(history.Fault))
			require.Equal(t, 4*time.Second, begun[0])
			require.GreaterOrEqual(t, begun[1], 4*time.Second, "the writer's watches are opened again")
			require.Less(t, begun[1], 10*time.Second)
		},
	},
	{
		kind: fault.KubeThrottle,
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.KubeThrottle, Target: "k0", Share: 100, RetryAfter: seconds(1), For: seconds(10)}),
		},
		ops:   []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) { seenBetween(t, h, "a0", "10.0.0.2", 12, 30) },
	},
	{
		kind:   fault.KubeErrors,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.KubeErrors, Target: "k0", Share: 100, Code: 503, For: seconds(10)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check:  func(t *testing.T, h *history.History) { seenBetween(t, h, "a0", "10.0.0.2", 12, 30) },
	},
	{
		kind: fault.KubeSlowLists,
		world: func(p *fault.Plan) {
			p.Churn = seconds(60)
		},
		faults: []fault.Fault{
			at(2, fault.Fault{Kind: fault.ReplicaLoss, Target: "r0", For: seconds(2)}),
			at(2, fault.Fault{Kind: fault.KubeSlowLists, Target: "k0", Delay: seconds(20), For: seconds(50)}),
		},
		check: func(t *testing.T, h *history.History) {
			require.GreaterOrEqual(t, firstAfter(t, times(h, puts("r0", "10.0.0.1")), 2*time.Second), 24*time.Second, "the new writer waits for its list")
		},
	},
	{
		kind:   fault.KubeConflicts,
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.KubeConflicts, Target: "k0", Share: 100, For: seconds(10)})},
		ops:    []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			require.Greater(t, first(t, times(h, sees("a0", "10.0.0.2"))), 12*time.Second, "the slice cannot be updated before")
		},
	},
}

func withOperators(n int) func(*fault.Plan) {
	return func(p *fault.Plan) {
		p.Topology.Operators = n
		p.Churn = seconds(120)
	}
}

var operatorCases = []faultCase{
	{
		kind:   fault.OperatorRestart,
		world:  withOperators(1),
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.OperatorRestart, Target: "o0", For: seconds(30)})},
		ops:    []fault.Op{podCreate(6, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			require.Greater(t, first(t, times(h, sees("a0", "10.0.0.2"))), 32*time.Second, "nobody makes slices meanwhile")
		},
	},
	{
		kind:  fault.OperatorCrash,
		world: withOperators(1),
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.OperatorCrash, Target: "o0", For: seconds(5),
			When: &fault.Trigger{Event: fault.KubeWrite, Actor: "o0", Kind: "CiliumEndpointSlice"}})},
		ops: []fault.Op{podCreate(4, "p1", "10.0.0.2")},
		check: func(t *testing.T, h *history.History) {
			crash := first(t, times(h, verb(history.Fault)))
			require.Greater(t, crash, 4*time.Second)
			require.Equal(t, crash, first(t, times(h, by(history.Down, "o0", "operator"))))
			require.Greater(t, first(t, times(h, sees("a0", "10.0.0.2"))), crash+5*time.Second, "its lease has to expire first")
		},
	},
	{
		kind:   fault.LeaderChange,
		world:  withOperators(2),
		faults: []fault.Fault{at(2, fault.Fault{Kind: fault.LeaderChange, For: seconds(60)})},
		check: func(t *testing.T, h *history.History) {
			leaders := map[string]bool{}
			for _, r := range h.Records {
				if r.Verb == history.Ready && r.Actor[0] == 'o' {
					leaders[r.Actor] = true
				}
			}
			require.Len(t, leaders, 2, "the other one has led, too")
		},
	},
}
