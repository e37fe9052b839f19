package shrink

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/model/mode"
)

func pod(namespace, name, node string) fault.Pod {
	return fault.Pod{Namespace: namespace, Name: name, App: "web", Node: node, IP: "10.0.0.1"}
}

func create(at fault.Duration, p fault.Pod) fault.Op {
	return fault.Op{At: at * second, Op: fault.PodCreate, Pod: &p}
}

func remove(at fault.Duration, namespace, name string) fault.Op {
	return fault.Op{At: at * second, Op: fault.PodDelete, Pod: &fault.Pod{Namespace: namespace, Name: name}}
}

// small is a valid plan in which every sort of thing happens.
func small(t *testing.T) *fault.Plan {
	t.Helper()
	p := &fault.Plan{
		Version: fault.Version, Seed: 1, Mode: mode.Default.String(),
		Topology: fault.Topology{APIServers: 2, Replicas: 2, Agents: 3, Nodes: 5},
		Network:  fault.Network{LatencyMin: ms, LatencyMax: ms},
		Options:  fault.Options{WriterQPS: 50, WriterBootstrapQPS: 10_000, AgentQPS: 20, ClusterID: 1},
		Churn:    60 * second, Settle: 360 * second,
		Pods: []fault.Pod{pod("shop", "web", "n1"), pod("pay", "api", "n4")},
		Ops: []fault.Op{
			remove(5, "shop", "web"),
			{At: 6 * second, Op: fault.NodeCreate, Name: "n9"},
			create(10, pod("shop", "web", "n9")),
			{At: 20 * second, Op: fault.NamespaceDelete, Name: "pay"},
			create(30, pod("pay", "api", "n2")),
		},
		Faults: []fault.Fault{
			{At: 2 * second, Kind: fault.Partition, Target: "r1", Peer: "k1", For: 30 * second},
			{At: 7 * second, Kind: fault.AgentCrash, Targets: []string{"a0", "a2"}, For: 2 * second},
			{At: 40 * second, Kind: fault.Reset, Target: "a1", Peer: "r0", When: &fault.Trigger{Event: fault.EtcdList, Actor: "a2", Nth: 3}},
		},
	}
	require.NoError(t, p.Validate())
	return p
}

func sentences(p *fault.Plan) (all []string) {
	for i := range p.Faults {
		all = append(all, p.Faults[i].At.String()+" "+p.Faults[i].Sentence())
	}
	return all
}

func TestWithoutHosts(t *testing.T) {
	p := withoutHosts(clone(small(t)), "a", 0, 1)
	require.NoError(t, p.Validate())
	require.Equal(t, fault.Topology{APIServers: 2, Replicas: 2, Agents: 2, Nodes: 5}, p.Topology)
	require.Equal(t, []string{
		"2s r1 and k1 are cut off from each other for 30s",
		"7s a1 crashes and starts again with an empty view after 2s; the datapath stays",
		"40s when a1 has listed something for the 3rd time: the connections between a0 and r0 are reset",
	}, sentences(p))
	require.Equal(t, "n0", p.Pods[0].Node, "the pod is still on the node of the agent that was a1")
	require.Equal(t, "n4", p.Pods[1].Node)
	require.Equal(t, "n1", p.Ops[4].Pod.Node, "of the agent that was a2")

	p = withoutHosts(clone(small(t)), "r", 1, 2)
	require.NoError(t, p.Validate())
	require.Len(t, p.Faults, 2, "what happens to r1 goes with it")

	p = withoutHosts(clone(small(t)), "k", 0, 1)
	require.NoError(t, p.Validate())
	require.Equal(t, "k0", p.Faults[0].Peer)
}

func TestWithoutNodes(t *testing.T) {
	p := withoutNodes(clone(small(t)), 3, 5)
	require.NoError(t, p.Validate())
	require.Equal(t, 3, p.Topology.Nodes)
	require.Equal(t, "n0", p.Pods[1].Node, "its node is gone")
	require.Equal(t, "n7", p.Ops[1].Name)
	p = numberNewNodes(p)
	require.NoError(t, p.Validate())
	require.Equal(t, "n3", p.Ops[1].Name)
	require.Equal(t, "n3", p.Ops[2].Pod.Node)
}

func TestRepair(t *testing.T) {
	p := clone(small(t))
	p.Ops = slices.Delete(p.Ops, 1, 2) // the creation of n9
	require.Error(t, p.Validate())
	repair(p)
	require.NoError(t, p.Validate())
	require.Equal(t, "n0", p.Ops[1].Pod.Node)

	p = clone(small(t))
	p.Pods = p.Pods[:0]
	repair(p)
	require.NoError(t, p.Validate())
	require.Len(t, p.Ops, 3, "without the pods there is nothing to delete")
}

func TestCut(t *testing.T) {
	p := cut(small(t), 15*second, 40*second)
	require.NoError(t, p.Validate())
	require.Equal(t, 25*second, p.Churn)
	require.Equal(t, []string{"0s r1 and k1 are cut off from each other for 17s"}, sentences(p), "what is left of it")
	require.Equal(t, []string{"pay/api", "shop/web"}, groups(p, podKey))
	require.Len(t, p.Pods, 2)
	require.Equal(t, []fault.OpKind{fault.NodeCreate, fault.NamespaceDelete, fault.PodCreate}, []fault.OpKind{p.Ops[0].Op, p.Ops[1].Op, p.Ops[2].Op})
	require.Equal(t, 5*second, p.Ops[1].At)
	require.Equal(t, 15*second, p.Ops[2].At)

	require.Nil(t, cut(small(t), 0, 60*second))
	require.Nil(t, cut(small(t), 0, 50*second), "nothing happens after that")
}

// A cut of any drawn plan can be run.
func TestCutsAreValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := draw.Plans().Draw(t, "plan")
		given := plan.Line()
		start := fault.Duration(rapid.Int64Range(0, int64(plan.Churn)).Draw(t, "start"))
		end := fault.Duration(rapid.Int64Range(int64(start), int64(plan.Churn)).Draw(t, "end"))
		if p := cut(plan, start, end); p != nil && slices.IndexFunc(p.Faults, unstable) < 0 {
			require.NoError(t, p.Validate())
		}
		require.Equal(t, given, plan.Line())
	})
}

// unstable faults add or take replicas: without those before them they may not be
// possible, which is for Validate to say.
func unstable(f fault.Fault) bool {
	switch f.Kind {
	case fault.ScaleUp, fault.ScaleDown, fault.ReplicaGone, fault.RollingUpgrade:
		return true
	}
	return false
}

func TestRetime(t *testing.T) {
	p := small(t)
	require.Equal(t, []fault.Duration{2 * second, 5 * second, 6 * second, 7 * second, 9 * second, 10 * second, 20 * second, 30 * second, 32 * second, 40 * second, 60 * second}, instants(p))
	even := evenGaps(p, second)
	require.NoError(t, even.Validate())
	require.Equal(t, 11*second, even.Churn)
	require.Equal(t, []string{
		"1s r1 and k1 are cut off from each other for 8s",
		"4s a0 and a2 crash and start again with an empty view after 1s; the datapath stays",
		"10s when a2 has listed something for the 3rd time: the connections between a1 and r0 are reset",
	}, sentences(even))
	require.Equal(t, 3, int(even.Ops[1].At/second))
}

func TestSimplerThan(t *testing.T) {
	d := func(text string) fault.Duration {
		d, err := time.ParseDuration(text)
		require.NoError(t, err)
		return fault.Duration(d)
	}
	for length, want := range map[string][]string{
		"1s":    nil,
		"3s":    {"1s", "2s"},
		"7s":    {"1s", "2s", "3s", "5s", "10s"},
		"2.75s": {"1s", "2s", "3s", "2.7s", "2.8s"},
		"137ms": {"1s", "100ms", "200ms", "130ms", "140ms"},
	} {
		var got []string
		for _, l := range simplerThan(d(length)) {
			require.True(t, simpler(l, d(length)))
			require.False(t, simpler(d(length), l))
			got = append(got, time.Duration(l).String())
		}
		require.Equal(t, want, got, length)
	}
}

// What nodes and pods have goes when it is not needed, and stays with the node or pod
// that it is of.
func TestContentInEdits(t *testing.T) {
	p := &fault.Plan{
		Version: fault.Version, Mode: "clustermesh", Churn: 60 * second,
		Topology: fault.Topology{APIServers: 1, Replicas: 1, Agents: 2, Nodes: 4},
		Nodes:    []fault.Node{{Name: "n0", BootID: "b0"}, {Name: "n1", BootID: "b1"}, {Name: "n3", BootID: "b3"}},
		Pods:     []fault.Pod{{Namespace: "ns", Name: "p0", App: "web", Node: "n3", IP: "10.0.0.1", MoreIPs: []string{"fd00::1"}, Ports: []fault.Port{"http:80/TCP"}}},
		Ops: []fault.Op{
			{At: second, Op: fault.PodUpdate, Pod: &fault.Pod{Namespace: "ns", Name: "p0", IP: "10.0.0.2"}},
			{At: 2 * second, Op: fault.NodeUpdate, Name: "n3", Node: &fault.Node{BootID: "c3"}},
			{At: 3 * second, Op: fault.PodUpdate, Pod: &fault.Pod{Namespace: "ns", Name: "p0", Node: "n1"}},
			{At: 20 * second, Op: fault.PodUpdate, Pod: &fault.Pod{Namespace: "ns", Name: "p0", Ports: []fault.Port{"dns:53/UDP"}}},
		},
	}
	fewer := withoutHosts(clone(p), mode.Agent, 0, 1)
	require.Equal(t, []fault.Node{{Name: "n1", BootID: "b0"}, {Name: "n0", BootID: "b1"}, {Name: "n3", BootID: "b3"}}, fewer.Nodes)
	require.Equal(t, "n0", fewer.Ops[2].Pod.Node)
	gone := withoutNodes(clone(p), 3, 4)
	require.Equal(t, []fault.Node{{Name: "n0", BootID: "b0"}, {Name: "n1", BootID: "b1"}}, gone.Nodes)
	require.Len(t, gone.Ops, 3)

	late := cut(p, 10*second, 30*second)
	require.Equal(t, []fault.Pod{{Namespace: "ns", Name: "p0", App: "web", Node: "n1", IP: "10.0.0.2", Ports: []fault.Port{"http:80/TCP"}}}, late.Pods)
	require.Equal(t, []fault.OpKind{fault.NodeUpdate, fault.PodUpdate}, []fault.OpKind{late.Ops[0].Op, late.Ops[1].Op})

	plain := clone(p)
	for _, edit := range planEdits(true) {
		edit(plain)
	}
	require.Empty(t, plain.Nodes)
	require.Empty(t, plain.Pods[0].Ports)
	require.Empty(t, plain.Pods[0].MoreIPs)
	require.Len(t, plain.Ops, 3, "an update that has nothing to do goes")
	require.Len(t, p.Pods[0].Ports, 1, "the plan itself is as it was")
}
