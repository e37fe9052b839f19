package agent

import (
	"maps"
	"net"
	"slices"

	"github.com/cilium/cilium/pkg/cidr"
	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/labels"
	nodeTypes "github.com/cilium/cilium/pkg/node/types"
	"github.com/cilium/cilium/pkg/types"

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
	to consumer
	// from tells how an identity that is handed on was learned of: with these labels,
	// or that it is gone.
	from func(id identity.NumericIdentity, added labels.LabelArray, gone bool) Learned
}

func (i identities) UpdateIdentities(added, deleted identity.IdentityMap) <-chan struct{} {
	for _, id := range slices.Sorted(maps.Keys(deleted)) {
		from := i.from(id, nil, true)
		if i.to.has(history.Identity, id.String()) {
			i.to.delete(from, history.Identity, id.String())
		}
	}
	for _, id := range slices.Sorted(maps.Keys(added)) {
		i.to.set(i.from(id, added[id], false), truth.Identity(id.String(), added[id].GetModel()))
	}
	done := make(chan struct{})
	close(done)
	return done
}

func (identities) GetNodeSuffix() string { return NodeSuffix }

// endpoints is the ipcache.IPIdentityMappingListener that the BPF map would be.
type endpoints struct {
	to   consumer
	from func() Learned
}

func (e endpoints) OnIPIdentityCacheChange(mod ipcache.CacheModification, prefix cmtypes.PrefixCluster, _, host net.IP,
	_ *ipcache.Identity, id ipcache.Identity, encryption uint8, meta *ipcache.K8sMetadata, _ uint8) {
	key, from := keyOf(prefix), e.from()
	if mod == ipcache.Delete {
		e.to.delete(from, history.Endpoint, key)
		return
	}
	c := truth.EndpointContent{ID: uint32(id.ID), Key: encryption}
	if meta != nil {
		c.Namespace, c.Pod, c.Ports = meta.Namespace, meta.PodName, portsOf(meta.NamedPorts)
	}
	if host != nil {
		c.Host = host.String()
	}
	e.to.set(from, truth.Endpoint(key, c))
}

// keyOf is the address, or what it is in place of one: truth has addresses only, of no
// other cluster.
func keyOf(prefix cmtypes.PrefixCluster) string {
	if prefix.IsSingleIP() && prefix.ClusterID() == 0 {
		return prefix.AsPrefix().Addr().Unmap().String()
	}
	return prefix.String()
}

func portsOf(named types.NamedPortMap) (ports []truth.Port) {
	for name, port := range named {
		ports = append(ports, truth.Port{Name: name, Port: port.Port, Protocol: port.Proto.String()})
	}
	return ports
}

// nodes is the node store's NodeManager that the node manager would be.
type nodes struct {
	to   consumer
	from func() Learned
}

func (n nodes) NodeUpdated(node nodeTypes.Node) {
	n.to.set(n.from(), truth.Node(node.Name, contentOf(&node)))
}

func contentOf(n *nodeTypes.Node) truth.NodeContent {
	c := truth.NodeContent{
		Cluster: n.Cluster, ClusterID: n.ClusterID,
		CIDR4: cidrOf(n.IPv4AllocCIDR), CIDR6: cidrOf(n.IPv6AllocCIDR),
		Health4: addressOf(n.IPv4HealthIP), Health6: addressOf(n.IPv6HealthIP),
		Ingress4: addressOf(n.IPv4IngressIP), Ingress6: addressOf(n.IPv6IngressIP),
		Key: n.EncryptionKey, WireGuard: n.WireguardPubKey, BootID: n.BootID, Labels: n.Labels, Annotations: n.Annotations,
	}
	for _, a := range n.IPAddresses {
		c.Addresses = append(c.Addresses, truth.Address{Type: string(a.Type), IP: a.IP.String()})
	}
	for _, cidr := range n.IPv4SecondaryAllocCIDRs {
		c.CIDR4s = append(c.CIDR4s, cidrOf(cidr))
	}
	for _, cidr := range n.IPv6SecondaryAllocCIDRs {
		c.CIDR6s = append(c.CIDR6s, cidrOf(cidr))
	}
	return c
}

func cidrOf(c *cidr.CIDR) string {
	if c == nil {
		return ""
	}
	return truth.CIDR(c.IPNet)
}

func addressOf(ip net.IP) string {
	if ip == nil {
		return ""
	}
	return ip.String()
}

func (n nodes) NodeDeleted(node nodeTypes.Node) { n.to.delete(n.from(), history.Node, node.Name) }
