package checker

import (
	"fmt"

	"github.com/meshcheck/meshcheck/history/index"
)

var monotonicSession = Property{
	Name:    "monotonic-session",
	Promise: "Within one session, which is one incarnation of an agent on one unbroken connection, neither its view nor its host's datapath goes back in time.",
	Why:     "mission C4, C7: the proposal names a window of stale data where an agent changes its replica, and none while it stays with one",
	check:   checkSessions,
}

func checkSessions(in *input) Result {
	sessions := index.NewSessions(in.Views)
	violations, changes := backwards(in, sessions.At)
	if changes == 0 {
		return unknown("no agent saw anything that was ever true")
	}
	return judged(fmt.Sprintf("%s in %s of %s, each compared with the version before in the same session",
		count(changes, "change", "changes"), count(int(sessions.Last), "session", "sessions"), count(len(in.Views.Agents), "agent", "agents")), violations)
}
