package agent

import (
	"net"
	"sync"

	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/source"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// Shared are the identity cache and the ipcache of an agent that two readers of Cilium's have
// together, with nothing between them and it but a note of whose word is being taken.
type Shared struct {
	Identities *IdentityCache
	ipcache    *ipcache.IPCache

	mu   sync.Mutex // of who speaks
	from func() Learned
}

// NewShared returns what readers share, and tells the sink of the ipcache's changes.
func NewShared(identities *IdentityCache, ips *ipcache.IPCache, into Sink) *Shared {
	s := &Shared{Identities: identities, ipcache: ips, from: func() Learned { return Learned{} }}
	ips.AddListener(into.Endpoints(func() Learned { return s.from() }))
	return s
}

// IPCache returns the ipcache as one of its readers is to have it: from tells how that reader
// learned of what it says.
func (s *Shared) IPCache(from func() Learned) *Voice { return &Voice{s.ipcache, s, from} }

// Voice is an ipcache that a reader speaks to.
type Voice struct {
	*ipcache.IPCache
	of   *Shared
	from func() Learned
}

// Upsert implements ipcache.IPCacher.
func (v *Voice) Upsert(ip string, host net.IP, key uint8, meta *ipcache.K8sMetadata, id ipcache.Identity) (bool, error) {
	defer v.speak()()
	return v.IPCache.Upsert(ip, host, key, meta, id)
}

// Delete implements ipcache.IPCacher.
func (v *Voice) Delete(ip string, from source.Source) bool {
	defer v.speak()()
	return v.IPCache.Delete(ip, from)
}

// DeleteOnMetadataMatch is what the watcher of CiliumEndpoints calls.
func (v *Voice) DeleteOnMetadataMatch(ip string, from source.Source, namespace, name string) bool {
	defer v.speak()()
	return v.IPCache.DeleteOnMetadataMatch(ip, from, namespace, name)
}

// speak makes the reader the one whose word the ipcache takes, until the function that it
// returns is called.
func (v *Voice) speak() (done func()) {
	v.of.mu.Lock()
	v.of.from = v.from
	return v.of.mu.Unlock
}

// Ranked stands where several readers hand on nodes to one node manager, and does what
// Cilium's does (pkg/node/manager, NodeUpdated and NodeDeleted): who is of lower precedence
// than who has told of a node is not heard, nor remembered, and a node is deleted only by who
// has told of it. All else it hands on.
type Ranked struct {
	into Sink

	mu     sync.Mutex
	owners map[string]source.Source // of nodes
}

// NewRanked returns one that has no nodes.
func NewRanked(into Sink) *Ranked { return &Ranked{into: into, owners: map[string]source.Source{}} }

// Sink is where the reader hands on what it knows that Cilium has as one of a source.
func (r *Ranked) Sink(of source.Source) Sink { return Sink{ranked{r, of}} }

type ranked struct {
	*Ranked
	source source.Source
}

func (r ranked) has(kind, key string) bool { return r.into.to.has(kind, key) }

func (r ranked) set(from Learned, e truth.Entry) {
	if e.Kind == history.Node {
		r.mu.Lock()
		defer r.mu.Unlock()
		if owner, known := r.owners[e.Key]; known && !source.AllowOverwrite(owner, r.source) {
			return
		}
		r.owners[e.Key] = r.source
	}
	r.into.to.set(from, e)
}

func (r ranked) delete(from Learned, kind, key string) {
	if kind == history.Node {
		r.mu.Lock()
		defer r.mu.Unlock()
		if owner, known := r.owners[key]; !known || owner != r.source {
			return
		}
		delete(r.owners, key)
	}
	r.into.to.delete(from, kind, key)
}
