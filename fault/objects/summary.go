package objects

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Summary tells what was loaded and what the loader changed.
type Summary struct {
	Counts            map[string]int // objects given, by kind
	InSlices          int            // endpoints in slices
	ClusterID         int            // that the identities belong to; 0: there are none, and no Config.ClusterID
	Moved             int64          // what was added to the identities' numbers, which Cilium would have refused
	Renamed           bool           // the cluster was called "default" and is now called "c1"
	CreatedNamespaces []string       // used by objects and not given, sorted
	Terminating       int            // objects that were being deleted and are taken as alive
	NoIdentity        int            // endpoints without an identity, which are left out
	UnknownIdentities int            // endpoints whose identity is not given, which are left out
	NoNamespace       int            // identities that do not say their namespace
	LeftOut           map[string]int // objects of other kinds, by kind
	Places            []string       // where each of the objects stands, and its name
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
	if len(counts) == 0 {
		lines = nil
	}
	switch {
	case s.Moved > 0:
		lines = append(lines, fmt.Sprintf("the identities are of cluster ID 0, which ClusterMesh refuses: %d is added to each, as if the cluster ID were 1", s.Moved))
	case s.Moved < 0:
		lines = append(lines, fmt.Sprintf("the identities' numbers have more than 24 bits, which Cilium refuses: %d is taken from each, to where Cilium has those of cluster ID %d (maxConnectedClusters: 511)", -s.Moved, s.ClusterID))
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
	for _, left := range []struct {
		n    int
		what string
	}{
		{s.NoIdentity, "endpoints that have no identity yet and are left out: %d"},
		{s.UnknownIdentities, "endpoints whose identity is in no file and that are left out: %d"},
		{s.NoNamespace, "identities without the label " + namespaceLabel + ", which a ClusterMesh API server skips: %d"},
	} {
		if left.n > 0 {
			lines = append(lines, fmt.Sprintf(left.what, left.n))
		}
	}
	var others []string
	for _, kind := range slices.Sorted(maps.Keys(s.LeftOut)) {
		others = append(others, fmt.Sprintf("%d %s", s.LeftOut[kind], kind))
	}
	if len(others) > 0 {
		lines = append(lines, "objects of other kinds, left out: "+strings.Join(others, ", "))
	}
	return lines
}

// seen is how many objects, and endpoints in slices, an agent learns of.
func (s *Summary) seen() int {
	return s.Counts["CiliumIdentity"] + s.Counts["CiliumNode"] + s.Counts["CiliumEndpoint"] + s.InSlices
}

// Missing has a line for each kind of which every cluster has some and the files have
// none: kubectl goes on where it fails for one kind, and the rest looks whole.
func (s *Summary) Missing() (lines []string) {
	for _, kind := range []struct {
		n       int
		plural  string
		without string
	}{
		{s.Counts["CiliumEndpoint"] + s.InSlices, "CiliumEndpoints and no CiliumEndpointSlices", "agents see no pod of your cluster"},
		{s.Counts["CiliumIdentity"], "CiliumIdentities", "agents see no identity of your cluster, and endpoints without theirs are left out"},
		{s.Counts["CiliumNode"], "CiliumNodes", "the nodes are drawn ones"},
		{s.Counts["Pod"], "Pods", "agents do not read them, but the endpoints have no pods behind them"},
	} {
		if kind.n == 0 {
			lines = append(lines, fmt.Sprintf("no %s: %s; did kubectl fail for a kind?", kind.plural, kind.without))
		}
	}
	return lines
}
