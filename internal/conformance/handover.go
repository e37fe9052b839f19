package conformance

import (
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

// An agent of a handover reads CRDs at the first step. The world's agents do, since they start
// with the replicas and find none that is ready. Each goes over to an etcd by itself, within a second of having read it
// in full, and ceases to read CRDs in the same instant (sim/agent/handover).
const (
	// ready is when replicas are: ten seconds after their start, and before the first step.
	ready = first - ahead
	// stays is for how long an etcd must be lost before an agent reads CRDs again, the longest that a plan
	// may say. No counterexample of the matrix has an agent do so, and these runs end sooner.
	stays  = fault.Duration(10 * time.Minute)
	settle = fault.Duration(4 * time.Minute)
)

// reaches is how long an agent may take from when the Service has a replica for it, until it has gone over
// to its etcd: gRPC's back-off has grown with the time in which there was none (by 1.6, a fifth of it by
// chance), and with an interval of the agent's and a list of its etcd it stays below that time and these seconds.
func reaches(at fault.Duration) fault.Duration { return at + fault.Duration(5*time.Second) }

// asOne returns the counterexample of a handover as the world's agents go through it: an agent
// connects and ceases to read CRDs in one step, in the place of the later one. Between the two
// only the agent itself could tell the difference, by a view of two sources. Counterexamples of other bases
// are returned as they are.
func asOne(c *mesh.Counterexample) *mesh.Counterexample {
	if c.Mode.Base != mode.Handover || c.CRDsFirst {
		return c
	}
	one := *c
	one.Steps = nil
	for i, step := range c.Steps {
		switch {
		case step.Name == mesh.AgentConnects && stops(c, i):
		case step.Name == mesh.AgentStopsCRDs:
			step.Name = mesh.AgentConnects
			one.Steps = append(one.Steps, step)
		default:
			one.Steps = append(one.Steps, step)
		}
	}
	return &one
}

// stops reports whether the agent that connects with the step i ceases to read CRDs in a later one.
func stops(c *mesh.Counterexample, i int) bool {
	return slices.ContainsFunc(c.Steps[i+1:], func(s mesh.Step) bool {
		return s.Name == mesh.AgentStopsCRDs && s.Agent == c.Steps[i].Agent
	})
}

// policy is how the world makes one view of two sources, where the model does as the
// counterexample's mode.
func policy(md mode.Mode) mode.Policy {
	if md.Has(mode.Cutover) {
		return mode.ByCutover
	}
	return mode.ByMerge
}

// goesOver reports whether with the step i an agent that reads CRDs goes over to an etcd.
func goesOver(c *mesh.Counterexample, i int) bool {
	step := c.Steps[i]
	return c.Mode.Base == mode.Handover && step.Name == mesh.AgentConnects && !slices.ContainsFunc(c.Steps[:i], func(s mesh.Step) bool {
		return s.Name == mesh.AgentConnects && s.Agent == step.Agent
	})
}

// begin has agents read CRDs until they go over: the Service has no replica for them until then, and
// leads each to the one that it goes over to.
func (e *exporter) begin() {
	for a := range e.ce.Bounds.Agents {
		until := e.end
		if i := slices.IndexFunc(e.ce.Steps, func(s mesh.Step) bool { return s.Name == mesh.AgentConnects && s.Agent == a }); i >= 0 {
			until = e.at[i]
			if e.ce.Bounds.Replicas > 1 {
				e.plan.Faults = append(e.plan.Faults, fault.Fault{At: ready, Kind: fault.Move, Target: agent(a), Peer: replica(e.ce.Steps[i].Replica)})
			}
		}
		e.plan.Faults = append(e.plan.Faults, fault.Fault{At: boot, Kind: fault.ServiceFailure, Target: agent(a), For: until - boot})
	}
	e.half()
}

// listens returns until which step an agent must not hear from its watch of CRDs of the write that is the
// step i: that at which it does, or at which it goes over to an etcd without. It is -1 where it may hear at once.
func listens(c *mesh.Counterexample, a, i int) (to int) {
	if c.CRDsFirst {
		return listensBeside(c, a, i)
	}
	for j := i + 1; j < len(c.Steps); j++ {
		step := c.Steps[j]
		switch {
		case step.Agent != a:
		case step.Name == mesh.AgentWatches && step.RV == c.Steps[i].RV:
			return -1
		case goesOver(c, j):
			return j
		}
	}
	return -1
}
