package agent

import (
	"context"

	"github.com/cilium/cilium/pkg/identity/cache"
	"github.com/cilium/cilium/pkg/ipcache"
	nodestore "github.com/cilium/cilium/pkg/node/store"

	"github.com/meshcheck/meshcheck/sim/proc"
)

// Source is where an incarnation of an agent learns of the cluster: one of
// Cilium's readers with all that it needs. A value serves one incarnation.
type Source interface {
	// Start begins to read over the process's connections, and to tell the sink. It
	// does not wait for what it reads. The context ends with the process.
	Start(ctx context.Context, process *proc.Process, into Sink) error
	// Synced waits for the initial lists, and reports whether they are complete: a
	// source may give up waiting, after which the agent goes on without. It fails
	// if the source is stopped before.
	Synced(ctx context.Context) (complete bool, err error)
	// Stop does what the process does when it is asked to end, and returns when that
	// is done. For a process that was killed it is called as well: its goroutines
	// wind down, without connections and unseen.
	Stop()
	// Close ends what is left, after Stop, when the process is gone.
	Close()
}

// Sink is where a source hands on what it knows: the places where Cilium's readers
// tell the rest of the agent.
type Sink struct {
	Identities cache.IdentityAllocatorOwner
	Endpoints  ipcache.IPIdentityMappingListener
	Nodes      nodestore.NodeManager
}

func newSink(view *View, datapath *Datapath) Sink {
	return Sink{Identities: identities{view}, Endpoints: endpoints{view, datapath}, Nodes: nodes{view}}
}
