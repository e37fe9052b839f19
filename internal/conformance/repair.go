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
// are sweep, which is put into Cilium's source (Sweep), and token: what empties an
// etcd is then no other than the loss of its pod, which is how it is run.
func WithRepairs(c *mesh.Counterexample, md mode.Mode) (repaired *mesh.Counterexample, changed bool) {
	if c.Mode.Base != mode.ClusterMesh || md.Base != mode.ClusterMesh {
		return nil, false
	}
	for _, r := range md.Repairs {
		added := !slices.Contains(c.Mode.Repairs, r)
		switch r {
		case mode.Sweep:
			changed = changed || added && does(c, mesh.WriterListsNow)
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

// Sweeps reports whether a run of the counterexample needs a worker with the repair sweep.
func Sweeps(c *mesh.Counterexample) bool {
	return slices.Contains(c.Mode.Repairs, mode.Sweep) && does(c, mesh.WriterListsNow)
}

// Sweep is the repair sweep for a worker: the writer deletes what is not in its list,
// before it writes the canary.
func Sweep() (*det.Plant, error) {
	sweep, err := repairs.Load(files.Files, string(mode.Sweep))
	return repairs.Plant(sweep...), err
}
