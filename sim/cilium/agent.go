package cilium

import (
	"unsafe"

	"github.com/cilium/hive/cell"

	"github.com/cilium/cilium/pkg/allocator"
	"github.com/cilium/cilium/pkg/identity/cache"
)

// AddRemoteCluster makes a ClusterMesh, by its hook in a lifecycle, connect with the
// cluster of a configuration file. It is what Cilium's watcher of the configuration
// directory calls for a file that appears in it. The watcher itself waits in the
// operating system (inotify), which would stop virtual time, so it is the one part
// that is not started.
func AddRemoteCluster(hook cell.HookInterface, cluster, configPath string) {
	addRemoteCluster(pointerIn(hook), cluster, configPath)
}

//go:linkname addRemoteCluster github.com/cilium/cilium/pkg/clustermesh/common.(*clusterMesh).add
func addRemoteCluster(cm unsafe.Pointer, name, path string)

// pointerIn returns the pointer that an interface value holds.
func pointerIn(h cell.HookInterface) unsafe.Pointer {
	return (*[2]unsafe.Pointer)(unsafe.Pointer(&h))[1]
}

// AllocatorEvents returns the channel on which an identity cache expects the events of
// its allocator.
func AllocatorEvents(c *cache.CachingIdentityAllocator) allocator.AllocatorEventChan {
	return *field[allocator.AllocatorEventChan](c, "events")
}

// AllocatorInitialized tells an identity cache that it has its allocator, as
// InitIdentityAllocator does. Call it once.
func AllocatorInitialized(c *cache.CachingIdentityAllocator) {
	close(*field[chan struct{}](c, "globalIdentityAllocatorInitialized"))
}
