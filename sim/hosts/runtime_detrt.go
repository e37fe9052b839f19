//go:build detrt

package hosts

import _ "unsafe" // for go:linkname

const tracks = true

//go:linkname current runtime.detrtHost
func current() uint32

//go:linkname enter runtime.detrtSetHost
func enter(number uint32)
