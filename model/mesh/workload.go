package mesh

import (
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/model/mode"
)

// A write is chosen among: delete pod i; or create pod i with address j. In mode
// direct also among the replicas that may acknowledge it.
func (m *mesh) writes(*State) int {
	n := m.Objects + m.Objects*m.Objects
	if m.mode.Base == mode.Direct {
		n *= m.Replicas
	}
	return n
}

// choice is the write number i and, in mode direct, who acknowledges it.
func (m *mesh) choice(i int) (w Write, by int) {
	if m.mode.Base == mode.Direct {
		i, by = i/m.Replicas, i%m.Replicas
	}
	if i < m.Objects {
		return Write{Pod: uint8(i), Delete: true}, by
	}
	i -= m.Objects
	return Write{Pod: uint8(i / m.Objects), Address: uint8(i % m.Objects)}, by
}

// addWorkload adds the writes. Nobody has to write: the workload may end anywhere.
func (m *mesh) addWorkload() {
	m.add(action{
		name: "Write", kind: workload, count: m.writes,
		do: func(s *State, i int) bool {
			w, by := m.choice(i)
			w, possible := m.admit(s, w)
			if !possible || m.mode.Base == mode.Direct && s.Replicas[by].Phase == Lost {
				return false
			}
			s.Log[s.RV] = w
			s.RV++
			if m.mode.Base == mode.Direct {
				m.hold(s, by, s.RV)
			}
			return true
		},
		say: func(s *State, i int) string {
			w, by := m.choice(i)
			w, _ = m.admit(s, w)
			who := "the kube-apiserver"
			switch m.mode.Base {
			case mode.Direct:
				who = fmt.Sprintf("r%d's etcd", by)
			case mode.KVStore:
				who = "the shared etcd"
			}
			return fmt.Sprintf("%s acknowledges rv %d: %s", who, s.RV+1, w)
		},
	})
}

// admit reports whether a write is possible: a pod that lives may be deleted, as
// long as there were not as many deletions as objects; one that does not may be
// created with an address that nobody has, unless all reuses are used up. The
// answer has the address of the deleted pod.
//
// Of writes that differ by names alone one is admitted. The objects of the start
// are interchangeable, so they are deleted in the order of their numbers. What
// a pod is called matters only where replicas find its identity by its name, so
// elsewhere the first of those that do not live is created.
func (m *mesh) admit(s *State, w Write) (Write, bool) {
	now := s.truth(s.RV)
	var lives [maxObjects]bool
	deletes := 0
	for i := uint8(1); i <= s.RV; i++ {
		if s.at(i).Delete {
			deletes++
		}
	}
	for address, created := range now[:m.Objects] {
		if created == 0 {
			continue
		}
		pod := s.at(created).Pod
		lives[pod] = true
		if w.Delete && pod == w.Pod {
			w.Address = uint8(address)
		}
	}
	if w.Delete {
		untouched := func(pod uint8) bool { return now[pod] == pod+1 }
		inOrder := !untouched(w.Pod) || w.Pod == 0 || !untouched(w.Pod-1)
		return w, lives[w.Pod] && inOrder && deletes < m.Objects
	}
	first := slices.Index(lives[:m.Objects], false)
	named := m.mode.Base == mode.Central || int(w.Pod) == first
	return w, !lives[w.Pod] && named && now[w.Address] == 0 && int(s.RV)-deletes < m.Objects+m.Reuses
}

// last is the resourceVersion of the last write that the bounds allow.
func (b Bounds) last() uint8 { return uint8(2*b.Objects + b.Reuses) }

func (w Write) String() string {
	if w.Delete {
		return fmt.Sprintf("pod p%d is deleted, %s is free", w.Pod, ip(int(w.Address)))
	}
	return fmt.Sprintf("pod p%d is created with %s", w.Pod, ip(int(w.Address)))
}

// ip is an address as people know it.
func ip(address int) string { return fmt.Sprintf("10.0.0.%d", address+1) }
