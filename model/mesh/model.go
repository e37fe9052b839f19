package mesh

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Config is what a model is made for.
type Config struct {
	Mode mode.Mode
	Bounds

	// CRDsFirst is how agents of a handover without cut-over make one view of two sources where an address
	// belongs to whom CRDs say, and an etcd only fills their gaps. What a lost etcd had said goes at once.
	CRDsFirst bool
}

// New makes the model. At the start every object exists, every replica has listed
// them, and every agent's view is right: of CRDs where agents may read them, else
// of one replica or another. The error says which bound or repair does not fit.
func New(c Config) (*explore.Model[State], error) {
	m, err := newMesh(c)
	if err != nil {
		return nil, err
	}
	return m.model(), nil
}

// mesh is a model while it is made.
type mesh struct {
	Bounds
	mode      mode.Mode
	crdsFirst bool
	actions   []action
}

// kind says why an action happens.
type kind uint8

const (
	workload kind = iota // somebody may write, or not
	progress             // as long as it can, it happens sooner or later
	fault                // may happen, or not
)

// action is an action of the model, with the sentence that tells of it.
type action struct {
	name  string
	kind  kind
	count func(*State) int // nil: one outcome
	do    func(s *State, i int) bool
	say   func(s *State, i int) string // before it happens
}

func newMesh(c Config) (*mesh, error) {
	if err := c.Mode.Validate(); err != nil {
		return nil, err
	}
	if err := c.Bounds.validate(); err != nil {
		return nil, err
	}
	m := &mesh{Bounds: c.Bounds, mode: c.Mode, crdsFirst: c.CRDsFirst}
	if !m.mode.Base.Replicated() {
		m.Replicas = 0
	}
	m.addWorkload()
	for r := range m.Replicas {
		m.addReplica(r)
		if m.mode.Base == mode.Direct {
			m.addDirect(r)
		}
		if m.mode.Base.Copies() && !m.mode.Has(mode.Token) {
			m.addEmptying(r)
		}
		if m.mode.Has(mode.Heartbeat) {
			m.addHeartbeat(r)
		}
	}
	for a := range m.Agents {
		m.addAgent(a)
	}
	return m, nil
}

func (m *mesh) add(a action) {
	if a.count == nil {
		a.count = func(*State) int { return 1 }
	}
	m.actions = append(m.actions, a)
}

// step adds an action that must happen, with one outcome and one sentence.
func (m *mesh) step(name string, do func(s *State) bool, sentence string) {
	m.add(action{
		name: name, kind: progress,
		do:  func(s *State, _ int) bool { return do(s) },
		say: func(*State, int) string { return sentence },
	})
}

// addFault adds an action that may happen as long as faults are left.
func (m *mesh) addFault(a action) {
	do := a.do
	a.kind = fault
	a.do = func(s *State, i int) bool {
		if int(s.Faults) == m.Faults || !do(s, i) {
			return false
		}
		s.Faults++
		return true
	}
	m.add(a)
}

// settled reports whether nothing happens any more unless somebody writes or
// another fault strikes. No behaviour goes on for ever without writes and faults,
// of which there are finitely many, so every fair behaviour comes to a state that
// is settled, and stays in one.
func (m *mesh) settled(s *State) bool {
	for i := range m.actions {
		a := &m.actions[i]
		if a.kind != progress {
			continue
		}
		for i := range a.count(s) {
			if next := *s; a.do(&next, i) {
				return false
			}
		}
	}
	return true
}

// model makes the explorer's model of it.
func (m *mesh) model() *explore.Model[State] {
	x := explore.New[State](fmt.Sprintf("%s (%s)", m.mode, m.Bounds))
	x.Init(m.starts()...)
	for _, a := range m.actions {
		x.Choice(a.name, a.count, a.do).Label(a.say)
	}
	m.addProperties(x)
	x.Show(m.vars)
	if m.Replicas == 0 {
		x.Symmetry([]int{m.Agents}, func(s *State, perm [][]int) { s.renameAgents(perm[0]) })
		return x
	}
	x.Symmetry([]int{m.Agents, m.Replicas}, func(s *State, perm [][]int) {
		s.renameAgents(perm[0])
		s.renameReplicas(perm[1])
	})
	return x
}

// starts are the initial states: one for each way in which agents may be spread
// over replicas.
func (m *mesh) starts() []State {
	var s State
	for i := range m.Objects {
		s.Log[i] = Write{Pod: uint8(i), Address: uint8(i)}
	}
	s.RV = uint8(m.Objects)
	for r := range m.Replicas {
		p := &s.Replicas[r]
		m.listed(p, p.Start(s.log()))
		if m.mode.Base == mode.Direct {
			p.RV, p.Held = 0, 1<<s.RV-1
		}
	}
	starts := []State{s}
	for a := range m.Agents {
		var next []State
		for _, s := range starts {
			next = append(next, m.joins(s, a)...)
		}
		starts = next
	}
	return starts
}

// joins are the states that differ from s in where the agent reads.
func (m *mesh) joins(s State, a int) (all []State) {
	g := &s.Agents[a]
	if m.mode.Base == mode.Handover || !m.mode.Base.Replicated() {
		g.CRD = s.RV
		m.look(&s, g)
		return []State{s}
	}
	for r := range m.Replicas {
		t := s
		t.Agents[a].At = uint8(r + 1)
		m.look(&t, &t.Agents[a])
		all = append(all, t)
	}
	return all
}

func (s *State) renameAgents(perm []int) {
	old := s.Agents
	for from, to := range perm {
		s.Agents[to] = old[from]
	}
}

func (s *State) renameReplicas(perm []int) {
	old := s.Replicas
	for from, to := range perm {
		s.Replicas[to] = old[from]
	}
	for a := range s.Agents {
		if at := s.Agents[a].At; at != 0 {
			s.Agents[a].At = uint8(perm[at-1] + 1)
		}
	}
}

// Bounds are the size of a model.
type Bounds struct {
	Replicas int `json:"replicas"` // of the ClusterMesh API server; 1 to 3
	Agents   int `json:"agents"`   // 1 to 3
	Objects  int `json:"objects"`  // pods, and as many addresses; all exist at the start; 1 to 3
	Reuses   int `json:"reuses"`   // pods that are created later, with addresses that others had; 0 to 2
	Faults   int `json:"faults"`   // 0 to 4
}

// Default are the bounds that the matrix is made for.
var Default = Bounds{Replicas: 2, Agents: 2, Objects: 2, Reuses: 1, Faults: 2}

// Limits of the bounds.
const (
	maxReplicas = 3
	maxAgents   = 3
	maxObjects  = 3
	maxReuses   = 2
	maxFaults   = 4
	// maxWrites: each object is created at the start, as many deletions may
	// follow, and each reuse creates one more.
	maxWrites = 2*maxObjects + maxReuses
)

func (b Bounds) validate() error {
	for _, x := range []struct {
		name              string
		value, least, top int
	}{
		{"replicas", b.Replicas, 1, maxReplicas}, {"agents", b.Agents, 1, maxAgents}, {"objects", b.Objects, 1, maxObjects},
		{"reuses", b.Reuses, 0, maxReuses}, {"faults", b.Faults, 0, maxFaults},
	} {
		if x.value < x.least || x.value > x.top {
			return fmt.Errorf("a model with %d %s: want %d to %d", x.value, x.name, x.least, x.top)
		}
	}
	return nil
}

func (b Bounds) String() string {
	var parts []string
	for _, x := range []struct {
		n    int
		noun string
	}{{b.Replicas, "replica"}, {b.Agents, "agent"}, {b.Objects, "object"}, {b.Reuses, "reuse"}, {b.Faults, "fault"}} {
		if x.n != 1 {
			x.noun += "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s", x.n, x.noun))
	}
	return strings.Join(parts, ", ")
}
