package crd

import (
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/informer"
)

// Watched are the clients of an agent that puts its readers together itself. It does not say
// of which version of an object it tells something; so that is taken for the newest that it
// was delivered, and of a slice for what it was delivered last of any.
type Watched struct {
	*observed
	slices bool
}

// Watch returns such clients. Slices is whether endpoints are CiliumEndpointSlices. Node is
// told of each version of a CiliumNode that is delivered.
func Watch(clients k8sclient.Clientset, connections *agent.Connections, slices bool, node func(*v2.CiliumNode, agent.Learned)) *Watched {
	w := &Watched{observe(clients, connections), slices}
	w.nodes.ListWatch = informer.New(connections, nodesTold{w.nodes.deliveries, node})
	return w
}

// nodesTold are deliveries of nodes, which somebody else is told of as well.
type nodesTold struct {
	*deliveries
	tell func(*v2.CiliumNode, agent.Learned)
}

func (n nodesTold) Deliver(d informer.Delivery) {
	n.deliveries.Deliver(d)
	n.told(d)
}

func (n nodesTold) Replace(items []informer.Delivery, last agent.Learned) {
	n.deliveries.Replace(items, last)
	for _, d := range items {
		n.told(d)
	}
}

func (n nodesTold) told(d informer.Delivery) {
	if node, is := d.Object.(*v2.CiliumNode); is && d.Version != "" {
		n.tell(node, d.From)
	}
}

// Identity returns how an identity was learned of, as far as it is known.
func (w *Watched) Identity(name string) agent.Learned { return w.identities.deliveries.latest(name) }

// Node is Identity for a node.
func (w *Watched) Node(name string) agent.Learned { return w.nodes.deliveries.latest(name) }

// Endpoint is Identity for the endpoint of a pod, "namespace/name".
func (w *Watched) Endpoint(pod string) agent.Learned {
	if w.slices {
		return w.observed.slices.deliveries.latest("")
	}
	return w.endpoints.deliveries.latest(pod)
}

// Lists returns the origin of the last complete list of endpoints.
func (w *Watched) Lists() history.Origin {
	if w.slices {
		return w.observed.slices.deliveries.lastList()
	}
	return w.endpoints.deliveries.lastList()
}
