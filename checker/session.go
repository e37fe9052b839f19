package checker

import "fmt"

var monotonicSession = Property{
	Name:    "monotonic-session",
	Promise: "Within one session, which is one incarnation of an agent on one unbroken connection, neither its view nor its host's datapath goes back in time.",
	Why:     "mission C4, C7: the proposal names a window of stale data where an agent changes its replica, and none while it stays with one",
	check:   checkSessions,
}

func checkSessions(in *input) Result {
	sessions := newSessions(in.views)
	violations, changes := backwards(in, sessions.at)
	if changes == 0 {
		return unknown("no agent saw anything that was ever true")
	}
	return judged(fmt.Sprintf("%s in %s of %s, each compared with the version before in the same session",
		count(changes, "change", "changes"), count(int(sessions.last), "session", "sessions"), count(len(in.views.agents), "agent", "agents")), violations)
}

// sessions numbers the sessions of all agents, from 1, while the events of views
// are played through. What an agent sees while it has no connection belongs to the
// session before.
type sessions struct {
	marks   []mark // those still to come
	current []int32
	last    int32 // the number given last
}

func newSessions(v *views) *sessions {
	return &sessions{marks: v.marks, current: make([]int32, len(v.agents))}
}

// at returns the agent's session at an event.
func (s *sessions) at(ev event) int32 {
	for len(s.marks) > 0 && s.marks[0].record < ev.record {
		if s.marks[0].what == connected {
			s.begin(s.marks[0].agent)
		}
		s.marks = s.marks[1:]
	}
	if ev.what == start || s.current[ev.agent] == 0 {
		s.begin(ev.agent)
	}
	return s.current[ev.agent]
}

func (s *sessions) begin(agent int32) {
	s.last++
	s.current[agent] = s.last
}
