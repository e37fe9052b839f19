package fault

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mode"
)

func TestDiscovery(t *testing.T) {
	plan := func() *Plan {
		p, err := Read("p.json", []byte(withServices))
		require.NoError(t, err)
		return p
	}
	for name, c := range map[string]struct {
		edit func(*Plan)
		want string
	}{
		"unknown":      {func(p *Plan) { p.Options.Discovery = "dns" }, `options.discovery: found "dns"; want "service", "dialer" or "hostnetwork"`},
		"another mode": {func(p *Plan) { *p = *Project(p, "crd"); p.Options.Discovery = mode.ByDialer }, "options.discovery: in the mode crd agents have no choice of how to find replicas; want the mode clustermesh, or no discovery"},
		"nodes":        {func(p *Plan) { p.Options.ReplicaNodes = 2 }, `options.replicaNodes: replicas are on nodes of theirs with the discovery "hostnetwork" only`},
		"too many nodes": {func(p *Plan) { p.Options.Discovery, p.Options.ReplicaNodes = mode.ByHostNetwork, 65 },
			"options.replicaNodes: found 65; want 1 to 64, or nothing for enough"},
		"its Service": {func(p *Plan) {
			p.Options.Discovery = mode.ByDialer
			p.Services[0].Namespace, p.Services[0].Name = MeshNamespace, MeshService
		}, `services[0].name: with the discovery "dialer" the service kube-system/clustermesh-apiserver is that of the replicas; want another name`},
		"its address": {func(p *Plan) { p.Options.Discovery, p.Services[0].IPs = mode.ByDialer, []string{MeshIP} },
			`services[0].ips: with the discovery "dialer" the service of the replicas has the address 172.20.0.10; want another one`},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan()
			c.edit(p)
			require.EqualError(t, p.Validate(), c.want)
		})
	}
}

// A plan in another mode has no discovery, and in each mode what its name says.
func TestProjectDiscovery(t *testing.T) {
	p, err := Read("p.json", []byte(withServices))
	require.NoError(t, err)
	for _, name := range mode.Variants() {
		in := Project(p, name)
		require.NoError(t, in.Validate(), name)
		require.Equal(t, name, in.InMode().String())
		move := &Fault{Kind: Move, Target: "a0"}
		m := in.InMode()
		require.Equal(t, m.Runs(mode.Replica) && !m.Chooses(), in.NotApplicable(move) == "", name)
	}
}
