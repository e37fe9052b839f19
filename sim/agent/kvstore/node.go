package kvstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cilium/cilium/pkg/controller"
	"github.com/cilium/cilium/pkg/kvstore"
	nodestore "github.com/cilium/cilium/pkg/node/store"
	nodeTypes "github.com/cilium/cilium/pkg/node/types"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/kvclient"
	"github.com/meshcheck/meshcheck/sim/cilium"
)

const (
	registerRetry = time.Second      // pkg/nodediscovery/nodediscovery.go, StartDiscovery
	nodeSync      = 30 * time.Minute // pkg/node/store/store.go, RegisterNode
)

var nodeGroup = controller.NewGroup("propagating-local-node-change-to-kv-store")

// register makes the agent's node known and reads the others, as StartDiscovery does, and
// then makes it known anew: at once, and whenever it changes, until that succeeds.
func (d *Daemon) register(ctx context.Context, others *nodes) {
	d.cfg.Host.watch(func() { d.propagate(ctx) })
	d.propagate(ctx)
	for ctx.Err() == nil {
		err := d.registrar.RegisterNode(ctx, d.cfg.Log, d.client, d.cfg.Host.node(), others)
		if err == nil {
			cilium.OwnSync(d.registrar.SharedStore, "kvstore-sync-"+d.cfg.Name, nodeSync)
			close(d.registered)
			return
		}
		d.cfg.Log.Error("Unable to initialize local node. Retrying...", "error", err)
		sleep(ctx, registerRetry)
	}
}

// propagate makes the node known as it is now (updateLocalNode, likewise there).
func (d *Daemon) propagate(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	d.controllers.UpdateController("propagating local node change to kv-store", controller.ControllerParams{
		Group: nodeGroup, Context: ctx, CancelDoFuncOnUpdate: true,
		DoFunc: func(ctx context.Context) error {
			select {
			case <-d.registered:
			case <-ctx.Done():
				return nil
			}
			err := d.registrar.UpdateLocalKeySync(ctx, d.cfg.Host.node())
			if err != nil && !errors.Is(err, context.Canceled) {
				d.cfg.Log.Error("Unable to propagate local node change to kvstore", "error", err)
			}
			return err
		},
	})
}

// nodes is the manager of nodes that the registrar tells. Of a node that is gone it is told
// half a minute later (SharedKeyDeleteDelay), when the store has worked on others since:
// how that was learned of is kept until then.
type nodes struct {
	nodestore.NodeManager
	learning *kvclient.Learning

	mu  sync.Mutex
	now agent.Learned // of what is being told
}

func newNodes(sink func(func() agent.Learned) nodestore.NodeManager, l *kvclient.Learning) *nodes {
	n := &nodes{learning: l}
	n.NodeManager = sink(func() agent.Learned { return n.now })
	return n
}

func (n *nodes) NodeUpdated(node nodeTypes.Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now = n.learning.Now(history.Node)()
	n.NodeManager.NodeUpdated(node)
}

func (n *nodes) NodeDeleted(node nodeTypes.Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now = n.learning.Deleted(kvstore.JoinKey(nodestore.NodeStorePrefix, node.GetKeyName()))
	n.NodeManager.NodeDeleted(node)
}

func (*nodes) NodeSync() {}
