package mesh

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Counterexample is a counterexample taken apart, for those who want to make the same
// happen elsewhere.
type Counterexample struct {
	Mode      mode.Mode
	Bounds    Bounds // Replicas is 0 if the mode has none
	CRDsFirst bool   // as in Config
	Property  string // that is broken at the end
	Reads     []int  // by agent: the replica that it reads at the start, or -1
	Steps     []Step // in order
}

// ActionName is the name of an action, without who it is of.
type ActionName string

// The actions of the base ClusterMesh without repairs, and those that Handover adds. Other modes have more.
const (
	Writes         ActionName = "Write"
	Delivers       ActionName = "Deliver"
	WriterRestarts ActionName = "RestartWriter"
	WriterListsNow ActionName = "WriterLists"
	ReplicaStarts  ActionName = "Start"
	ReplicaCrashes ActionName = "Crash"
	EtcdEmptied    ActionName = "Empty"
	AgentSees      ActionName = "See"
	AgentConnects  ActionName = "Connect"
	AgentRestarts  ActionName = "RestartAgent"

	AgentWatches   ActionName = "Watch"    // its watch of CRDs delivers, or what an etcd said goes
	AgentStopsCRDs ActionName = "StopCRDs" // it ceases to watch CRDs
)

// Step is one step of a counterexample.
type Step struct {
	Name    ActionName
	Replica int // whose step it is, or with which an agent connects; -1: none
	Agent   int // whose step it is; -1: none

	// Of Writes, Delivers and AgentWatches: the resourceVersion, and what it writes; zero of
	// an AgentWatches that delivers nothing. Of a write that deletes, Address is the one that
	// becomes free.
	RV    int
	Write Write
}

// Counterexample takes apart the counterexample of a cell, by doing again in the model what
// its steps say. The error says which step is none of the model's.
func (r *Row) Counterexample(c Cell) (*Counterexample, error) {
	m, err := newMesh(Config{Mode: r.Mode, Bounds: r.Bounds, CRDsFirst: r.crdsFirst})
	if err != nil {
		return nil, err
	}
	s, err := m.initial(c.Trace)
	if err != nil {
		return nil, err
	}
	ce := &Counterexample{Mode: r.Mode, Bounds: m.Bounds, CRDsFirst: r.crdsFirst, Property: c.Property}
	for a := range m.Agents {
		ce.Reads = append(ce.Reads, int(s.Agents[a].At)-1)
	}
	for i, said := range c.Trace.Steps {
		step, ok := m.again(&s, said.Action)
		if !ok {
			return nil, fmt.Errorf("mode %s, step %d of the counterexample of %s: %q is not possible there", r.Mode, i+1, c.Property, said.Action)
		}
		ce.Steps = append(ce.Steps, step)
	}
	return ce, nil
}

// initial finds the initial state with which a trace begins.
func (m *mesh) initial(t *trace.Trace) (State, error) {
	same := func(a, b trace.Var) bool { return a.Name == b.Name && a.Value == b.Value }
	for _, s := range m.starts() {
		if slices.EqualFunc(m.vars(&s), t.Start, same) {
			return s, nil
		}
	}
	return State{}, fmt.Errorf("mode %s: no initial state is the one with which the counterexample of %s begins", m.mode, t.Property)
}

// again does what a step of a trace says, name and sentence, and returns it.
func (m *mesh) again(s *State, said string) (Step, bool) {
	for _, x := range m.actions {
		if !strings.HasPrefix(said, x.name+" [") {
			continue
		}
		for i := range x.count(s) {
			next := *s
			if !x.do(&next, i) || said != fmt.Sprintf("%s [%s]", x.name, x.say(s, i)) {
				continue
			}
			step := m.taken(x.name, s, &next, i)
			*s = next
			return step, true
		}
	}
	return Step{}, false
}

// taken describes the choice i of an action that led from one state to the next.
func (m *mesh) taken(name string, old, next *State, i int) Step {
	name, host, _ := strings.Cut(strings.TrimSuffix(name, ")"), "(")
	step := Step{Name: ActionName(name), Replica: -1, Agent: -1}
	switch {
	case mode.Replica.Is(host):
		step.Replica = number(host)
	case mode.Agent.Is(host):
		step.Agent = number(host)
	}
	switch step.Name {
	case Writes:
		step.RV = int(next.RV)
		if m.mode.Base == mode.Direct {
			_, step.Replica = m.choice(i)
		}
	case Delivers:
		step.RV = int(next.Replicas[step.Replica].RV)
	case AgentConnects:
		step.Replica = i
	case AgentWatches:
		if next.Agents[step.Agent].CRD > old.Agents[step.Agent].CRD {
			step.RV = int(next.Agents[step.Agent].CRD)
		}
	case AgentSees, AgentStopsCRDs:
		step.Replica = int(old.Agents[step.Agent].At) - 1
	}
	if step.RV > 0 {
		step.Write = next.at(uint8(step.RV))
	}
	return step
}

// number is that of a host: there are at most three of a sort.
func number(host string) int { return int(host[1] - '0') }
