package conformance

import (
	"slices"

	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/det"
	files "github.com/meshcheck/meshcheck/testdata/repairs"
)

// WithRepairs returns the counterexample of a mode without repairs as it is in a mode that has more of
// them, and reports whether they change anything in it. The repairs that can be run
// are sweep and fence, with kept and without, which are put into Cilium's source (Edits), and token: what
// empties an etcd is then no other than the loss of its pod, which is how it is run.
func WithRepairs(c *mesh.Counterexample, md mode.Mode) (repaired *mesh.Counterexample, changed bool) {
	if c.Mode.Base != mode.ClusterMesh || md.Base != mode.ClusterMesh {
		return nil, false
	}
	for _, r := range md.Repairs {
		added := !slices.Contains(c.Mode.Repairs, r)
		switch r {
		case mode.Sweep:
			changed = changed || added && does(c, mesh.WriterListsNow)
		case mode.Fence:
			changed = changed || added && does(c, mesh.AgentConnects)
		case mode.Kept:
			changed = changed || added && c.Mode.Has(mode.Fence) && does(c, mesh.AgentRestarts)
		case mode.Token:
			changed = changed || added && does(c, mesh.EtcdEmptied)
		default:
			return nil, false
		}
	}
	for _, r := range c.Mode.Repairs {
		changed = changed && slices.Contains(md.Repairs, r)
	}
	m := *c
	m.Mode, m.Steps = md, slices.Clone(c.Steps)
	for i := range m.Steps {
		if m.Steps[i].Name == mesh.EtcdEmptied && slices.Contains(md.Repairs, mode.Token) {
			m.Steps[i].Name = mesh.ReplicaCrashes
		}
	}
	return &m, changed
}

// The edit of Cilium for a fence keeps it in the agent's state directory, for which the world's agents have edits of
// the harness. Without these the fence is forgotten with the agent's process.
const (
	fenceKept    = string(mode.Fence)
	fenceForgets = "fence-without-kept"
)

// Edits names the repairs that a worker needs in Cilium's source for a run of the counterexample: those of its mode
// that have something to do there. They are files of testdata/repairs, but for the one that Plant makes of such a file.
func Edits(c *mesh.Counterexample) (names []string) {
	for r, acts := range map[mode.Repair]mesh.ActionName{mode.Sweep: mesh.WriterListsNow, mode.Fence: mesh.AgentConnects} {
		switch {
		case !c.Mode.Has(r) || !does(c, acts):
		case r == mode.Fence && !c.Mode.Has(mode.Kept) && does(c, mesh.AgentRestarts):
			names = append(names, fenceForgets)
		default:
			names = append(names, string(r))
		}
	}
	slices.Sort(names)
	return names
}

// Plant is what a worker with repairs is built with.
func Plant(names []string) (*det.Plant, error) {
	names = slices.Clone(names)
	forgets := slices.Index(names, fenceForgets)
	if forgets >= 0 {
		names[forgets] = fenceKept
	}
	all, err := repairs.Load(files.Files, names...)
	if err != nil {
		return nil, err
	}
	if forgets >= 0 {
		r := all[forgets]
		r.Edits = slices.DeleteFunc(r.Edits, func(e repairs.Edit) bool { return e.Module == repairs.Harness })
	}
	return repairs.Plant(all...), nil
}
