//go:build !detrt

package main

import "github.com/meshcheck/meshcheck/sim/det"

func runtimeStats() (name string, picks, unseeded uint64) { return det.Stock, 0, 0 }
