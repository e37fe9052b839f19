package conformance

import (
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mesh"
)

const (
	// ahead is how long before a write the triggers that wait for it are armed.
	ahead = fault.Duration(time.Second)
	// pause is between what makes an agent connect anew and its connection.
	pause = fault.Duration(2 * time.Second)
	// boot is when agents are led to the replicas that they read at the start: the churn
	// phase begins as soon as all agents know everything, of one replica maybe, and
	// the others become ready within a second.
	boot = fault.Duration(time.Second)
	// first is when the first step happens.
	first = fault.Duration(15 * time.Second)
)

// slot is between a step and the next one, which must find all that it set off. It
// is not much longer: an agent whose etcd is away looks for another in the end.
func slot(name mesh.ActionName) fault.Duration {
	switch name {
	case mesh.Writes: // a watch, a put, and another watch: milliseconds
		return fault.Duration(3 * time.Second)
	case mesh.WriterRestarts, mesh.EtcdEmptied: // a process ends
		return fault.Duration(2 * time.Second)
	case mesh.ReplicaCrashes, mesh.AgentRestarts: // agents connect anew
		return fault.Duration(5 * time.Second)
	}
	// A replica is ready ten seconds after its start; a watch that was cut off for
	// long is opened anew.
	return fault.Duration(15 * time.Second)
}

// times are when the steps of a counterexample happen.
type times struct {
	at   []fault.Duration // by step
	when []*fault.Trigger // by step: in place of a time, from at less ahead on; else nil
	end  fault.Duration   // of the churn phase
}

// timesOf gives each step that the world does not do by itself a time of its own.
func timesOf(c *mesh.Counterexample, delays []delay) times {
	t := times{at: make([]fault.Duration, len(c.Steps)), when: make([]*fault.Trigger, len(c.Steps))}
	now, next := fault.Duration(0), first
	for i, step := range c.Steps {
		switch seer := seenBefore(c, i); {
		case step.Name == mesh.AgentSees, step.Name == mesh.AgentWatches, step.Name == mesh.Delivers && !ends(delays, i):
		case step.Name == mesh.AgentConnects && !goesOver(c, i):
			t.at[i] = now + pause
			continue
		case strikes(step.Name) && seer >= 0:
			t.when[i] = &fault.Trigger{Event: fault.See, Actor: agent(seer), Kind: "endpoint"}
			next = now + slot(step.Name)
		case step.Name == mesh.AgentConnects:
			now = next
			next = now + reaches(now)
		default:
			now = next
			next = now + slot(step.Name)
		}
		t.at[i] = now
	}
	t.end = next + slot(mesh.ReplicaStarts)
	return t
}

// ends reports whether the step is a delivery that a delay has kept back.
func ends(delays []delay, step int) bool {
	return slices.ContainsFunc(delays, func(h delay) bool { return h.to == step })
}

// strikes reports whether a step is a fault, which can have a trigger.
func strikes(name mesh.ActionName) bool {
	switch name {
	case mesh.WriterRestarts, mesh.ReplicaCrashes, mesh.EtcdEmptied, mesh.AgentRestarts:
		return true
	}
	return false
}

// seenBefore returns the agent that must have seen a pod's creation before a step,
// if that is what the step waits for: since the write of it nothing has happened
// but deliveries and the agent's seeing it. Else it returns -1. That a pod is gone
// from a view is no event of a trigger.
func seenBefore(c *mesh.Counterexample, step int) (seer int) {
	seer = -1
	for i := step - 1; i >= 0; i-- {
		switch before := c.Steps[i]; before.Name {
		case mesh.AgentSees:
			seer = before.Agent
		case mesh.Delivers:
		case mesh.Writes:
			if before.Write.Delete {
				return -1
			}
			return seer
		default:
			return -1
		}
	}
	return -1
}
