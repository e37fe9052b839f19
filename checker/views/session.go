package views

import (
	"fmt"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/internal/text"
)

var MonotonicSession = property.Property{
	Name:    "monotonic-session",
	Promise: "Within one session, which is one incarnation of an agent on one unbroken connection, neither its view nor its host's datapath goes back in time.",
	Why:     "the proposal names a window of stale data where an agent changes its replica, and none while it stays with one",
	Rules:   []*property.Rule{goesBack},
	Check:   checkSessions,
}

func checkSessions(in *property.Input) property.Result {
	violations, changes := backwards(in, true)
	if changes == 0 {
		if _, all := backwards(in, false); all > 0 {
			return property.Undecided("the history does not say over which connections agents learned of changes")
		}
		return property.Undecided("no agent saw anything that was ever true")
	}
	return property.Judged(fmt.Sprintf("%s in %s of %s, each compared with the version before in the same session",
		text.Count(changes, "change"), text.Count(in.Views.Sessions, "session"), text.Count(len(in.Views.Agents), "agent")), violations)
}
