package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeys(t *testing.T) {
	for key, want := range map[string]struct{ of, entry, name, canary, cluster string }{
		"cilium/state/identities/v1/id/1007":         {of: Identity, entry: Identity, name: "1007"},
		"cilium/state/identities/v1/value/k8s:a=b/x": {of: Identity},
		"cilium/state/identities/v1":                 {of: Identity},
		"cilium/state/identities/v10/id/1":           {},
		"cilium/state/ip/v1/default/10.0.0.5":        {of: Endpoint, entry: Endpoint, name: "10.0.0.5"},
		"cilium/state/ip/v1/default/fd00::5":         {of: Endpoint, entry: Endpoint, name: "fd00::5"},
		"cilium/state/nodes/v1/c1/n0":                {of: Node, entry: Node, name: "n0"},
		"cilium/synced/c1/cilium/state/nodes/v1":     {canary: Node, cluster: "c1"},
		"cilium/synced/c1/cilium/state/services/v1":  {},
		"cilium/cluster-config/c1":                   {},
		"cilium/.heartbeat":                          {},
		"":                                           {},
	} {
		nameOf := func(k *Kind) string {
			if k == nil {
				return ""
			}
			return k.Name
		}
		entry, name := EntryOf(key)
		canary, cluster := CanaryOf(key)
		require.Equal(t, want.of, nameOf(KindOf(key)), key)
		require.Equal(t, want.entry, nameOf(entry), key)
		require.Equal(t, want.name, name, key)
		require.Equal(t, want.canary, nameOf(canary), key)
		require.Equal(t, want.cluster, cluster, key)
	}
}

func TestKinds(t *testing.T) {
	require.Len(t, Kinds(), 5)
	require.Len(t, Stored(), 3)
	for _, k := range Kinds() {
		require.Equal(t, k.Name, KindNamed(k.Name).Name)
		require.NotEqual(t, k.InEtcd(), OfServices(k.Name))
		for _, r := range k.Resources {
			require.Equal(t, OfServices(k.Name), MakesServices(r))
		}
	}
	for _, k := range Stored() {
		require.True(t, k.InEtcd())
		of, _ := CanaryOf(CanaryPrefix + "c1/" + k.Path)
		require.Equal(t, k.Name, of.Name)
	}
	require.Nil(t, KindNamed(Meta))
}
