package shrink

import (
	"encoding/json"

	"github.com/meshcheck/meshcheck/fault"
)

// repair makes the workload of a plan possible again after something that it
// needs was left out, and returns the plan, which it changes: a pod whose node is
// missing moves to another one, and a step that cannot be done is left out.
//
// It plays the workload on names alone. What it cannot mend is for
// [fault.Plan.Validate] to refuse.
func repair(p *fault.Plan) *fault.Plan {
	c := newCluster(p)
	pods, ops := p.Pods[:0], p.Ops[:0]
	for _, pod := range p.Pods {
		if c.create(&pod) {
			pods = append(pods, pod)
		}
	}
	for _, op := range p.Ops {
		if c.apply(&op) {
			ops = append(ops, op)
		}
	}
	p.Pods, p.Ops = pods, ops
	return p
}

// cluster is what exists at one instant of the workload.
type cluster struct {
	pods       map[string]string // namespace/name -> namespace
	nodes      map[string]bool
	namespaces map[string]bool
	given      map[string]bool // namespaces among the objects, which the workload leaves alone
	agents     map[string]bool // nodes with an agent
	refuge     string          // the node that pods move to
}

func newCluster(p *fault.Plan) *cluster {
	c := &cluster{pods: map[string]string{}, nodes: map[string]bool{}, namespaces: map[string]bool{}, given: map[string]bool{}, agents: map[string]bool{}}
	for _, raw := range p.Objects {
		var object struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if json.Unmarshal(raw, &object) != nil {
			continue // Validate refuses it
		}
		switch name := object.Metadata.Name; object.Kind {
		case "CiliumNode":
			c.nodes[name], c.refuge = true, name
		case "Namespace":
			c.namespaces[name], c.given[name] = true, true
		}
	}
	for i := range p.Topology.Nodes {
		c.nodes[fault.NodeName(i)] = true
	}
	for i := range p.Topology.Agents {
		c.agents[fault.NodeName(i)] = true
	}
	if p.Topology.Nodes > 0 {
		c.refuge = fault.NodeName(0)
	}
	return c
}

// create tells whether the pod can be created, perhaps on another node.
func (c *cluster) create(pod *fault.Pod) bool {
	if c.has(pod) {
		return false
	}
	if !c.nodes[pod.Node] {
		pod.Node = c.refuge
	}
	if !c.nodes[pod.Node] {
		return false
	}
	c.pods[podKey(pod)] = pod.Namespace
	c.namespaces[pod.Namespace] = true
	return true
}

func (c *cluster) has(pod *fault.Pod) bool {
	_, exists := c.pods[podKey(pod)]
	return exists
}

// apply tells whether the op can be done, and does it.
func (c *cluster) apply(op *fault.Op) bool {
	possible := false
	switch op.Op {
	case fault.PodCreate:
		return c.create(op.Pod)
	case fault.PodDelete:
		possible = c.has(op.Pod)
		delete(c.pods, podKey(op.Pod))
	case fault.PodRelabel:
		possible = c.has(op.Pod)
	case fault.NodeCreate:
		possible = !c.nodes[op.Name]
		c.nodes[op.Name] = true
	case fault.NodeDelete:
		if possible = c.nodes[op.Name] && !c.agents[op.Name]; possible {
			delete(c.nodes, op.Name)
		}
	case fault.NamespaceDelete:
		if possible = c.namespaces[op.Name] && !c.given[op.Name]; possible {
			c.deleteNamespace(op.Name)
		}
	}
	return possible
}

func (c *cluster) deleteNamespace(name string) {
	delete(c.namespaces, name)
	for key, namespace := range c.pods {
		if namespace == name {
			delete(c.pods, key)
		}
	}
}

func podKey(pod *fault.Pod) string { return pod.Namespace + "/" + pod.Name }
