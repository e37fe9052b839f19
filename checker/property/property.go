// Package property has the words that properties share: what one is, what it is judged by,
// and what comes of it.
package property

import (
	"time"

	"github.com/meshcheck/meshcheck/history/index"
)

// Property is a named promise that a history is judged by.
type Property struct {
	Name    string
	Promise string // what is enforced, in a sentence or two
	Why     string // where the demand comes from

	// RestsOn are the names of properties without which this one cannot hold: where one of
	// them is broken, this one may be broken by the same, as an echo.
	RestsOn []string

	// Ground: it is a guarantee of the servers that the other properties stand on. Where it
	// is broken, the world is to be doubted before Cilium.
	Ground bool

	Rules []*Rule // the ways in which it can be broken, each with another name
	Check func(in *Input) Result
}

// Input is a history with its index, and how to judge it.
type Input struct {
	*index.Index
	Deadline time.Duration // of each property that has to search
}
