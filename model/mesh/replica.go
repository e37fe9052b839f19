package mesh

import (
	"fmt"

	"github.com/meshcheck/meshcheck/model/mode"
)

// addReplica adds what a replica does and what befalls it.
func (m *mesh) addReplica(r int) {
	if m.mode.Base.Copies() {
		m.addDeliveries(r)
		m.add(action{
			name: fmt.Sprintf("WriterLists(r%d)", r), kind: progress,
			do: func(s *State, _ int) bool {
				p := &s.Replicas[r]
				return m.listed(p, p.WriterLists(s.log(), m.mode.Has(mode.Sweep)))
			},
			say: func(s *State, _ int) string {
				if m.mode.Has(mode.Sweep) {
					return fmt.Sprintf("r%d's new writer lists at rv %d, writes what exists, deletes what does not", r, s.RV)
				}
				return fmt.Sprintf("r%d's new writer lists at rv %d and writes what exists", r, s.RV)
			},
		})
		m.addFault(action{
			name: fmt.Sprintf("RestartWriter(r%d)", r),
			do: func(s *State, _ int) bool {
				return s.Replicas[r].RestartWriter() == ""
			},
			say: func(*State, int) string {
				return fmt.Sprintf("r%d's writer restarts; the etcd beside it stays", r)
			},
		})
	}
	m.add(action{
		name: fmt.Sprintf("Start(r%d)", r), kind: progress,
		do: func(s *State, _ int) bool {
			if m.mode.Base == mode.Direct {
				return m.startDirect(s, r)
			}
			p := &s.Replicas[r]
			return m.listed(p, p.Start(s.log()))
		},
		say: func(s *State, _ int) string {
			if m.mode.Base == mode.Direct {
				return fmt.Sprintf("a new pod of r%d starts with an empty etcd and copies what others have", r)
			}
			return fmt.Sprintf("a new pod of r%d starts with an empty etcd and fills it from a list at rv %d", r, s.RV)
		},
	})
	m.addFault(action{
		name: fmt.Sprintf("Crash(r%d)", r),
		do: func(s *State, _ int) bool {
			if s.Replicas[r].Crash() != "" {
				return false
			}
			m.left(s, s.leave(r))
			return true
		},
		say: func(*State, int) string { return fmt.Sprintf("r%d's pod is lost, and its etcd with it", r) },
	})
}

// listed is the end of a step in which the replica lists, if it was enabled: in
// mode central it lists identities, too.
func (m *mesh) listed(p *Replica, refused Refusal) bool {
	if refused != "" {
		return false
	}
	if m.mode.Base == mode.Central {
		p.Identities = p.RV
	}
	return true
}

// addDeliveries adds the replica's watch: it delivers every write, in order, when
// it likes.
func (m *mesh) addDeliveries(r int) {
	if m.mode.Base == mode.Central {
		m.addCentral(r)
		return
	}
	m.add(action{
		name: fmt.Sprintf("Deliver(r%d)", r), kind: progress,
		do: func(s *State, _ int) bool {
			return s.Replicas[r].Deliver(s.log()) == ""
		},
		say: func(s *State, _ int) string {
			next := s.Replicas[r].RV + 1
			return fmt.Sprintf("r%d's watch delivers rv %d: %s", r, next, s.at(next))
		},
	})
}

// leave ends the connections of a replica's agents, and returns these.
func (s *State) leave(r int) (agents []*Agent) {
	for a := range s.Agents {
		if int(s.Agents[a].At) == r+1 {
			s.Agents[a].Leave()
			agents = append(agents, &s.Agents[a])
		}
	}
	return agents
}

// left has agents who go by CRDs first see that their etcd is lost.
func (m *mesh) left(s *State, agents []*Agent) {
	for _, g := range agents {
		if m.crdsFirst && g.CRD != 0 {
			m.look(s, g)
		}
	}
}
