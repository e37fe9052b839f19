// Package planted holds bugs that are put into Cilium's source to see that they
// are caught: one file each, which README.md describes, and the plans that some of
// them are hunted with.
package planted

import "embed"

// Files are the bugs, named after what is wrong, and plans.
//
//go:embed *.yaml *.json
var Files embed.FS
