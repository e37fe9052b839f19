package objects

import (
	"fmt"
	"strings"
)

// Summary tells what was loaded and what the loader changed.
type Summary struct {
	Counts            map[string]int // objects given, by kind
	ClusterID         int            // that the identities belong to; 0: there are no identities
	Moved             bool           // the identities were of cluster 0 and are now of cluster 1
	Renamed           bool           // the cluster was called "default" and is now called "c1"
	CreatedNamespaces []string       // used by objects and not given, sorted
	Terminating       int            // objects that were being deleted and are taken as alive
	UnknownIdentities int            // used by endpoints and not given
}

// Lines returns the summary as text: first the counts, then one sentence for each
// thing that a reader must know.
func (s *Summary) Lines() []string {
	var counts []string
	for _, kind := range []struct{ name, plural string }{
		{"Namespace", "Namespaces"}, {"CiliumNode", "CiliumNodes"}, {"CiliumIdentity", "CiliumIdentities"},
		{"Pod", "Pods"}, {"CiliumEndpoint", "CiliumEndpoints"}, {"CiliumEndpointSlice", "CiliumEndpointSlices"},
	} {
		switch n := s.Counts[kind.name]; n {
		case 0:
		case 1:
			counts = append(counts, "1 "+kind.name)
		default:
			counts = append(counts, fmt.Sprintf("%d %s", n, kind.plural))
		}
	}
	lines := []string{strings.Join(counts, ", ")}
	if s.Moved {
		lines = append(lines, "the identities are of cluster ID 0, which ClusterMesh refuses: 65536 is added to each, as if the cluster ID were 1")
	}
	if s.Renamed {
		lines = append(lines, fmt.Sprintf("the cluster's name is %q, which ClusterMesh refuses: it is %q in the identities' labels", refusedName, adoptedName))
	}
	if n := len(s.CreatedNamespaces); n > 0 {
		lines = append(lines, fmt.Sprintf("namespaces not given and created: %s", strings.Join(s.CreatedNamespaces, ", ")))
	}
	if s.Terminating > 0 {
		lines = append(lines, fmt.Sprintf("objects that were being deleted and are taken as alive: %d", s.Terminating))
	}
	if s.UnknownIdentities > 0 {
		lines = append(lines, fmt.Sprintf("identities that endpoints use and that are not given: %d; agents will see these endpoints without labels", s.UnknownIdentities))
	}
	return lines
}
