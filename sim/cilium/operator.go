package cilium

import (
	"context"
	"sync"

	"github.com/cilium/hive/job"
	"k8s.io/client-go/util/workqueue"

	"github.com/cilium/cilium/operator/pkg/ciliumendpointslice"
	"github.com/cilium/cilium/operator/pkg/ciliumidentity"
)

// JobsOfIdentityController returns the job group of the operator's controller of
// identities, to be replaced by one that waits on a channel where Cilium's waits for a
// mutex: a goroutine that waits for a mutex holds up virtual time.
func JobsOfIdentityController(c *ciliumidentity.Controller) *job.Group {
	return field[job.Group](c, "jobGroup")
}

// ReleaseIdentityController shuts down a queue that the controller of identities
// leaves open if it was never in sync.
func ReleaseIdentityController(c *ciliumidentity.Controller) {
	shutDown(*field[workqueue.TypedRateLimitingInterface[ciliumidentity.QueuedItem]](c, "resourceQueue"))
}

// ReleaseSliceController ends what a controller of slices, slim or default, does not end
// when it is told to stop: its start, which waits for the first lists with a context of its
// own; its queues, if it stopped before their worker was there; and the worker, which waits
// on a condition that the slim controller does not signal (the default one does,
// shutdownQueues).
func ReleaseSliceController(c *ciliumendpointslice.Controller) {
	if cancel := *field[context.CancelFunc](c, "contextCancel"); cancel != nil {
		cancel()
	}
	shutDown(*field[workqueue.TypedRateLimitingInterface[ciliumendpointslice.CESKey]](c, "fastQueue"))
	shutDown(*field[workqueue.TypedRateLimitingInterface[ciliumendpointslice.CESKey]](c, "standardQueue"))
	cond := field[sync.Cond](c, "cond")
	cond.L.Lock()
	defer cond.L.Unlock()
	cond.Broadcast()
}

func shutDown[T comparable](q workqueue.TypedRateLimitingInterface[T]) {
	if q != nil {
		q.ShutDown()
	}
}
