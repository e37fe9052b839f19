package mesh

import (
	"fmt"

	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/meshcheck/meshcheck/model/mode"
)

// The names of the parts of a state that stories leave out: their sentences say
// it.
const (
	rvVar     = "rv"
	faultsVar = "faults"
	truthVar  = "truth"
)

// vars shows a state: first what is true, then what replicas have, then what
// agents see.
func (m *mesh) vars(s *State) (vars []trace.Var) {
	add := func(name, value string) { vars = append(vars, trace.Var{Name: name, Value: value}) }
	add(rvVar, fmt.Sprint(s.RV))
	add(faultsVar, fmt.Sprint(s.Faults))
	m.showEntries(s, s.truth(s.RV), truthVar, add)
	for r := range m.Replicas {
		p := &s.Replicas[r]
		add(fmt.Sprintf("r%d", r), m.showReplica(p))
		m.showEntries(s, p.Etcd, fmt.Sprintf("r%d's etcd", r), add)
	}
	for a := range m.Agents {
		g := &s.Agents[a]
		add(fmt.Sprintf("a%d reads", a), m.showSource(g))
		if m.mode.Has(mode.Fence) {
			add(fmt.Sprintf("a%d's fence", a), fmt.Sprintf("rv %d", g.Fence))
		}
		m.showEntries(s, g.View, fmt.Sprintf("a%d's view", a), add)
	}
	return vars
}

func (m *mesh) showReplica(p *Replica) string {
	text := [...]string{"lost", "at", "no writer, at"}[p.Phase]
	switch {
	case p.Phase == Lost:
		return text
	case m.mode.Base == mode.Direct:
		return "serving"
	case m.mode.Base == mode.Central:
		text = fmt.Sprintf("%s rv %d of endpoints, rv %d of identities", text, p.RV, p.Identities)
	default:
		text = fmt.Sprintf("%s rv %d", text, p.RV)
	}
	if p.Cut {
		text += ", cut off"
	}
	if p.Quiet {
		text += ", no heartbeat"
	}
	return text
}

func (m *mesh) showSource(g *Agent) string {
	truth := "CRDs"
	if m.mode.Base == mode.KVStore {
		truth = "the shared etcd"
	}
	switch {
	case g.At == 0 && g.CRD == 0:
		return "nothing"
	case g.At == 0:
		return fmt.Sprintf("%s at rv %d", truth, g.CRD)
	case g.Deaf:
		return fmt.Sprintf("r%d, hears nothing", g.At-1)
	case g.CRD == 0:
		return fmt.Sprintf("r%d", g.At-1)
	}
	return fmt.Sprintf("%s at rv %d and r%d", truth, g.CRD, g.At-1)
}

// showEntries shows to whom each address belongs. Pods with one name that were
// created one after the other have different identities, which the resourceVersion
// of the creation tells apart.
func (m *mesh) showEntries(s *State, e entries, where string, add func(name, value string)) {
	for address, created := range e[:m.Objects] {
		value := "nobody"
		if created != 0 {
			value = fmt.Sprintf("p%d of rv %d", s.at(created).Pod, created)
		}
		add(fmt.Sprintf("%s: %s", where, ip(address)), value)
	}
}
