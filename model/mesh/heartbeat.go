package mesh

import "fmt"

// addHeartbeat adds the fault that the repair heartbeat is there for. In other
// modes a connection that is dead in silence is nothing but a watch that delivers
// late, which every watch may do.
func (m *mesh) addHeartbeat(r int) {
	m.addFault(action{
		name: fmt.Sprintf("Cut(r%d)", r),
		do: func(s *State, _ int) bool {
			p := &s.Replicas[r]
			if p.Phase == lost || p.Cut || p.Quiet {
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
			s.leave(r)
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
			if !p.Quiet || p.Cut || p.Phase != serving || p.RV != s.RV {
				return false
			}
			p.Quiet = false
			return true
		},
		fmt.Sprintf("r%d has caught up and sends its heartbeat again", r))
}
