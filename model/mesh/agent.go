package mesh

import (
	"fmt"

	"github.com/meshcheck/meshcheck/model/mode"
)

// addAgent adds what an agent does with the etcd of a replica, and its restart.
func (m *mesh) addAgent(a int) {
	if m.mode.Base.Replicated() {
		m.addReader(a)
	}
	if m.mode.Base == mode.Handover || !m.mode.Base.Replicated() {
		m.addWatcher(a)
	}
	m.addFault(action{
		name: fmt.Sprintf("RestartAgent(a%d)", a),
		do: func(s *State, _ int) bool {
			g := &s.Agents[a]
			if g.At == 0 && g.CRD == 0 {
				return false
			}
			g.Leave()
			g.StopWatch()
			switch {
			case m.mode.Has(mode.Anchor):
				g.Fence = s.RV
			case !m.mode.Has(mode.Kept):
				g.Fence = 0
			}
			return true
		},
		say: func(s *State, _ int) string {
			text := fmt.Sprintf("a%d restarts; the datapath keeps what it has", a)
			switch {
			case m.mode.Has(mode.Anchor):
				text += fmt.Sprintf(", and a%d asks the kube-apiserver for its resourceVersion: %d", a, s.RV)
			case m.mode.Has(mode.Kept):
				text += ", the fence too"
			}
			return text
		},
	})
}

// addReader adds the connection with a replica.
func (m *mesh) addReader(a int) {
	m.add(action{
		name: fmt.Sprintf("Connect(a%d)", a), kind: progress,
		count: func(*State) int { return m.Replicas },
		do: func(s *State, r int) bool {
			g := &s.Agents[a]
			if g.Connect(r, &s.Replicas[r], s.unconnected(g)) != "" {
				return false
			}
			if m.mode.Has(mode.Cutover) {
				g.StopWatch()
			}
			m.look(s, g)
			return true
		},
		say: func(s *State, r int) string {
			switch {
			case s.Agents[a].CRD == 0:
				return fmt.Sprintf("a%d connects with r%d, finds the canary, and makes its view what r%d's etcd has", a, r, r)
			case m.mode.Has(mode.Cutover):
				return fmt.Sprintf("a%d stops its watch of CRDs and makes its view what r%d's etcd has", a, r)
			case m.crdsFirst:
				return fmt.Sprintf("a%d connects with r%d while it watches CRDs: what r%d's etcd has fills their gaps", a, r, r)
			}
			return fmt.Sprintf("a%d connects with r%d while it watches CRDs: what r%d's etcd has takes precedence", a, r, r)
		},
	})
	m.add(action{
		name: fmt.Sprintf("See(a%d)", a), kind: progress,
		do: func(s *State, _ int) bool {
			g := &s.Agents[a]
			return g.Listens() == "" && m.look(s, g)
		},
		say: func(s *State, _ int) string {
			return fmt.Sprintf("a%d's watch of r%d's etcd delivers what is new", a, s.Agents[a].At-1)
		},
	})
}

// look makes the agent's view what its sources say, and reports whether that
// changed it.
func (m *mesh) look(s *State, g *Agent) bool {
	var from *Replica
	if g.At != 0 {
		from = &s.Replicas[g.At-1]
	}
	view := g.Sources(s.log(), from)
	if m.crdsFirst {
		view = g.SourcesCRDsFirst(s.log(), from)
	}
	if view == g.View {
		return false
	}
	s.show(g, view)
	if m.mode.Has(mode.Fence) {
		g.Fence = max(g.Fence, g.CRD)
		if from != nil {
			g.Fence = max(g.Fence, from.RV)
		}
	}
	return true
}

// show replaces the view, and keeps the account of what it has shown.
func (s *State) show(g *Agent, view entries) {
	for address, created := range view {
		was := g.View[address]
		switch {
		case created == was:
		case created != 0 && s.genuine(address, created):
			g.Seen[address] = max(g.Seen[address], created)
		case created == 0 && s.genuine(address, was):
			g.Seen[address] = max(g.Seen[address], s.deleted(was))
		}
	}
	g.View = view
}
