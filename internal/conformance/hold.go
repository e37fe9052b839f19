package conformance

import (
	"fmt"

	"github.com/meshcheck/meshcheck/model/mesh"
)

// hold is a time in which a replica must not hear of writes: it is cut off from
// the kube-apiserver. From and To are indices of acts: the write that it must not
// hear of, and the act at which it hears of it, or at which it does not matter any
// more, because the replica's watch is gone; the number of acts if it never hears.
type hold struct {
	replica  int
	from, to int
}

// holds returns the holds that a course needs, replica by replica.
//
// A delivery that may as well be made at once, because nobody looks at the replica
// between the write and the delivery, needs none. Those that are late end a hold
// together: a plan cannot let a watch deliver one of two writes.
func holds(c *mesh.Course) (all []hold, err error) {
	for r := range c.Bounds.Replicas {
		watching := true
		last := hold{to: -1}
		for i, act := range c.Acts {
			switch {
			case act.Name == mesh.Writes && watching:
				to, late := heardAt(c, r, i)
				held := last.to > i // the hold for an earlier write goes on
				switch {
				case held && to != last.to && (to == len(c.Acts) || lookedAt(c, r, last.to, to)):
					return nil, Obstacle(fmt.Sprintf("r%d's watch would have to deliver one of two writes and hold rv %d back", r, act.RV))
				case !held && late:
					last = hold{r, i, to}
					all = append(all, last)
				}
			case act.Replica != r:
			case act.Name == mesh.WriterRestarts, act.Name == mesh.ReplicaCrashes, act.Name == mesh.EtcdEmptied:
				watching = false
			case act.Name == mesh.WriterListsNow, act.Name == mesh.ReplicaStarts:
				watching = true
			}
		}
	}
	return all, nil
}

// heardAt returns the act at which a replica hears of the write that is the act i, or
// loses its watch, and whether that is late.
func heardAt(c *mesh.Course, r, i int) (to int, late bool) {
	for j := i + 1; j < len(c.Acts); j++ {
		act := c.Acts[j]
		switch {
		case act.Replica != r:
		case act.Name == mesh.Delivers && act.RV == c.Acts[i].RV:
			return j, lookedAt(c, r, i, j)
		case act.Name == mesh.WriterRestarts, act.Name == mesh.ReplicaCrashes, act.Name == mesh.EtcdEmptied:
			return j, true
		}
	}
	return len(c.Acts), true
}

// lookedAt reports whether between two acts something befalls the replica or an
// agent reads from it.
func lookedAt(c *mesh.Course, r, from, to int) bool {
	for _, act := range c.Acts[from+1 : to] {
		if act.Replica == r && act.Name != mesh.Delivers {
			return true
		}
	}
	return false
}
