package agent

import (
	"maps"
	"net"
	"slices"

	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/labels"
	nodeTypes "github.com/cilium/cilium/pkg/node/types"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// The adapters feed an agent's view and datapath from the places where Cilium
// hands on what it knows: the owner of the identity cache, the listeners of the
// ipcache, the observer of the node store.

// identities is the cache.IdentityAllocatorOwner that policy would be. As the
// SelectorCache does (pkg/policy/selectorcache.go, UpdateIdentities), it ignores
// the deletion of an identity that it does not have: Cilium's identity cache hands
// one on when it learns of an addition and the deletion at once.
type identities struct {
	view *View
	// from tells how an identity that is handed on was learned of: with these labels,
	// or that it is gone.
	from func(id identity.NumericIdentity, added labels.LabelArray, gone bool) Learned
}

func (i identities) UpdateIdentities(added, deleted identity.IdentityMap) <-chan struct{} {
	for _, id := range slices.Sorted(maps.Keys(deleted)) {
		from := i.from(id, nil, true)
		if i.view.Has(history.Identity, id.String()) {
			i.view.Delete(from, history.Identity, id.String())
		}
	}
	for _, id := range slices.Sorted(maps.Keys(added)) {
		i.view.Set(i.from(id, added[id], false), truth.Identity(id.String(), added[id].GetModel()))
	}
	done := make(chan struct{})
	close(done)
	return done
}

func (identities) GetNodeSuffix() string { return NodeSuffix }

// endpoints is the ipcache.IPIdentityMappingListener that the BPF map would be.
type endpoints struct {
	view     *View
	datapath *Datapath
	from     func() Learned
}

func (e endpoints) OnIPIdentityCacheChange(mod ipcache.CacheModification, cidr cmtypes.PrefixCluster, _, host net.IP,
	_ *ipcache.Identity, id ipcache.Identity, _ uint8, meta *ipcache.K8sMetadata, _ uint8) {
	if e.view.closed.Load() {
		return
	}
	ip, from := cidr.AsPrefix().Addr(), e.from()
	if mod == ipcache.Delete {
		e.view.Delete(from, history.Endpoint, ip.String())
		e.datapath.delete(from, ip.String())
		return
	}
	var namespace, pod, hostIP string
	if meta != nil {
		namespace, pod = meta.Namespace, meta.PodName
	}
	if host != nil {
		hostIP = host.String()
	}
	entry := truth.Endpoint(ip, uint32(id.ID), hostIP, namespace, pod)
	e.view.Set(from, entry)
	e.datapath.set(from, entry)
}

// nodes is the node store's NodeManager that the node manager would be.
type nodes struct {
	view *View
	from func() Learned
}

func (n nodes) NodeUpdated(node nodeTypes.Node) {
	var addresses []truth.Address
	for _, a := range node.IPAddresses {
		addresses = append(addresses, truth.Address{Type: string(a.Type), IP: a.IP.String()})
	}
	n.view.Set(n.from(), truth.Node(node.Name, addresses))
}

func (n nodes) NodeDeleted(node nodeTypes.Node) { n.view.Delete(n.from(), history.Node, node.Name) }
