package workload

import (
	"context"
	"maps"
	"slices"

	"github.com/cilium/cilium/api/v1/models"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
)

// Agents are the agents of the nodes, as kubelets and those who care for nodes meet them,
// where agents make known by themselves what they know. A call that has to wait for an
// agent waits, and gives up only when ctx is done.
type Agents interface {
	Join(*v2.CiliumNode)               // a node is there
	Update(*v2.CiliumNode)             // it has changed
	Leave(node string)                 // a node is about to go
	Restore(Endpoint)                  // an endpoint was there before the run
	Add(context.Context, Endpoint)     // the CNI plugin is asked for an endpoint
	Relabel(context.Context, Endpoint) // the labels of a pod have changed
	Remove(context.Context, Endpoint)  // the CNI plugin is asked to end an endpoint
}

// Endpoint is a pod as its node's agent has to know it.
type Endpoint struct {
	Namespace, Name string
	Node, HostIP    string
	IPs             []string
	Key             int // of encryption
	Ports           models.NamedPorts
	ServiceAccount  string
	Labels          []string // that make its identity, each "source:key=value", sorted
}

// Pod returns the name of the pod with its namespace.
func (e Endpoint) Pod() string { return e.Namespace + "/" + e.Name }

// asked returns what is asked of the agent for a pod.
func (p *pod) asked() Endpoint {
	e := Endpoint{Namespace: p.namespace, Name: p.name, Node: p.node, HostIP: p.nodeIP, IPs: p.ips, Key: p.key, Ports: p.namedPorts(), ServiceAccount: serviceAccount}
	for _, key := range slices.Sorted(maps.Keys(p.identity.labels)) {
		e.Labels = append(e.Labels, key+"="+p.identity.labels[key])
	}
	return e
}

func (c *cluster) join(n node) {
	if c.agents != nil {
		c.agents.Join(n.object())
	}
}

func (c *cluster) leave(name string) {
	if c.agents != nil {
		c.agents.Leave(name)
	}
}
