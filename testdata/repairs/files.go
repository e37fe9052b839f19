// Package repairs holds the edits of Cilium's source, and the settings, that take the
// mechanisms of testdata/findings away: one file each, which README.md describes.
package repairs

import "embed"

// Files are the repairs, named after what they do or after the finding, and README.md, which
// names the findings that have none.
//
//go:embed *.yaml README.md
var Files embed.FS
