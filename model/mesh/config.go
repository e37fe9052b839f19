package mesh

import (
	"fmt"
	"strings"
)

// Bounds are the size of a model.
type Bounds struct {
	Replicas int `json:"replicas"` // of the ClusterMesh API server; 1 to 3
	Agents   int `json:"agents"`   // 1 to 3
	Objects  int `json:"objects"`  // pods, and as many addresses; all exist at the start; 1 to 3
	Reuses   int `json:"reuses"`   // pods that are created later, with addresses that others had; 0 to 2
	Faults   int `json:"faults"`   // 0 to 4
}

// Default are the bounds that the matrix is made for.
var Default = Bounds{Replicas: 2, Agents: 2, Objects: 2, Reuses: 1, Faults: 2}

// Limits of the bounds.
const (
	maxReplicas = 3
	maxAgents   = 3
	maxObjects  = 3
	maxReuses   = 2
	maxFaults   = 4
	// maxWrites: each object is created at the start, as many deletions may
	// follow, and each reuse creates one more.
	maxWrites = 2*maxObjects + maxReuses
)

func (b Bounds) validate() error {
	for _, x := range []struct {
		name              string
		value, least, top int
	}{
		{"replicas", b.Replicas, 1, maxReplicas}, {"agents", b.Agents, 1, maxAgents}, {"objects", b.Objects, 1, maxObjects},
		{"reuses", b.Reuses, 0, maxReuses}, {"faults", b.Faults, 0, maxFaults},
	} {
		if x.value < x.least || x.value > x.top {
			return fmt.Errorf("a model with %d %s: want %d to %d", x.value, x.name, x.least, x.top)
		}
	}
	return nil
}

func (b Bounds) String() string {
	var parts []string
	for _, x := range []struct {
		n    int
		noun string
	}{{b.Replicas, "replica"}, {b.Agents, "agent"}, {b.Objects, "object"}, {b.Reuses, "reuse"}, {b.Faults, "fault"}} {
		if x.n != 1 {
			x.noun += "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s", x.n, x.noun))
	}
	return strings.Join(parts, ", ")
}
