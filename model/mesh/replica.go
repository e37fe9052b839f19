package mesh

import "fmt"

// addReplica adds what a replica does and what befalls it.
func (m *mesh) addReplica(r int) {
	if m.mode.Base.copies() {
		m.addDeliveries(r)
		m.add(action{
			name: fmt.Sprintf("WriterLists(r%d)", r), kind: progress,
			do: func(s *State, _ int) bool {
				p := &s.Replicas[r]
				if p.Phase != writerless || p.Cut {
					return false
				}
				m.list(s, p)
				return true
			},
			say: func(s *State, _ int) string {
				if m.mode.has(Sweep) {
					return fmt.Sprintf("r%d's new writer lists at rv %d, writes what exists, deletes what does not", r, s.RV)
				}
				return fmt.Sprintf("r%d's new writer lists at rv %d and writes what exists", r, s.RV)
			},
		})
		m.addFault(action{
			name: fmt.Sprintf("RestartWriter(r%d)", r),
			do: func(s *State, _ int) bool {
				p := &s.Replicas[r]
				if p.Phase != serving {
					return false
				}
				p.Phase = writerless
				return true
			},
			say: func(*State, int) string {
				return fmt.Sprintf("r%d's writer restarts; the etcd beside it stays", r)
			},
		})
	}
	m.add(action{
		name: fmt.Sprintf("Start(r%d)", r), kind: progress,
		do: func(s *State, _ int) bool {
			p := &s.Replicas[r]
			if p.Phase != lost {
				return false
			}
			if m.mode.Base == Direct {
				m.startDirect(s, r)
			} else {
				m.list(s, p)
			}
			return true
		},
		say: func(s *State, _ int) string {
			if m.mode.Base == Direct {
				return fmt.Sprintf("a new pod of r%d starts with an empty etcd and copies what others have", r)
			}
			return fmt.Sprintf("a new pod of r%d starts with an empty etcd and fills it from a list at rv %d", r, s.RV)
		},
	})
	m.addFault(action{
		name: fmt.Sprintf("Crash(r%d)", r),
		do: func(s *State, _ int) bool {
			if s.Replicas[r].Phase == lost {
				return false
			}
			s.Replicas[r] = replica{}
			s.leave(r)
			return true
		},
		say: func(*State, int) string { return fmt.Sprintf("r%d's pod is lost, and its etcd with it", r) },
	})
}

// list makes a replica's etcd what a list of the kube-apiserver says. Without a
// sweep, keys stay that an earlier writer left there and that are not in the list.
func (m *mesh) list(s *State, p *replica) {
	before := p.Etcd
	p.Phase, p.RV = serving, s.RV
	p.Etcd = s.truth(s.RV)
	if m.mode.Base == Central {
		p.Identities = s.RV
	}
	for address, created := range before {
		if p.Etcd[address] == 0 && !m.mode.has(Sweep) {
			p.Etcd[address] = created
		}
	}
}

// addDeliveries adds the replica's watch: it delivers every write, in order, when
// it likes.
func (m *mesh) addDeliveries(r int) {
	if m.mode.Base == Central {
		m.addCentral(r)
		return
	}
	m.add(action{
		name: fmt.Sprintf("Deliver(r%d)", r), kind: progress,
		do: func(s *State, _ int) bool {
			p := &s.Replicas[r]
			if p.Phase != serving || p.Cut || p.RV == s.RV {
				return false
			}
			p.RV++
			w := s.at(p.RV)
			p.Etcd[w.Address] = 0
			if !w.Delete {
				p.Etcd[w.Address] = p.RV
			}
			return true
		},
		say: func(s *State, _ int) string {
			next := s.Replicas[r].RV + 1
			return fmt.Sprintf("r%d's watch delivers rv %d: %s", r, next, s.at(next))
		},
	})
}

// leave ends the connections of a replica's agents.
func (s *State) leave(r int) {
	for a := range s.Agents {
		if int(s.Agents[a].At) == r+1 {
			s.Agents[a].At, s.Agents[a].Deaf = 0, false
		}
	}
}
