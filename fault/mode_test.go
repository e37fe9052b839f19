package fault

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func mustDrawCRD(t *testing.T, seed uint64) *Plan {
	t.Helper()
	p, err := Draw(seed, DrawConfig{Mode: ModeCRD})
	require.NoError(t, err, "seed %d", seed)
	return p
}

func TestDrawInTheModeCRD(t *testing.T) {
	struck, kinds := map[Kind]bool{}, map[string]bool{}
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
			require.False(t, specs[f.Kind].needsReplicas(), "seed %d: %s", seed, f.Kind)
			struck[f.Kind] = true
			if f.Peer != "" {
				kinds[f.Target[:1]+f.Peer[:1]] = true
			}
		}
	}
	for i := range Specs {
		require.Equal(t, !Specs[i].needsReplicas(), struck[Specs[i].Kind], "%s", Specs[i].Kind)
	}
	require.True(t, kinds["ak"] && kinds["ka"], "links of agents with kube-apiservers: %v", kinds)
}

func TestRefusedInTheModeCRD(t *testing.T) {
	for name, c := range map[string]struct {
		fault Fault
		want  string
	}{
		"a kind of replicas": {Fault{Kind: ScaleUp, Count: 1}, "faults[0].kind: a scale-up needs replicas; in the mode crd there are none"},
		"a move":             {Fault{Kind: Move, Target: "a0"}, "faults[0].kind: a move needs replicas; in the mode crd there are none"},
		"a replica":          {Fault{Kind: Pause, Target: "r0", For: second}, "faults[0].target: the host r0 does not exist; the plan has none of its kind"},
		"a link": {Fault{Kind: Reset, Target: "a0", Peer: "w0"},
			"faults[0].peer: a0 and w0 never talk; in the mode crd agents, operators and w0 talk to kube-apiservers"},
		"an event of etcd": {Fault{Kind: Pause, Target: "a0", For: second, When: &Trigger{Event: Connect, Actor: "a0"}},
			"faults[0].when.event: the trigger can never fire: in the mode crd nobody causes connect"},
		"an object that agents do not read": {Fault{Kind: Pause, Target: "a0", For: second, When: &Trigger{Event: KubeList, Actor: "a0", Kind: "Pod"}},
			"faults[0].when: the trigger can never fire: agents do not read objects of the kind Pod"},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustDrawCRD(t, 1)
			p.Faults = []Fault{c.fault}
			require.EqualError(t, p.Validate(), c.want)
			p.Faults = []Fault{{Kind: DNSFailure, Target: "a0", For: second, When: &Trigger{Event: KubeList, Actor: "a0", Kind: "CiliumNode"}}}
			require.NoError(t, p.Validate())
		})
	}
}
