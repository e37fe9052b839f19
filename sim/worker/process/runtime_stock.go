//go:build !detrt

package process

import "github.com/meshcheck/meshcheck/sim/det"

func runtimeStats() (name string, picks, unseeded uint64) { return det.Stock, 0, 0 }
