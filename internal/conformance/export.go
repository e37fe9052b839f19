package conformance

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Export returns a plan in which what the counterexample says happens in its order, with
// seed 1; the order does not depend on the seed. The error is an Obstacle if the
// world cannot do it, and says why.
func Export(c *mesh.Counterexample) (*fault.Plan, error) {
	if why, other := baseObstacles[c.Mode.Base]; other {
		return nil, why
	}
	if err := bothObstacle(c); err != nil {
		return nil, err
	}
	c = asOne(c)
	delays, err := delays(c)
	if err != nil {
		return nil, err
	}
	if err := obstacle(c); err != nil {
		return nil, err
	}
	e := exporter{ce: c, times: timesOf(c, delays)}
	if err := e.tooSlow(delays); err != nil {
		return nil, err
	}
	e.plan = e.world()
	e.place()
	for _, h := range delays {
		e.cut(h)
	}
	for i := range c.Steps {
		e.step(i)
	}
	slices.SortStableFunc(e.plan.Faults, func(a, b fault.Fault) int { return cmp.Compare(a.At, b.At) })
	if err := e.plan.Validate(); err != nil {
		return nil, fmt.Errorf("the plan for %s in mode %s: %w", c.Property, c.Mode, err)
	}
	return e.plan, nil
}

type exporter struct {
	ce *mesh.Counterexample
	times
	plan *fault.Plan
}

// world is the plan without ops and faults. The pods are on a node without an
// agent, so that every agent learns of them from its replica.
func (e *exporter) world() *fault.Plan {
	b := e.ce.Bounds
	p := &fault.Plan{
		Version:  fault.Version,
		Seed:     1,
		Mode:     string(e.ce.Mode.Base),
		Topology: fault.Topology{APIServers: 1, Replicas: b.Replicas, Agents: b.Agents, Nodes: b.Agents + 1},
		Network:  fault.Network{LatencyMin: fault.Duration(time.Millisecond), LatencyMax: fault.Duration(2 * time.Millisecond)},
		Options:  fault.Options{WriterQPS: 50, WriterBootstrapQPS: 10000, AgentQPS: 20, EndpointSlices: true, ClusterID: 1, ClusterName: "c1"},
		Churn:    e.end,
		Settle:   fault.Duration(6 * time.Minute),
	}
	if e.ce.Mode.Base == mode.Handover {
		p.Options.Handover, p.Options.HandoverAfter = policy(e.ce.Mode), stays
		p.Settle = settle
	}
	for i := range b.Objects {
		p.Pods = append(p.Pods, e.pod(i+1, mesh.Write{Pod: uint8(i), Address: uint8(i)}))
	}
	return p
}

// pod is the pod that the write at a resourceVersion creates. As in the model, pods
// that were created one after the other differ, whatever they are called: each has a
// name and an app of its own. With one name they could have the same content: the
// number of an identity is used again, too.
func (e *exporter) pod(rv int, w mesh.Write) fault.Pod {
	name := fmt.Sprintf("p%d-of-rv%d", w.Pod, rv)
	return fault.Pod{
		Namespace: "mesh", Name: name, App: name,
		Node: fmt.Sprintf("n%d", e.ce.Bounds.Agents), IP: address(w),
	}
}

// place leads the agents to the replicas that they read at the start. Where one is
// there already this does not happen.
func (e *exporter) place() {
	if e.ce.Mode.Base == mode.Handover {
		e.begin()
		return
	}
	if e.ce.Bounds.Replicas == 1 {
		return
	}
	for a, r := range e.ce.Reads {
		e.plan.Faults = append(e.plan.Faults, fault.Fault{At: boot, Kind: fault.Move, Target: agent(a), Peer: replica(r)})
	}
}

func agent(a int) string   { return mode.Agent.Host(a) }
func replica(r int) string { return mode.Replica.Host(r) }
