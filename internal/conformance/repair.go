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
// are sweep and fence, the latter with kept, which are put into Cilium's source (Edits), and token: what
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
			if !md.Has(mode.Kept) {
				return nil, false
			}
			changed = changed || added && does(c, mesh.AgentConnects)
		case mode.Kept:
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

// Edits names the repairs that a worker needs in Cilium's source for a run of the counterexample: those of its mode
// that have something to do there. They are files of testdata/repairs; the one for a fence has kept, too.
func Edits(c *mesh.Counterexample) (names []string) {
	for r, acts := range map[mode.Repair]mesh.ActionName{mode.Sweep: mesh.WriterListsNow, mode.Fence: mesh.AgentConnects} {
		if c.Mode.Has(r) && does(c, acts) {
			names = append(names, string(r))
		}
	}
	slices.Sort(names)
	return names
}

// Plant is what a worker with repairs is built with.
func Plant(names []string) (*det.Plant, error) {
	all, err := repairs.Load(files.Files, names...)
	return repairs.Plant(all...), err
}
