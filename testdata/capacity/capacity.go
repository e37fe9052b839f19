// Package capacity holds what real servers were measured to cost; package capacity in internal reads it.
package capacity

import "embed"

// Files are the measurements, named after what was measured.
//
//go:embed *.json
var Files embed.FS
