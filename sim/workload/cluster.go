package workload

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	v2alpha1 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"

	"github.com/meshcheck/meshcheck/fault"
)

// cluster is what the workload's client knows of the cluster: what it has made
// of it, or been given.
type cluster struct {
	name       string // cluster name, part of every identity's labels
	slices     bool   // endpoints as CiliumEndpointSlices, else as CiliumEndpoints
	operators  bool   // there are operators: they write identities and slices
	namespaces map[string]bool
	pods       map[podKey]*pod
	identities map[string]*identity // by labels
	used       map[int]bool         // numeric identities
	first      int                  // lowest numeric identity
	groups     map[string]*slice    // CiliumEndpointSlices by name
	nextSlice  int
	nodes      map[string]node
	nextNode   int
}

type podKey struct{ namespace, name string }

type pod struct {
	podKey
	ip       string
	node     string
	nodeIP   string
	uid      types.UID // set for a pod of the start only
	running  bool      // as the kube-apiserver knows
	identity *identity
	slice    *slice  // nil where endpoints are CiliumEndpoints
	version  version // of its CiliumEndpoint

	// As it was given, for a pod of Plan.Objects; one of them at most.
	given         *v2alpha1.CoreCiliumEndpoint
	givenEndpoint *v2.CiliumEndpoint
}

type identity struct {
	id     int
	labels map[string]string
	pods   int // that have it
}

type slice struct {
	name, namespace string
	pods            []*pod
	version         version
	adopted         bool // given by the plan: no pods are added to it
}

type node struct{ name, internalIP, ciliumIP string }

// MaxPerSlice is how many endpoints a CiliumEndpointSlice holds. It is smaller than the default of the operator's ces-max-ciliumendpoints-per-ces
// (100), so that a small world has several slices in a namespace.
const MaxPerSlice = 10

func newCluster(p *fault.Plan) *cluster {
	return &cluster{
		name:       p.Options.ClusterName,
		slices:     p.Options.EndpointSlices,
		operators:  p.Topology.Operators > 0,
		namespaces: map[string]bool{},
		pods:       map[podKey]*pod{},
		identities: map[string]*identity{},
		used:       map[int]bool{},
		first:      p.Options.ClusterID<<16 + 256,
		groups:     map[string]*slice{},
		nodes:      map[string]node{},
	}
}

// newNode makes a node with addresses of its own.
func (c *cluster) newNode(name string) node {
	i := c.nextNode
	c.nextNode++
	n := node{name, fmt.Sprintf("192.168.%d.%d", i/250, i%250+1), fmt.Sprintf("10.%d.%d.1", 128+i/250, i%250)}
	c.nodes[name] = n
	return n
}

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
	id = &identity{id: n, labels: labels}
	c.identities[key], c.used[n] = id, true
	return id, true
}

func (c *cluster) forgetIdentity(id *identity) {
	delete(c.identities, labelsKey(id.labels))
	delete(c.used, id.id)
}

func labelsKey(labels map[string]string) string {
	var s []string
	for k, v := range labels {
		s = append(s, k+"="+v)
	}
	slices.Sort(s)
	return fmt.Sprint(s)
}

// place adds the pod and puts it in a slice with room, which may be new.
func (c *cluster) place(p *pod) {
	c.pods[p.podKey] = p
	p.identity.pods++
	if !c.slices {
		return
	}
	s := c.roomIn(p.namespace)
	if s == nil {
		s = &slice{name: fmt.Sprintf("ces-%s-%d", p.namespace, c.nextSlice), namespace: p.namespace, version: absent}
		c.nextSlice++
		c.groups[s.name] = s
	}
	s.pods = append(s.pods, p)
	p.slice = s
}

// roomIn returns the first slice of the namespace, by name, with room, among those
// that this client has made.
func (c *cluster) roomIn(namespace string) *slice {
	var found *slice
	for _, s := range c.groups {
		if s.namespace == namespace && !s.adopted && len(s.pods) < MaxPerSlice && (found == nil || s.name < found.name) {
			found = s
		}
	}
	return found
}

// remove takes the pod away.
func (c *cluster) remove(p *pod) {
	delete(c.pods, p.podKey)
	p.identity.pods--
	if s := p.slice; s != nil {
		s.pods = slices.DeleteFunc(s.pods, func(q *pod) bool { return q == p })
		if len(s.pods) == 0 {
			delete(c.groups, s.name)
		}
	}
}

// podsOf returns the pods of a namespace by name.
func (c *cluster) podsOf(namespace string) []*pod {
	var pods []*pod
	for _, p := range c.pods {
		if p.namespace == namespace {
			pods = append(pods, p)
		}
	}
	slices.SortFunc(pods, func(a, b *pod) int { return cmp.Compare(a.name, b.name) })
	return pods
}
