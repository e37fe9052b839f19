package draw

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
)

// crdMode is a mode without replicas.
var crdMode = mode.Mode{Base: mode.CRD}

func mustDrawCRD(t *testing.T, seed uint64) *fault.Plan {
	t.Helper()
	p, err := Plan(seed, Config{Mode: crdMode.String()})
	require.NoError(t, err, "seed %d", seed)
	return p
}

func TestDrawInTheModeCRD(t *testing.T) {
	struck, kinds := map[fault.Kind]bool{}, map[string]bool{}
	for seed := range uint64(300) {
		p, mesh := mustDrawCRD(t, seed), mustDraw(t, seed)
		require.Zero(t, p.Topology.Replicas)
		require.NotEmpty(t, p.Faults, "seed %d", seed)
		require.Equal(t, mesh.Ops, p.Ops, "seed %d: the same workload", seed)
		require.Equal(t, mesh.Pods, p.Pods)
		mesh.Topology.Replicas = 0
		require.Equal(t, mesh.Topology, p.Topology, "seed %d: the same world", seed)
		for i := range p.Faults {
			f := &p.Faults[i]
			require.True(t, fault.SpecOf(f.Kind).In(crdMode), "seed %d: %s", seed, f.Kind)
			require.Empty(t, p.NotApplicable(f), "seed %d: %s", seed, f.Sentence())
			struck[f.Kind] = true
			if f.Peer != "" {
				kinds[f.Target[:1]+f.Peer[:1]] = true
			}
		}
	}
	for i := range fault.Specs {
		require.Equal(t, fault.Specs[i].In(crdMode), struck[fault.Specs[i].Kind], "%s", fault.Specs[i].Kind)
	}
	require.True(t, kinds["ak"] && kinds["ka"], "links of agents with kube-apiservers: %v", kinds)
}

func TestRefusedInTheModeCRD(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault.Fault
		want  string
	}{
		"a kind of replicas": {fault.Fault{Kind: fault.ScaleUp, Count: 1}, "faults[0].kind: a scale-up needs replicas; the plan has none"},
		"a move":             {fault.Fault{Kind: fault.Move, Target: "a0"}, "faults[0].kind: a move needs replicas; the plan has none"},
		"a replica":          {fault.Fault{Kind: fault.Pause, Target: "r0", For: second}, "faults[0].target: the host r0 does not exist; the plan has none of its kind"},
		"a link": {fault.Fault{Kind: fault.Reset, Target: "a0", Peer: "w0"},
			"faults[0].peer: a0 and w0 never talk; in the mode crd agents, operators and clients talk to kube-apiservers"},
		"an event of etcd": {fault.Fault{Kind: fault.Pause, Target: "a0", For: second, When: &fault.Trigger{Event: fault.Connect, Actor: "a0"}},
			"faults[0].when.event: the trigger can never fire: without replicas nobody causes connect"},
		"an object that agents do not read": {fault.Fault{Kind: fault.Pause, Target: "a0", For: second, When: &fault.Trigger{Event: fault.KubeList, Actor: "a0", Kind: "Pod"}},
			"faults[0].when: the trigger can never fire: agents do not read objects of the kind Pod"},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustDrawCRD(t, 1)
			p.Faults = []fault.Fault{c.fault}
			require.EqualError(t, p.Validate(), c.want)
			p.Faults = []fault.Fault{{Kind: fault.DNSFailure, Target: "a0", For: second, When: &fault.Trigger{Event: fault.KubeList, Actor: "a0", Kind: "CiliumNode"}}}
			require.NoError(t, p.Validate())
		})
	}
}

// A plan that is projected keeps its faults; those that the mode lacks something for
// say so, and are struck from no plan.
func TestProject(t *testing.T) {
	applied := map[fault.Kind]bool{}
	for seed := range uint64(200) {
		drawn := mustDraw(t, seed)
		mesh := fault.Project(drawn, mode.Default.String())
		crd := fault.Project(drawn, crdMode.String())
		require.NoError(t, crd.Validate(), "seed %d", seed)
		require.Equal(t, mesh.Faults, crd.Faults)
		for i := range crd.Faults {
			f := &crd.Faults[i]
			require.Empty(t, mesh.NotApplicable(f), "seed %d: %s", seed, f.Sentence())
			if crd.NotApplicable(f) == "" {
				applied[f.Kind] = true
			}
		}
		require.Equal(t, mesh, fault.Project(crd, mode.Default.String()), "seed %d", seed)
		require.Equal(t, drawn, fault.Project(crd, drawn.InMode().String()), "seed %d", seed)
	}
	require.True(t, applied[fault.AgentCrash] && applied[fault.KubeFreeze] && applied[fault.PartitionGroup] && applied[fault.Pause], "%v", applied)
	require.False(t, applied[fault.Move] || applied[fault.EtcdStall] || applied[fault.ReplicaLoss], "%v", applied)
}

func TestNotApplicable(t *testing.T) {
	p := fault.Project(mustDraw(t, 1), crdMode.String())
	for _, c := range []struct {
		fault fault.Fault
		why   string
	}{
		{fault.Fault{Kind: fault.Pause, Target: "r0"}, "there are no replicas"},
		{fault.Fault{Kind: fault.Partition, Target: "a0", Peer: "r0"}, "there are no replicas"},
		{fault.Fault{Kind: fault.AllReplicasLoss}, "there are no replicas"},
		{fault.Fault{Kind: fault.Pause, Target: "a0", When: &fault.Trigger{Event: fault.EtcdPut, Actor: "r0"}}, "there are no replicas"},
		{fault.Fault{Kind: fault.Pause, Target: "a0", When: &fault.Trigger{Event: fault.Connect, Actor: "a0"}}, "a0 never causes connect"},
		{fault.Fault{Kind: fault.PartitionRing, Targets: []string{"k0", "r0", "a0", "a1"}}, "too few of its hosts exist"},
	} {
		require.Equal(t, "not applicable: in the mode crd "+c.why, p.NotApplicable(&c.fault), c.fault.Sentence())
	}
	require.Empty(t, p.NotApplicable(&fault.Fault{Kind: fault.PartitionGroup, Targets: []string{"r0", "a0"}}), "one of its hosts exists")
	mesh := fault.Project(p, mode.Default.String())
	require.Equal(t, "not applicable: in the mode clustermesh a0 and k0 never talk", mesh.NotApplicable(&fault.Fault{Kind: fault.Reset, Target: "a0", Peer: "k0"}))
}

// Where agents share an etcd it has several members in some plans, which then fail by
// themselves too, and lose each other.
func TestDrawMembers(t *testing.T) {
	kinds, clusters, links := map[fault.Kind]int{}, 0, 0
	for seed := range uint64(300) {
		p, err := Plan(seed, Config{Mode: string(mode.KVStore)})
		require.NoError(t, err, "seed %d", seed)
		if p.Topology.Etcds > 1 {
			clusters++
		}
		for i := range p.Faults {
			f := &p.Faults[i]
			between := f.Kind == fault.Partition && mode.Etcd.Is(f.Target) && mode.Etcd.Is(f.Peer)
			if between {
				links++
			}
			if between || fault.SpecOf(f.Kind).Members {
				require.Empty(t, p.NotApplicable(f), "seed %d: %s", seed, f.Sentence())
			}
			kinds[f.Kind]++
		}
	}
	require.InDelta(t, 100, clusters, 30)
	require.Greater(t, links, 10)
	for i := range fault.Specs {
		if s := fault.Specs[i]; s.Members {
			require.Greater(t, kinds[s.Kind], 10, s.Kind)
		}
	}
}
