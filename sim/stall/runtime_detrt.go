//go:build detrt

package stall

import _ "unsafe" // for go:linkname

//go:linkname begin runtime.detrtStalls
func begin(places uint32, list []asked, done hook)
