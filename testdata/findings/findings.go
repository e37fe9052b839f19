// Package findings holds what was found: a page and a minimal plan each.
package findings

import "embed"

// Files are the plans.
//
//go:embed *.json
var Files embed.FS
