package cilium

import (
	_ "unsafe" // for go:linkname

	"github.com/cilium/cilium/pkg/k8s/watchers/subscriber"
)

// SliceSubscribers is where Cilium keeps whom the process's watcher of CiliumEndpointSlices
// tells: whoever runs several agents in a process exchanges it.
func SliceSubscribers() **subscriber.CESList { return &cesNotify }

//go:linkname cesNotify github.com/cilium/cilium/pkg/k8s/watchers.cesNotify
var cesNotify *subscriber.CESList
