//go:build detrt

package daemon

import (
	"net"
	"sync"

	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/k8s"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	nodeTypes "github.com/cilium/cilium/pkg/node/types"

	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/crd"
)

// listener tells the sink what the agent's datapath would be told. It leaves out what is not
// compared: what an agent knows of nodes and networks in its ipcache, where it gives them
// identities that are reserved or its own.
//
// Its own node an assembled agent learns of from the CiliumNode, as everybody does. A whole
// one writes that itself, and knows what it writes before; so it is taken from there too.
type listener struct {
	node    string // its own
	into    agent.Sink
	watched *crd.Watched

	mu    sync.Mutex
	shown map[cmtypes.PrefixCluster]*ipcache.K8sMetadata // addresses that were told of
	nodes map[string]bool                                // and nodes
	local map[identity.NumericIdentity]string            // networks that have identities of this agent
}

func newListener(node string, into agent.Sink) *listener {
	return &listener{node: node, into: into, shown: map[cmtypes.PrefixCluster]*ipcache.K8sMetadata{}, nodes: map[string]bool{}, local: map[identity.NumericIdentity]string{}}
}

// OnIPIdentityCacheChange implements ipcache.IPIdentityMappingListener.
func (l *listener) OnIPIdentityCacheChange(mod ipcache.CacheModification, prefix cmtypes.PrefixCluster, oldHost, host net.IP,
	oldID *ipcache.Identity, id ipcache.Identity, encryption uint8, meta *ipcache.K8sMetadata, flags uint8) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, is := l.shown[prefix]
	if mod == ipcache.Delete || !ofPod(id.ID) || !prefix.IsSingleIP() {
		if !is {
			return
		}
		mod, meta = ipcache.Delete, known
		delete(l.shown, prefix)
	} else {
		l.shown[prefix] = meta
	}
	pod := ""
	if meta != nil {
		pod = meta.Namespace + "/" + meta.PodName
	}
	from := l.watched.Endpoint(pod)
	l.into.Endpoints(func() agent.Learned { return from }).OnIPIdentityCacheChange(mod, prefix, oldHost, host, oldID, id, encryption, meta, flags)
}

// ofPod reports whether an identity is one of labels that the cluster shares.
func ofPod(id identity.NumericIdentity) bool {
	return !id.IsReservedIdentity() && id.Scope() == identity.IdentityScopeGlobal
}

// identities returns what is told of identities.
func (l *listener) identities() identity.UpdateIdentities {
	return identities{local: l.networks, tell: l.into.Identities(func(id identity.NumericIdentity, _ bool) agent.Learned { return l.watched.Identity(id.String()) })}
}

type identities struct {
	tell  func(added, deleted identity.IdentityMap)
	local func(added identity.IdentityMap)
}

// UpdateIdentities implements identity.UpdateIdentities.
func (i identities) UpdateIdentities(added, deleted identity.IdentityMap, _ *sync.WaitGroup) (mutated bool) {
	i.local(added)
	i.tell(shared(added), shared(deleted))
	return false
}

func shared(ids identity.IdentityMap) identity.IdentityMap {
	of := identity.IdentityMap{}
	for id, labels := range ids {
		if ofPod(id) {
			of[id] = labels
		}
	}
	return of
}

// networks notes which networks identities stand for that are this agent's own.
func (l *listener) networks(added identity.IdentityMap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, labels := range added {
		for i := range labels {
			if prefix := labels[i].GetCIDRPrefix(); prefix != nil && id.HasLocalScope() {
				l.local[id] = "cidr:" + prefix.String()
			}
		}
	}
}

// nameOf is what an identity is called in the records of policy maps.
func (l *listener) nameOf(id identity.NumericIdentity) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if network, is := l.local[id]; is {
		return network
	}
	return id.StringID()
}

// listener implements node.Handler.

func (l *listener) Name() string { return "meshcheck" }

func (l *listener) NodeAdd(n nodeTypes.Node) error {
	if n.Name == l.node {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes[n.Name] = true
	from := l.watched.Node(n.Name)
	l.into.Nodes(func() agent.Learned { return from }).NodeUpdated(n)
	return nil
}

// ownNode is told of each version of a CiliumNode that the agent is delivered.
func (l *listener) ownNode(o *v2.CiliumNode, from agent.Learned) {
	if o.Name == l.node {
		l.into.Nodes(func() agent.Learned { return from }).NodeUpdated(k8s.ParseCiliumNode(o))
	}
}

func (l *listener) NodeUpdate(_, n nodeTypes.Node) error { return l.NodeAdd(n) }

// NodeDelete is also called of a node that is known from the state directory and is gone
// since, so that a datapath which has outlived the agent can be cleaned: no change of a view.
func (l *listener) NodeDelete(n nodeTypes.Node) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.nodes[n.Name] {
		return nil
	}
	delete(l.nodes, n.Name)
	from := l.watched.Node(n.Name)
	l.into.Nodes(func() agent.Learned { return from }).NodeDeleted(n)
	return nil
}

func (l *listener) AllNodeValidateImplementation()                  {}
func (l *listener) NodeValidateImplementation(nodeTypes.Node) error { return nil }
