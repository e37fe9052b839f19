package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	v2alpha1 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	"github.com/cilium/cilium/pkg/node/addressing"

	"github.com/meshcheck/meshcheck/fault"
)

// cluster is what the workload's clients know of the cluster: what they have made
// of it, or been given.
type cluster struct {
	name       string                   // cluster name, part of every identity's labels
	perSlice   int                      // how many endpoints a slice holds
	slices     bool                     // endpoints as CiliumEndpointSlices, else as CiliumEndpoints
	agents     Agents                   // that make endpoints and nodes known; nil where objects do
	whole      func(node string) bool   // its agent makes the endpoints of its pods
	operators  bool                     // there are operators: they write identities and slices
	namespaces map[string]chan struct{} // closed when it is made
	pods       map[podKey]*pod          // as the plan has it: those that are being made too
	identities map[string]*identity     // by labels
	used       map[int]bool             // numeric identities
	first      int                      // lowest numeric identity
	groups     map[string]*slice        // CiliumEndpointSlices by name
	roomy      map[string][]*slice      // those of a namespace with room, in order of name
	nextSlice  int
	nodes      map[string]node
	nextNode   int
	taken      map[string]bool // addresses of what was given
	services   services
	policies   map[object]*policy
}

type podKey struct{ namespace, name string }

type pod struct {
	podKey
	ips      []string
	planned  []string // addresses; a whole agent gives it others
	ports    []fault.Port
	node     string
	nodeIP   string
	key      int               // of encryption: that of its node
	wanted   map[string]string // labels of its identity, in a world with operators
	uid      types.UID         // of a pod of the start, and of one that runs where agents write by themselves
	running  bool              // as the kube-apiserver knows
	identity *identity
	slice    *slice  // nil where endpoints are CiliumEndpoints
	version  version // of its CiliumEndpoint

	container string // of its sandbox, on the node of a whole agent
	sandboxes int    // that were made there, or tried to

	// As it was given, for a pod of Plan.Objects; one of them at most.
	given         *v2alpha1.CoreCiliumEndpoint
	givenEndpoint *v2.CiliumEndpoint
}

type identity struct {
	id     int
	labels map[string]string
	pods   int           // that have it, or are about to
	made   chan struct{} // closed when it is
}

type slice struct {
	name, namespace string
	pods            []*pod
	version         version
	adopted         bool // given by the plan: no pods are added to it

	changes int           // so far
	writing chan struct{} // holds a value while it is being written
	written int           // the number of changes that the kube-apiserver knows; of who writes it
}

type node struct {
	name      string
	addresses []v2.NodeAddress
	has       fault.Node // besides
}

// ip is the address that the node's pods are reached by.
func (n node) ip() string {
	for _, a := range n.addresses {
		if a.Type == addressing.NodeInternalIP {
			return a.IP
		}
	}
	return ""
}

// MaxPerSlice is how many endpoints a CiliumEndpointSlice holds, if the plan does not say it. It is smaller than the default of the operator's ces-max-ciliumendpoints-per-ces
// (100), so that a small world has several slices in a namespace.
const MaxPerSlice = 10

func newCluster(p *fault.Plan) *cluster {
	return &cluster{
		name:       p.Options.ClusterName,
		perSlice:   cmp.Or(p.Options.SliceSize, MaxPerSlice),
		slices:     p.Options.EndpointSlices,
		whole:      func(string) bool { return false },
		operators:  p.Topology.Operators > 0,
		namespaces: map[string]chan struct{}{},
		pods:       map[podKey]*pod{},
		identities: map[string]*identity{},
		used:       map[int]bool{},
		first:      p.Options.ClusterID<<fault.IdentityShift(p.Options.ClusterID) + 256,
		groups:     map[string]*slice{},
		roomy:      map[string][]*slice{},
		nodes:      map[string]node{},
		services:   newServices(),
		policies:   map[object]*policy{},
	}
}

// newNode makes a node, with addresses of its own if it is given none.
func (c *cluster) newNode(name string, has *fault.Node) node {
	for {
		i := c.nextNode
		c.nextNode++
		internal, router := fmt.Sprintf("192.168.%d.%d", i/250, i%250+1), fmt.Sprintf("10.%d.%d.1", 128+i/250, i%250)
		if !c.taken[internal] && !c.taken[router] {
			c.nodes[name] = node{name: name, addresses: []v2.NodeAddress{{Type: addressing.NodeInternalIP, IP: internal}, {Type: addressing.NodeCiliumInternalIP, IP: router}}}
			break
		}
	}
	if has != nil {
		c.updateNode(name, has)
	}
	return c.nodes[name]
}

// updateNode makes a node what it is given. It keeps its addresses if there are none
// among that.
func (c *cluster) updateNode(name string, has *fault.Node) {
	n := c.nodes[name]
	n.has = *has
	if len(has.Addresses) > 0 {
		n.addresses = nil
	}
	for _, a := range has.Addresses {
		kind, ip, _ := strings.Cut(a, "=")
		n.addresses = append(n.addresses, v2.NodeAddress{Type: addressing.AddressType(kind), IP: ip})
	}
	c.nodes[name] = n
}

// settle puts a pod on a node.
func (p *pod) settle(n node) { p.node, p.nodeIP, p.key = n.name, n.ip(), n.has.EncryptionKey }

// labelsOf returns the labels that make the identity of an app in a namespace, as
// Cilium makes them from the pod, its namespace and its service account.
func (c *cluster) labelsOf(namespace, app string) map[string]string {
	return map[string]string{
		"k8s:app": app,
		"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": namespace,
		"k8s:io.cilium.k8s.policy.cluster":                               c.name,
		"k8s:io.cilium.k8s.policy.serviceaccount":                        serviceAccount,
		"k8s:io.kubernetes.pod.namespace":                                namespace,
	}
}

// identityOf returns the identity of an app in a namespace, and whether it is new.
func (c *cluster) identityOf(namespace, app string) (id *identity, isNew bool) {
	labels := c.labelsOf(namespace, app)
	key := labelsKey(labels)
	if id, ok := c.identities[key]; ok {
		return id, false
	}
	n := c.first
	for c.used[n] {
		n++
	}
	id = &identity{id: n, labels: labels, made: make(chan struct{})}
	c.identities[key], c.used[n] = id, true
	return id, true
}

// forgetIdentity makes the identity that of no labels, and reports whether it was
// one. Its number remains in use.
func (c *cluster) forgetIdentity(id *identity) bool {
	key := labelsKey(id.labels)
	if c.identities[key] != id {
		return false
	}
	delete(c.identities, key)
	return true
}

func labelsKey(labels map[string]string) string {
	var s []string
	for k, v := range labels {
		s = append(s, k+"="+v)
	}
	slices.Sort(s)
	return fmt.Sprint(s)
}

// place puts the pod in a slice with room, which may be new, if there are slices.
func (c *cluster) place(p *pod) {
	if !c.slices {
		return
	}
	var s *slice
	if roomy := c.roomy[p.namespace]; len(roomy) > 0 {
		s = roomy[0]
	} else {
		s = newSlice(fmt.Sprintf("ces-%s-%d", p.namespace, c.nextSlice), p.namespace)
		s.version = absent
		c.nextSlice++
		c.groups[s.name] = s
		c.setRoom(s, true)
	}
	s.pods = append(s.pods, p)
	p.slice = s
	if len(s.pods) == c.perSlice {
		c.setRoom(s, false)
	}
}

func newSlice(name, namespace string) *slice {
	return &slice{name: name, namespace: namespace, writing: make(chan struct{}, 1)}
}

// setRoom notes whether pods can be added to a slice.
func (c *cluster) setRoom(s *slice, room bool) {
	roomy := c.roomy[s.namespace]
	i, found := slices.BinarySearchFunc(roomy, s.name, func(s *slice, name string) int { return cmp.Compare(s.name, name) })
	switch {
	case room && !found:
		c.roomy[s.namespace] = slices.Insert(roomy, i, s)
	case !room && found:
		c.roomy[s.namespace] = slices.Delete(roomy, i, i+1)
	}
}

// remove takes the pod from its slice.
func (c *cluster) remove(p *pod) {
	s := p.slice
	if s == nil {
		return
	}
	s.pods = slices.DeleteFunc(s.pods, func(q *pod) bool { return q == p })
	if len(s.pods) == 0 {
		delete(c.groups, s.name)
	}
	c.setRoom(s, len(s.pods) > 0 && !s.adopted)
}

// podsOf returns the pods of a namespace by name.
func (c *cluster) podsOf(namespace string) []*pod {
	return c.podsWith(func(p *pod) bool { return p.namespace == namespace })
}

// podsOn returns the pods on a node by namespace and name.
func (c *cluster) podsOn(node string) []*pod {
	return c.podsWith(func(p *pod) bool { return p.node == node })
}

func (c *cluster) podsWith(is func(*pod) bool) []*pod {
	var pods []*pod
	for _, p := range c.pods {
		if is(p) {
			pods = append(pods, p)
		}
	}
	slices.SortFunc(pods, func(a, b *pod) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	return pods
}
