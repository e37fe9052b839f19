package mesh

import "fmt"

// addCentral adds the two watches of a replica that computes: one of endpoints,
// which say which pod has an address, and one of identities, which say what a pod
// may do. Kubernetes orders neither with the other.
func (m *mesh) addCentral(r int) {
	add := func(name, what string, position func(*replica) *uint8) {
		m.add(action{
			name: fmt.Sprintf("%s(r%d)", name, r), kind: progress,
			do: func(s *State, _ int) bool {
				p := &s.Replicas[r]
				if p.Phase != serving || *position(p) == s.RV {
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
	add("DeliverEndpoint", "endpoints", func(p *replica) *uint8 { return &p.RV })
	add("DeliverIdentity", "identities", func(p *replica) *uint8 { return &p.Identities })
}

// computed is the join of what the replica's two watches have delivered: an
// address has the identity of the pod that the endpoints name, as far as that pod
// has one.
func (s *State) computed(p *replica) (e entries) {
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
