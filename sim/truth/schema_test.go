package truth

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cilium/cilium/pkg/identity/cache"
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/kvstore"
	nodestore "github.com/cilium/cilium/pkg/node/store"

	"github.com/meshcheck/meshcheck/model/schema"
)

// The keys that model/schema spells are Cilium's.
func TestSchemaIsCiliums(t *testing.T) {
	for kind, cilium := range map[string]struct{ path, prefix string }{
		schema.Identity: {cache.IdentitiesPath, kvstore.JoinKey(cache.IdentitiesPath, "id") + "/"},
		schema.Endpoint: {ipcache.IPIdentitiesPath, kvstore.JoinKey(ipcache.IPIdentitiesPath, ipcache.AddressSpace) + "/"},
		schema.Node:     {nodestore.NodeStorePrefix, nodestore.NodeStorePrefix + "/"},
	} {
		require.Equal(t, cilium.path, schema.KindNamed(kind).Path)
		require.Equal(t, cilium.prefix, schema.KindNamed(kind).Prefix)
	}
	require.Equal(t, kvstore.SyncedPrefix+"/", schema.CanaryPrefix)
	require.Equal(t, kvstore.ClusterConfigPrefix+"/", schema.ClusterConfigPrefix)
	require.Equal(t, kvstore.HeartbeatPath, schema.Heartbeat)
}
