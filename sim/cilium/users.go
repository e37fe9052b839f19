package cilium

import (
	"log/slog"
	_ "unsafe" // for go:linkname

	"github.com/cilium/hive/cell"

	"github.com/cilium/cilium/clustermesh-apiserver/clustermesh"
	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/kvstore"
)

// ManageUsers has the users of an etcd be as its writer has them: one for each name in the file of remote clusters.
func ManageUsers(lc cell.Lifecycle, cfg clustermesh.UsersManagementConfig, cluster cmtypes.ClusterInfo, client kvstore.Client, log *slog.Logger) error {
	return registerUsersManager(lc, cfg, cluster, client, log)
}

//go:linkname registerUsersManager github.com/cilium/cilium/clustermesh-apiserver/clustermesh.registerUsersManager
func registerUsersManager(lc cell.Lifecycle, cfg clustermesh.UsersManagementConfig, cinfo cmtypes.ClusterInfo, client kvstore.BackendOperationsUserMgmt, logger *slog.Logger) error
