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

	// Step says whose step a violation found to be wrong, and what was wrong with it. It is nil
	// for a property of what agents see of an entry: there the first wrong step can be any between
	// the truth and the agent, and report/life finds it.
	Step func(*Violation) Step
}

// Step is a step of the world: of a host, the part of it, and what was wrong with it.
type Step struct {
	Host string // empty: of none, or it is not known of which
	Part string // of the host, such as etcd; or, without a host, of the world
	What string
}

// ByServer, ByClient and ByAgent are the steps of the server, the client or the agent that
// the facts of a violation name.
func ByServer(part, what string) func(*Violation) Step {
	return func(v *Violation) Step { return Step{v.Server, part, what} }
}

func ByClient(part, what string) func(*Violation) Step {
	return func(v *Violation) Step { return Step{v.Client, part, what} }
}

func ByAgent(part, what string) func(*Violation) Step {
	return func(v *Violation) Step { return Step{v.Agent, part, what} }
}

// Input is a history with its index, and how to judge it.
type Input struct {
	*index.Index
	Deadline time.Duration // of each property that has to search
}
