package kvstore

import (
	"context"
	"slices"
	"strings"

	"github.com/cilium/cilium/pkg/k8s"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/kvstore"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/truth"
	"github.com/meshcheck/meshcheck/sim/workload"
)

// node is a node of the cluster.
type node struct {
	s *Store
	*kvstore.Host
	name string

	// writer is its agent, if none of the plan's is: on the host of the workload, and
	// seen by nobody. It has what every agent has, as it takes all of it to write.
	writer  *agent.Host
	daemon  *kvstore.Daemon // of the writer
	leaving bool            // it ends with its last endpoint
}

// pod is a pod with an endpoint, from when that is asked for.
type pod struct {
	node     *node
	endpoint *kvstore.Endpoint // nil until an agent has taken it
}

// sorted are the nodes by name; the lock is held.
func (s *Store) sorted() (all []*node) {
	for _, n := range s.nodes {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	return all
}

// Join makes a node one of the cluster: its agent makes it known.
func (s *Store) Join(object *v2.CiliumNode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, is := object.Name, k8s.ParseCiliumNode(object)
	n := s.nodes[name]
	if n == nil {
		n = &node{s: s, name: name}
		n.Host = kvstore.NewHost(is, func(ep *kvstore.Endpoint, id uint32, labels []string) {
			s.truth.Assign(n.actor(), contentOf(ep, id), labels)
		})
		s.nodes[name] = n
	}
	n.leaving = false
	n.Is(is)
	if s.started {
		n.startWriter()
	}
}

// Update makes known what a node has from now on.
func (s *Store) Update(object *v2.CiliumNode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.nodes[object.Name]; n != nil {
		n.Is(k8s.ParseCiliumNode(object))
	}
}

func contentOf(ep *kvstore.Endpoint, id uint32) truth.EndpointContent {
	c := truth.EndpointContent{ID: id, Host: ep.HostIP, Namespace: ep.Namespace, Pod: ep.Pod, Key: uint8(ep.Key)}
	for _, p := range ep.Ports {
		c.Ports = append(c.Ports, truth.Port{Name: p.Name, Port: p.Port, Protocol: p.Protocol})
	}
	return c
}

// actor is the host of the node's agent.
func (n *node) actor() string {
	if number, ok := fault.NodeNumber(n.name); ok && number < n.s.Plan.Topology.Agents {
		return mode.Agent.Host(number)
	}
	return mode.Client.Host(0)
}

// startWriter starts the agent of a node that has none among the plan's; one that still
// cares for endpoints of an earlier node of this name ends. The lock is held.
func (n *node) startWriter() {
	host := n.actor()
	if mode.Agent.Is(host) {
		return
	}
	n.endWriter()
	n.writer = agent.NewHost(agent.Config{
		Host:      host,
		NewSource: func() agent.Source { n.daemon = n.s.source(host, n, host+"/"+n.name); return n.daemon },
		Record:    func(history.Record) {},
		OnExit:    func(_ int, reason error) { n.writerExits(reason) },
	})
	deploy.Must(n.writer.Start())
}

// writerExits is the end of a writer that ends itself; the kubelet starts it again.
func (n *node) writerExits(reason error) {
	n.s.Step(func() {
		n.s.mu.Lock()
		defer n.s.mu.Unlock()
		if n.writer == nil || !n.writer.Running() || n.s.Ended() {
			return
		}
		n.writer.Exit(reason)
		deploy.Must(n.writer.Start())
	})
}

// endWriter ends the writer at once; the lock is held.
func (n *node) endWriter() {
	if n.writer != nil && n.writer.Running() {
		n.writer.Kill()
	}
	n.writer = nil
}

// Leave takes a node from the cluster. Its agent lets go of the node, and ends with the
// last endpoint that is left on it.
func (s *Store) Leave(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[name]
	if n == nil || n.writer == nil {
		return
	}
	n.leaving = true
	if s.empty(n) {
		n.endWriter()
		return
	}
	go n.daemon.Deregister()
}

// empty reports whether a node has no pods; the lock is held.
func (s *Store) empty(n *node) bool {
	for _, p := range s.pods {
		if p.node == n {
			return false
		}
	}
	return true
}

// Restore makes an endpoint one that a node has had since before its first agent.
func (s *Store) Restore(e workload.Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[e.Node]
	s.truth.Demand(e.Pod(), e.IPs)
	s.pods[e.Pod()] = &pod{n, n.Host.Restore(endpointOf(e), e.Labels)}
}

func endpointOf(e workload.Endpoint) kvstore.Endpoint {
	return kvstore.Endpoint{Namespace: e.Namespace, Pod: e.Name, ServiceAccount: e.ServiceAccount, IPs: e.IPs, HostIP: e.HostIP, Key: e.Key, Ports: e.Ports}
}

// Add asks the agent of a node for an endpoint. It returns when that has an identity, or
// when ctx is done.
func (s *Store) Add(ctx context.Context, e workload.Endpoint) {
	s.mu.Lock()
	n := s.nodes[e.Node]
	p := &pod{node: n}
	s.pods[e.Pod()] = p
	s.mu.Unlock()
	s.truth.Demand(e.Pod(), e.IPs)
	endpoint := n.Host.Add(ctx, endpointOf(e), e.Labels)
	s.mu.Lock()
	defer s.mu.Unlock()
	p.endpoint = endpoint
}

// Relabel is the change of a pod's labels.
func (s *Store) Relabel(ctx context.Context, e workload.Endpoint) {
	if p := s.pod(e.Pod()); p != nil && p.endpoint != nil {
		p.node.Host.Relabel(ctx, p.endpoint, e.Labels)
	}
}

func (s *Store) pod(key string) *pod {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pods[key]
}

// Remove asks the agent of a node to end an endpoint, and returns when it has, or when ctx
// is done.
func (s *Store) Remove(ctx context.Context, e workload.Endpoint) {
	p := s.pod(e.Pod())
	s.truth.End(e.Pod())
	if p == nil {
		return
	}
	if p.endpoint != nil {
		p.node.Host.Remove(ctx, p.endpoint)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pods[e.Pod()] == p {
		delete(s.pods, e.Pod())
	}
	if p.node.leaving && s.empty(p.node) {
		go p.node.end()
	}
}

// end ends the writer of a node that has left, when what it still writes has been written.
func (n *node) end() {
	n.daemon.Settle()
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if n.leaving {
		n.endWriter()
	}
}
