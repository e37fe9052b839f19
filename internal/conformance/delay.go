package conformance

import (
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

// delay is a time in which a replica, or an agent that reads CRDs, must not hear of writes: it is
// cut off from the kube-apiserver. From and To are indices of steps: the write that it must not
// hear of, and the step at which it hears of it, or at which it does not matter any
// more, because its watch is gone; the number of steps if it never hears.
type delay struct {
	host     string
	from, to int
}

// delays returns the delays that a counterexample needs, host by host.
//
// A delivery that may as well be made at once, because nobody looks at the replica
// between the write and the delivery, needs none. Those that are late end a delay
// together: a plan cannot let a watch deliver one of two writes.
func delays(c *mesh.Counterexample) (all []delay, err error) {
	for a := range c.Bounds.Agents {
		last := delay{to: -1}
		for i, step := range c.Steps {
			to := listens(c, a, i)
			switch {
			case step.Name != mesh.Writes:
			case c.CRDsFirst && last.to > i && to != last.to:
				return nil, Obstacle(fmt.Sprintf("a%d's watch of CRDs would have to deliver one of two writes and hold rv %d back", a, max(step.RV, c.Steps[last.from].RV)))
			case to > last.to:
				last = delay{agent(a), i, to}
				all = append(all, last)
			}
		}
	}
	for r := range c.Bounds.Replicas {
		watching := true
		last := delay{to: -1}
		for i, step := range c.Steps {
			switch {
			case step.Name == mesh.Writes && watching:
				to, late := heardAt(c, r, i)
				held := last.to > i // the delay for an earlier write goes on
				switch {
				case held && to != last.to && (to == len(c.Steps) || lookedAt(c, r, last.to, to)):
					return nil, Obstacle(fmt.Sprintf("r%d's watch would have to deliver one of two writes and hold rv %d back", r, step.RV))
				case !held && late:
					last = delay{replica(r), i, to}
					all = append(all, last)
				}
			case step.Replica != r:
			case step.Name == mesh.WriterRestarts, step.Name == mesh.ReplicaCrashes, step.Name == mesh.EtcdEmptied:
				watching = false
			case step.Name == mesh.WriterListsNow, step.Name == mesh.ReplicaStarts:
				watching = true
			}
		}
	}
	return all, nil
}

// heardAt returns the step at which a replica hears of the write that is the step i, or
// loses its watch, and whether that is late.
func heardAt(c *mesh.Counterexample, r, i int) (to int, late bool) {
	for j := i + 1; j < len(c.Steps); j++ {
		step := c.Steps[j]
		switch {
		case step.Replica != r:
		case step.Name == mesh.Delivers && step.RV == c.Steps[i].RV:
			return j, lookedAt(c, r, i, j)
		case step.Name == mesh.WriterRestarts, step.Name == mesh.ReplicaCrashes, step.Name == mesh.EtcdEmptied:
			return j, true
		}
	}
	return len(c.Steps), true
}

// lookedAt reports whether between two steps something befalls the replica or an
// agent reads from it.
func lookedAt(c *mesh.Counterexample, r, from, to int) bool {
	for _, step := range c.Steps[from+1 : to] {
		if step.Replica == r && step.Name != mesh.Delivers {
			return true
		}
	}
	return false
}

// slowest is how long a message takes on a link that makes a watch late and does not cut it. A ping and its
// answer take less than the 15 s for which client-go waits before it gives a connection up, so
// that nothing about the connection tells that it is late.
const slowest = fault.Duration(7 * time.Second)

// slow reports whether watches must be late without being cut: with the repair heartbeat a
// replica whose connection is dead sends its agents away, and Cilium does not.
func slow(c *mesh.Counterexample) bool { return c.Mode.Has(mode.Heartbeat) }

// tooSlow returns which of the delays would have to be longer than a link is slow, or nil.
func (e *exporter) tooSlow(delays []delay) error {
	if !slow(e.ce) {
		return nil
	}
	for _, h := range delays {
		if until := e.at[min(h.to, len(e.at)-1)]; until-e.at[h.from] >= slowest {
			return Obstacle(fmt.Sprintf("heartbeat: %s would have to hear of rv %d later than %s after it, and its connection would tell", h.host, e.ce.Steps[h.from].RV, slowest))
		}
	}
	return nil
}
