package agent

import (
	"unsafe"

	"github.com/cilium/hive/cell"
)

// remoteClusterAdd is what Cilium's watcher of the configuration directory calls
// for a file that appears in it (pkg/clustermesh/common/clustermesh.go). The
// watcher itself waits in the operating system (inotify), which would stop
// virtual time, so it is the one part that is not started.
//
//go:linkname remoteClusterAdd github.com/cilium/cilium/pkg/clustermesh/common.(*clusterMesh).add
func remoteClusterAdd(cm unsafe.Pointer, name, path string)

// pointerIn returns the pointer that an interface value holds.
func pointerIn(h cell.HookInterface) unsafe.Pointer {
	return (*[2]unsafe.Pointer)(unsafe.Pointer(&h))[1]
}
