package mesh

import (
	"fmt"
)

// addEmptying adds the fault that a replica's etcd comes back empty in the same
// pod, as after a reboot of its node, and so with the cluster ID that it had. Its
// agents take it for the same store: unless they have gone elsewhere by the time
// it is back, their watches go on at a revision that is in its future, and they
// hear nothing of what is written before it gets there. Here they hear nothing
// more at all, which is the worst case: what they missed they would not learn
// later either. An agent in the middle of a handover goes back to CRDs.
//
// With the repair token the same event is no other than the loss of the pod.
func (m *mesh) addEmptying(r int) {
	m.addFault(action{
		name: fmt.Sprintf("Empty(r%d)", r),
		do: func(s *State, _ int) bool {
			if s.Replicas[r].Crash() != "" {
				return false
			}
			for a := range s.Agents {
				if g := &s.Agents[a]; int(g.At) == r+1 {
					g.Orphaned()
					m.left(s, []*Agent{g})
				}
			}
			return true
		},
		say: func(*State, int) string {
			return fmt.Sprintf("r%d's node reboots: its etcd will be empty, with the cluster ID it had", r)
		},
	})
}

// unconnected reports whether the agent has no etcd to read from, be it that it waits
// for one to come back.
func (s *State) unconnected(g *Agent) bool {
	return g.At == 0 || g.Deaf && s.Replicas[g.At-1].Phase == Lost
}

// addHeartbeat adds the fault that the repair heartbeat is there for. In other
// modes a connection that is dead in silence is nothing but a watch that delivers
// late, which every watch may do.
func (m *mesh) addHeartbeat(r int) {
	m.addFault(action{
		name: fmt.Sprintf("Cut(r%d)", r),
		do: func(s *State, _ int) bool {
			p := &s.Replicas[r]
			if p.Phase == Lost || p.Cut || p.Quiet {
				return false
			}
			p.Cut = true
			return true
		},
		say: func(*State, int) string {
			return fmt.Sprintf("r%d's connection with the kube-apiserver dies in silence", r)
		},
	})
	m.step(fmt.Sprintf("StopHeartbeat(r%d)", r),
		func(s *State) bool {
			p := &s.Replicas[r]
			if !p.Cut || p.Quiet {
				return false
			}
			p.Quiet = true
			m.left(s, s.leave(r))
			return true
		},
		fmt.Sprintf("r%d finds that its watch is cut and stops its heartbeat; its agents leave", r))
	m.step(fmt.Sprintf("Heal(r%d)", r),
		func(s *State) bool {
			p := &s.Replicas[r]
			if !p.Cut {
				return false
			}
			p.Cut = false
			return true
		},
		fmt.Sprintf("r%d's connection with the kube-apiserver is back", r))
	m.step(fmt.Sprintf("ResumeHeartbeat(r%d)", r),
		func(s *State) bool {
			p := &s.Replicas[r]
			if !p.Quiet || p.Cut || p.Phase != Serving || p.RV != s.RV {
				return false
			}
			p.Quiet = false
			return true
		},
		fmt.Sprintf("r%d has caught up and sends its heartbeat again", r))
}
