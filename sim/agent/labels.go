package agent

import (
	"maps"
	"slices"

	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/labels"
)

func sortedIDs(m identity.IdentityMap) []identity.NumericIdentity {
	return slices.Sorted(maps.Keys(m))
}

func labelStrings(lbls labels.LabelArray) []string {
	var s []string
	for _, l := range lbls {
		s = append(s, l.String())
	}
	return s
}
