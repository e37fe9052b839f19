package property

import (
	"slices"
	"strings"
)

// Replicated reports whether in a mode agents move between replicas that do not
// agree: of such the proposal names a window of stale data (mission C7).
func Replicated(mode string) bool {
	return slices.Contains([]string{"clustermesh", "handover", "direct", "central"}, BaseOf(mode))
}

// BaseOf is a mode without its repairs.
func BaseOf(mode string) string {
	base, _, _ := strings.Cut(mode, "+")
	return base
}

// Repaired reports whether a mode has a repair.
func Repaired(mode, repair string) bool { return slices.Contains(strings.Split(mode, "+")[1:], repair) }
