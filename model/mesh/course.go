package mesh

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Course is a counterexample taken apart, for those who want to make the same
// happen elsewhere.
type Course struct {
	Mode     mode.Mode
	Bounds   Bounds // Replicas is 0 if the mode has none
	Property string // that is broken at the end
	Reads    []int  // by agent: the replica that it reads at the start, or -1
	Acts     []Act  // in order
}

// ActName is the name of an action, without who it is of.
type ActName string

// The actions of the base ClusterMesh without repairs. Other modes have more.
const (
	Writes         ActName = "Write"
	Delivers       ActName = "Deliver"
	WriterRestarts ActName = "RestartWriter"
	WriterListsNow ActName = "WriterLists"
	ReplicaStarts  ActName = "Start"
	ReplicaCrashes ActName = "Crash"
	EtcdEmptied    ActName = "Empty"
	AgentSees      ActName = "See"
	AgentConnects  ActName = "Connect"
	AgentRestarts  ActName = "RestartAgent"
)

// Act is one step of a course.
type Act struct {
	Name    ActName
	Replica int // whose step it is, or with which an agent connects; -1: none
	Agent   int // whose step it is; -1: none

	// Of Writes and Delivers: the resourceVersion, and what it writes. Of a write
	// that deletes, Address is the one that becomes free.
	RV    int
	Write Write
}

// Course takes apart the counterexample of a cell, by doing again in the model what
// its steps say. The error says which step is none of the model's.
func (r *Row) Course(c Cell) (*Course, error) {
	m, err := newMesh(Config{r.Mode, r.Bounds})
	if err != nil {
		return nil, err
	}
	s, err := m.initial(c.Trace)
	if err != nil {
		return nil, err
	}
	course := &Course{Mode: r.Mode, Bounds: m.Bounds, Property: c.Property}
	for a := range m.Agents {
		course.Reads = append(course.Reads, int(s.Agents[a].At)-1)
	}
	for i, step := range c.Trace.Steps {
		act, ok := m.again(&s, step.Action)
		if !ok {
			return nil, fmt.Errorf("mode %s, step %d of the counterexample of %s: %q is not possible there", r.Mode, i+1, c.Property, step.Action)
		}
		course.Acts = append(course.Acts, act)
	}
	return course, nil
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
func (m *mesh) again(s *State, said string) (Act, bool) {
	for _, x := range m.actions {
		if !strings.HasPrefix(said, x.name+" [") {
			continue
		}
		for i := range x.count(s) {
			next := *s
			if !x.do(&next, i) || said != fmt.Sprintf("%s [%s]", x.name, x.say(s, i)) {
				continue
			}
			act := m.act(x.name, s, &next, i)
			*s = next
			return act, true
		}
	}
	return Act{}, false
}

// act describes the choice i of an action that led from one state to the next.
func (m *mesh) act(name string, old, next *State, i int) Act {
	name, host, _ := strings.Cut(strings.TrimSuffix(name, ")"), "(")
	act := Act{Name: ActName(name), Replica: -1, Agent: -1}
	switch {
	case strings.HasPrefix(host, "r"):
		act.Replica = number(host)
	case strings.HasPrefix(host, "a"):
		act.Agent = number(host)
	}
	switch act.Name {
	case Writes:
		act.RV = int(next.RV)
		if m.mode.Base == mode.Direct {
			_, act.Replica = m.choice(i)
		}
	case Delivers:
		act.RV = int(next.Replicas[act.Replica].RV)
	case AgentConnects:
		act.Replica = i
	case AgentSees:
		act.Replica = int(old.Agents[act.Agent].At) - 1
	}
	if act.RV > 0 {
		act.Write = next.at(uint8(act.RV))
	}
	return act
}

// number is that of a host: there are at most three of a sort.
func number(host string) int { return int(host[1] - '0') }
