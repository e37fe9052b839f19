package agent

import (
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/labels"
	nodestore "github.com/cilium/cilium/pkg/node/store"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// Sink is where a source hands on what it knows: the places where Cilium's readers
// tell the rest of the agent. Each takes with it a function that says, while it is
// told something, how the source learned of that.
type Sink struct{ to consumer }

// Endpoints is told of endpoints.
func (s Sink) Endpoints(from func() Learned) ipcache.IPIdentityMappingListener {
	return endpoints{s.to, from}
}

// Nodes is told of nodes.
func (s Sink) Nodes(from func() Learned) nodestore.NodeManager { return nodes{s.to, from} }

// Identities is told of identities, as the policy engine is: each change with how it was
// learned of, of one that is added or gone.
func (s Sink) Identities(from func(id identity.NumericIdentity, gone bool) Learned) func(added, deleted identity.IdentityMap) {
	to := identities{s.to, func(id identity.NumericIdentity, _ labels.LabelArray, gone bool) Learned { return from(id, gone) }}
	return func(added, deleted identity.IdentityMap) { to.UpdateIdentities(added, deleted) }
}

// consumer is told of entries, by the adapters of a source.
type consumer interface {
	set(from Learned, e truth.Entry)
	// delete may be told of an entry that is not there.
	delete(from Learned, kind, key string)
	has(kind, key string) bool
}

// consumers are those of what counts: its view and its host's datapath.
type consumers struct {
	view     *View
	datapath *Datapath
}

func (c consumers) has(kind, key string) bool { return c.view.Has(kind, key) }

func (c consumers) set(from Learned, e truth.Entry) {
	if c.view.closed.Load() {
		return
	}
	c.view.Set(from, e)
	if e.Kind == history.Endpoint {
		c.datapath.set(from, e)
	}
}

func (c consumers) delete(from Learned, kind, key string) {
	if c.view.closed.Load() {
		return
	}
	c.view.Delete(from, kind, key)
	if kind == history.Endpoint {
		c.datapath.delete(from, key)
	}
}
