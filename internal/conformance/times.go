package conformance

import (
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mesh"
)

const (
	// ahead is how long before a write the triggers that wait for it are armed.
	ahead = fault.Duration(time.Second)
	// pause is between what makes an agent connect anew and its connection.
	pause = fault.Duration(2 * time.Second)
	// boot is when agents are led to the replicas that they read at the start.
	boot = fault.Duration(0)
	// first is when the first act happens.
	first = fault.Duration(15 * time.Second)
)

// slot is between an act and the next one, which must find all that it set off. It
// is not much longer: an agent whose etcd is away looks for another in the end.
func slot(name mesh.ActName) fault.Duration {
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

// times are when the acts of a course happen.
type times struct {
	at   []fault.Duration // by act
	when []*fault.Trigger // by act: in place of a time, from at less ahead on; else nil
	end  fault.Duration   // of the churn phase
}

// timesOf gives each act that the world does not do by itself a time of its own.
func timesOf(c *mesh.Course, holds []hold) times {
	t := times{at: make([]fault.Duration, len(c.Acts)), when: make([]*fault.Trigger, len(c.Acts))}
	now, next := fault.Duration(0), first
	for i, act := range c.Acts {
		switch seer := seenBefore(c, i); {
		case act.Name == mesh.AgentSees, act.Name == mesh.Delivers && !ends(holds, i):
		case act.Name == mesh.AgentConnects:
			t.at[i] = now + pause
			continue
		case strikes(act.Name) && seer >= 0:
			t.when[i] = &fault.Trigger{Event: fault.See, Actor: agent(seer), Kind: "endpoint"}
			next = now + slot(act.Name)
		default:
			now = next
			next = now + slot(act.Name)
		}
		t.at[i] = now
	}
	t.end = next + slot(mesh.ReplicaStarts)
	return t
}

// ends reports whether the act is a delivery that a hold has kept back.
func ends(holds []hold, act int) bool {
	for _, h := range holds {
		if h.to == act {
			return true
		}
	}
	return false
}

// strikes reports whether an act is a fault, which can have a trigger.
func strikes(name mesh.ActName) bool {
	switch name {
	case mesh.WriterRestarts, mesh.ReplicaCrashes, mesh.EtcdEmptied, mesh.AgentRestarts:
		return true
	}
	return false
}

// seenBefore returns the agent that must have seen a pod's creation before an act,
// if that is what the act waits for: since the write of it nothing has happened
// but deliveries and the agent's seeing it. Else it returns -1. That a pod is gone
// from a view is no event of a trigger.
func seenBefore(c *mesh.Course, act int) (seer int) {
	seer = -1
	for i := act - 1; i >= 0; i-- {
		switch before := c.Acts[i]; before.Name {
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
