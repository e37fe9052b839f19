//go:build detrt

package process

import (
	_ "unsafe" // for go:linkname

	"github.com/meshcheck/meshcheck/sim/det"
)

//go:linkname detrtStats runtime.detrtStats
func detrtStats() (picks, unseeded uint64)

func runtimeStats() (name string, picks, unseeded uint64) {
	picks, unseeded = detrtStats()
	return det.Deterministic, picks, unseeded
}
