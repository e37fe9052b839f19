package index

// Sessions numbers the sessions of all agents, from 1, while the events of views
// are played through. What an agent sees while it has no connection belongs to the
// session before.
type Sessions struct {
	marks   []Mark // those still to come
	current []int32
	Last    int32 // the number given last
}

// NewSessions numbers sessions from the first event on.
func NewSessions(v *Views) *Sessions {
	return &Sessions{marks: v.Marks, current: make([]int32, len(v.Agents))}
}

// At returns the agent's session at an event.
func (s *Sessions) At(ev Event) int32 {
	for len(s.marks) > 0 && s.marks[0].Record < ev.Record {
		if s.marks[0].What == Connected {
			s.begin(s.marks[0].Agent)
		}
		s.marks = s.marks[1:]
	}
	if ev.What == Start || s.current[ev.Agent] == 0 {
		s.begin(ev.Agent)
	}
	return s.current[ev.Agent]
}

func (s *Sessions) begin(agent int32) {
	s.Last++
	s.current[agent] = s.Last
}
