package mesh

import (
	"fmt"

	"github.com/meshcheck/meshcheck/model/mode"
)

// addWatcher adds an agent's watch of the persistent truth: of CRDs at the
// kube-apiserver, or of the shared etcd.
func (m *mesh) addWatcher(a int) {
	source := "CRDs"
	if m.mode.Base == mode.KVStore {
		source = "the shared etcd"
	}
	m.add(action{
		name: fmt.Sprintf("List(a%d)", a), kind: progress,
		do: func(s *State, _ int) bool {
			g := &s.Agents[a]
			if m.anyReachable(s) || g.List(s.log(), s.unconnected(g)) != "" {
				return false
			}
			m.look(s, g)
			return true
		},
		say: func(s *State, _ int) string {
			return fmt.Sprintf("a%d lists %s at rv %d and makes its view that", a, source, s.RV)
		},
	})
	m.add(action{
		name: fmt.Sprintf("Watch(a%d)", a), kind: progress,
		do: func(s *State, _ int) bool {
			g := &s.Agents[a]
			switch g.Watch(s.log()) {
			case "":
				m.look(s, g)
				return true
			case sawAll: // what a lost etcd said goes when nothing newer comes
				return g.At == 0 && m.look(s, g)
			}
			return false
		},
		say: func(s *State, _ int) string {
			g := &s.Agents[a]
			if g.CRD == s.RV {
				return fmt.Sprintf("a%d goes by %s alone", a, source)
			}
			return fmt.Sprintf("a%d's watch of %s delivers rv %d: %s", a, source, g.CRD+1, s.at(g.CRD+1))
		},
	})
	if m.mode.Base != mode.Handover || m.mode.Has(mode.Cutover) {
		return
	}
	m.add(action{
		name: fmt.Sprintf("StopCRDs(a%d)", a), kind: progress,
		do: func(s *State, _ int) bool {
			g := &s.Agents[a]
			if g.At == 0 || g.CRD == 0 || g.accepts(&s.Replicas[g.At-1]) != "" {
				return false
			}
			g.StopWatch()
			m.look(s, g)
			return true
		},
		say: func(s *State, _ int) string {
			return fmt.Sprintf("a%d stops its watch of CRDs; what only they said goes, r%d's etcd is its source", a, s.Agents[a].At-1)
		},
	})
}

// anyReachable reports whether there is an etcd to read from, in which case an
// agent does not begin to watch CRDs.
func (m *mesh) anyReachable(s *State) bool {
	for r := range s.Replicas {
		if s.Replicas[r].reachable() {
			return true
		}
	}
	return false
}
