package conformance

import (
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Obstacle is why the world cannot be made to do what a counterexample does, as a clause.
type Obstacle string

func (o Obstacle) Error() string { return string(o) }

// Why the world runs no mode of these bases.
var baseObstacles = map[mode.Base]Obstacle{
	mode.CRD:     "the world has no agents that watch CRDs",
	mode.KVStore: "the steps are those of a writer; in this mode of the world agents write by themselves",
	mode.Direct:  "no agent of Cilium's writes to the etcd of a replica, and no replica copies another",
	mode.Central: "Cilium's replicas compute nothing: they copy",
}

// missing are the repairs that the Cilium which is run does not have, and in which counterexamples that
// matters. Where a repair has nothing to do, Cilium does without it what it would
// do with it, so that the counterexample can be run.
//
// The repair sweep is none of them, since it can be put into Cilium (Edits). Nor is
// token: it takes the emptied etcd out of the model, and a plan without one is a run of
// it. Nor are fence and kept, of which there is an edit, with and without (Edits), nor cutover, which is for handover.
// Nor is heartbeat, which has something to do where a connection is cut, as counterexamples
// of it need not be: a plan makes a watch late there by a link that is slow (slow).
var missing = map[mode.Repair]struct {
	why     Obstacle
	matters func(*mesh.Counterexample) bool
}{
	mode.Anchor: {
		"no edit of Cilium has an agent ask the kube-apiserver for its resourceVersion",
		func(c *mesh.Counterexample) bool { return does(c, mesh.AgentRestarts) },
	},
}

func does(c *mesh.Counterexample, name mesh.ActionName) bool {
	return slices.ContainsFunc(c.Steps, func(a mesh.Step) bool { return a.Name == name })
}

// obstacle returns what of the counterexample's repairs Cilium lacks and would need, or nil.
func obstacle(c *mesh.Counterexample) error {
	for _, r := range c.Mode.Repairs {
		if repair, lacks := missing[r]; lacks && repair.matters(c) {
			return Obstacle(fmt.Sprintf("%s: %s", r, repair.why))
		}
	}
	return nil
}
