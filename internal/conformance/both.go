package conformance

import (
	"context"
	"slices"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

// An agent of the model's handover may read CRDs and an etcd for as long as it likes. One of the world does so from
// when it is connected until it has read the etcd in full, and meanwhile an etcd fills the gaps of CRDs, where in the
// model it takes precedence. So in place of such a counterexample the world goes through the shortest one of a model
// in which agents do as the world's (mesh.Config, CRDsFirst), and a replica whose nodes are never listed is one that
// nobody reads in full.

// singleSource is the model's property that is judged here: that of the checker's is about the end of a run.
const singleSource = "single-source"

// Realizable returns the counterexample that the world can go through where the given one has an agent read CRDs
// beside an etcd, and the given one where it has not. If the model breaks the property in no such way, it
// is the given one too, and Export says why that is an obstacle.
func Realizable(ctx context.Context, c *mesh.Counterexample) (*mesh.Counterexample, error) {
	if !readsBoth(c) {
		return c, nil
	}
	b := c.Bounds
	b.Agents = 1 // a second one changes nothing for the first
	row, err := mesh.Run(ctx, mesh.Config{Mode: c.Mode, Bounds: b, CRDsFirst: true}, mesh.Options{Properties: []string{c.Property}})
	if err != nil || row.Cells[0].Verdict != explore.Broken {
		return c, err
	}
	return row.Counterexample(row.Cells[0])
}

// readsBoth reports whether it matters in a counterexample that an agent reads CRDs beside an etcd: it learns more of
// them meanwhile, or the property is about that.
func readsBoth(c *mesh.Counterexample) bool {
	if c.Mode.Base != mode.Handover || c.Mode.Has(mode.Cutover) {
		return false
	}
	for i, step := range c.Steps {
		if step.Name == mesh.AgentConnects && !stops(c, i) && (c.Property == singleSource || slices.ContainsFunc(c.Steps[i+1:], func(s mesh.Step) bool { return s.Agent == step.Agent })) {
			return true
		}
	}
	return false
}

// bothObstacle returns why the world cannot do what an agent does that reads two sources, or nil.
func bothObstacle(c *mesh.Counterexample) error {
	switch {
	case readsBoth(c) && !c.CRDsFirst:
		return Obstacle("in the world an etcd only fills the gaps of CRDs until it has been read in full, and from then on CRDs are read no more")
	case c.CRDsFirst && does(c, mesh.AgentStopsCRDs):
		return Obstacle("an agent would have to read an etcd in full, of which a plan withholds a part")
	}
	return nil
}

// half has the replicas that agents connect with be such as can be read, and never in full: each starts anew before
// the first step, its writer never has its list of nodes, and so nobody finds the canary of these. That it is
// not ready its Service does not say.
func (e *exporter) half() {
	if !e.ce.CRDsFirst {
		return
	}
	e.plan.Faults = append(e.plan.Faults, fault.Fault{
		At: 0, Kind: fault.KubeSlowLists, Target: mode.APIServer.Host(0), Resource: "CiliumNode", Delay: e.end, For: e.end,
	})
	known := map[int]bool{}
	for i, step := range e.ce.Steps {
		if step.Name != mesh.AgentConnects {
			continue
		}
		if !known[step.Replica] {
			known[step.Replica] = true
			e.plan.Faults = append(e.plan.Faults, fault.Fault{At: boot, Kind: fault.ReplicaLoss, Target: replica(step.Replica), For: pause})
		}
		if goesOver(e.ce, i) {
			e.plan.Faults = append(e.plan.Faults, fault.Fault{
				At: boot + pause, Kind: fault.EndpointsUnready, Target: agent(step.Agent), Peer: replica(step.Replica), For: e.end - boot - pause,
			})
		}
	}
}

// listensBeside is listens for an agent that may read CRDs beside an etcd: it must not hear of a write before
// what the counterexample has it, or its etcd, do meanwhile.
func listensBeside(c *mesh.Counterexample, a, i int) (to int) {
	meanwhile := false
	for j := i + 1; j < len(c.Steps); j++ {
		switch step := c.Steps[j]; {
		case step.Agent == a && step.Name == mesh.AgentWatches && step.RV == c.Steps[i].RV && meanwhile:
			return j
		case step.Agent == a && step.Name == mesh.AgentWatches && step.RV == c.Steps[i].RV:
			return -1
		case step.Agent == a && step.Name != mesh.AgentWatches, step.Name == mesh.ReplicaCrashes, step.Name == mesh.EtcdEmptied:
			meanwhile = true
		}
	}
	return len(c.Steps)
}
