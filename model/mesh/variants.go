package mesh

import (
	"fmt"
)

// addDirect adds what a replica does in mode direct: it copies the writes that
// other replicas have acknowledged. The proposal has no such thing; without it an
// agent would never see what was written to another replica, so the model errs on
// the side of direct writes.
func (m *mesh) addDirect(r int) {
	m.add(action{
		name: fmt.Sprintf("Copy(r%d)", r), kind: progress,
		count: func(s *State) int { return int(s.RV) },
		do: func(s *State, i int) bool {
			p := &s.Replicas[r]
			if p.Phase == Lost || p.Held&(1<<i) != 0 || !s.held(i) {
				return false
			}
			m.hold(s, r, uint8(i+1))
			return true
		},
		say: func(s *State, i int) string {
			return fmt.Sprintf("r%d copies rv %d from another replica: %s", r, i+1, s.at(uint8(i+1)))
		},
	})
}

// held reports whether some replica has the write of bit i.
func (s *State) held(i int) bool {
	for r := range s.Replicas {
		if s.Replicas[r].Held&(1<<i) != 0 {
			return true
		}
	}
	return false
}

// hold gives a replica the write rv. Of each address its etcd has the latest.
func (m *mesh) hold(s *State, r int, rv uint8) {
	s.Replicas[r].Held |= 1 << (rv - 1)
	m.settle(s, &s.Replicas[r])
}

func (m *mesh) settle(s *State, p *Replica) {
	p.Etcd = entries{}
	for i := uint8(1); i <= s.RV; i++ {
		if p.Held&(1<<(i-1)) == 0 {
			continue
		}
		w := s.at(i)
		p.Etcd[w.Address] = i
		if w.Delete {
			p.Etcd[w.Address] = 0
		}
	}
}

// startDirect starts a replica with an empty etcd. It serves once it has copied
// what the others hold.
func (m *mesh) startDirect(s *State, r int) bool {
	p := &s.Replicas[r]
	if p.Phase != Lost {
		return false
	}
	p.Phase = Serving
	for other := range s.Replicas {
		p.Held |= s.Replicas[other].Held
	}
	m.settle(s, p)
	return true
}

// addCentral adds the two watches of a replica that computes: one of endpoints,
// which say which pod has an address, and one of identities, which say what a pod
// may do. Kubernetes orders neither with the other.
func (m *mesh) addCentral(r int) {
	add := func(name, what string, position func(*Replica) *uint8) {
		m.add(action{
			name: fmt.Sprintf("%s(r%d)", name, r), kind: progress,
			do: func(s *State, _ int) bool {
				p := &s.Replicas[r]
				if p.Phase != Serving || *position(p) == s.RV {
					return false
				}
				before := s.computed(p)
				*position(p)++
				for address, created := range s.computed(p) {
					if created != before[address] {
						p.Etcd[address] = created
					}
				}
				return true
			},
			say: func(s *State, _ int) string {
				next := *position(&s.Replicas[r]) + 1
				return fmt.Sprintf("r%d's watch of %s delivers rv %d (%s), and it computes anew", r, what, next, s.at(next))
			},
		})
	}
	add("DeliverEndpoint", "endpoints", func(p *Replica) *uint8 { return &p.RV })
	add("DeliverIdentity", "identities", func(p *Replica) *uint8 { return &p.Identities })
}

// computed is the join of what the replica's two watches have delivered: an
// address has the identity of the pod that the endpoints name, as far as that pod
// has one.
func (s *State) computed(p *Replica) (e entries) {
	var identity [maxObjects]uint8 // by pod: the write that created it
	for i := uint8(1); i <= p.Identities; i++ {
		w := s.at(i)
		identity[w.Pod] = i
		if w.Delete {
			identity[w.Pod] = 0
		}
	}
	for address, created := range s.truth(p.RV) {
		if created != 0 {
			e[address] = identity[s.at(created).Pod]
		}
	}
	return e
}
