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
// it. Nor is kept, which the edit for fence has, nor cutover, which is for handover.
var missing = map[mode.Repair]struct {
	why     Obstacle
	matters func(*mesh.Counterexample, []delay) bool
}{
	mode.Heartbeat: {
		"the heartbeat of Cilium's writer does not depend on its watch, and a plan makes a watch late by cutting it, which this repair would notice",
		func(_ *mesh.Counterexample, delays []delay) bool { return len(delays) > 0 },
	},
	mode.Fence: {
		"the edit of Cilium that stands for it keeps the fence over an agent's restart, as kept says",
		func(c *mesh.Counterexample, _ []delay) bool {
			return does(c, mesh.AgentRestarts) && !c.Mode.Has(mode.Kept)
		},
	},
	mode.Anchor: {
		"no edit of Cilium has an agent ask the kube-apiserver for its resourceVersion",
		func(c *mesh.Counterexample, _ []delay) bool { return does(c, mesh.AgentRestarts) },
	},
}

func does(c *mesh.Counterexample, name mesh.ActionName) bool {
	return slices.ContainsFunc(c.Steps, func(a mesh.Step) bool { return a.Name == name })
}

// singleSource is the model's property of which a run says nothing.
const singleSource = "single-source"

// obstacle returns what of the counterexample's repairs Cilium lacks and would need, or what its agents would have to do
// that those of the world do not, or nil.
func obstacle(c *mesh.Counterexample, delays []delay) error {
	if c.Property == singleSource {
		return Obstacle("an etcd has precedence in the world once it has been read in full, and from then on CRDs are read no more")
	}
	for _, r := range c.Mode.Repairs {
		if repair, lacks := missing[r]; lacks && repair.matters(c, delays) {
			return Obstacle(fmt.Sprintf("%s: %s", r, repair.why))
		}
	}
	return nil
}
