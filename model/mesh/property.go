package mesh

import (
	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/mode"
)

// The names of the properties. The first four are the checker's.
const (
	integrity    = "integrity"
	monotonic    = mode.Monotonic
	spurious     = "no-spurious-deletion"
	convergence  = "convergence"
	owner        = "owner"
	singleSource = mode.SingleSource
	durable      = "durable"
	agree        = mode.Agree
)

// The names of the situations.
const (
	allKnown = "all-known"
	apart    = "apart"
)

// Property is a named promise.
type Property struct {
	Name    string
	Promise string // as one sentence
}

// Properties returns the properties, in the order of the matrix.
func Properties() []Property {
	return []Property{
		{integrity, "Whatever an agent sees existed before, as a whole, for that address."},
		{monotonic, "No agent's view goes back in time: each entry is of the same or a later version than the one before, across fail-overs and restarts."},
		{spurious, "Nothing leaves an agent's view that still exists."},
		{convergence, "Once writes and faults have ended, every agent has exactly the view that the final truth demands."},
		{owner, "Once writes and faults have ended, every address in use maps to the identity of its live owner in every agent's view."},
		{singleSource, "An agent's view is at each instant what one source held at one instant."},
		{durable, "An acknowledged write survives where it was acknowledged, or in a store that has copied it."},
		{agree, "At each instant all replicas that answer give the same answer."},
	}
}

// PropertyNames returns the names in the order of Properties.
func PropertyNames() (names []string) {
	for _, p := range Properties() {
		names = append(names, p.Name)
	}
	return names
}

// situations are what a mode must be able to come to, so that one in which nothing
// happens does not pass: the explorer gives a witness of each. Of replicas that copy
// the kube-apiserver it is also how far apart they can be.
func situations(m mode.Mode) []Property {
	all := []Property{{allKnown, "Every write has happened, and every agent knows."}}
	if m.Base.Copies() {
		all = append(all, Property{apart, "One replica answers as before the first write, another as after the last."})
	}
	return all
}

// addProperties adds the properties and situations to the explorer's model.
func (m *mesh) addProperties(x *explore.Model[State]) {
	x.Invariant(integrity, m.all(func(s *State, g *Agent) bool {
		for address, created := range g.View {
			if created != 0 && !s.genuine(address, created) {
				return false
			}
		}
		return true
	}))
	x.Transition(monotonic, m.eachStep(func(old, next *State, was, is *Agent, address int) bool {
		created := is.View[address]
		if created == 0 || !next.genuine(address, created) {
			return true
		}
		end := next.deleted(created)
		return end == 0 || end > was.Seen[address]
	}))
	x.Transition(spurious, m.eachStep(func(old, next *State, was, is *Agent, address int) bool {
		created := was.View[address]
		return is.View[address] != 0 || !old.genuine(address, created) || old.deleted(created) != 0
	}))
	x.Invariant(convergence, func(s *State) bool {
		return m.all(func(s *State, g *Agent) bool { return g.View == s.truth(s.RV) })(s) || !m.settled(s)
	})
	x.Invariant(owner, func(s *State) bool { return m.all(knowsOwners)(s) || !m.settled(s) })
	x.Invariant(singleSource, m.all(oneSource))
	x.Invariant(durable, func(s *State) bool { return m.mode.Base != mode.Direct || m.survived(s) })
	x.Invariant(agree, m.replicasAgree)

	x.Sometimes(allKnown, func(s *State) bool {
		return s.RV == m.last() && m.all(func(s *State, g *Agent) bool { return g.View == s.truth(s.RV) })(s)
	})
	if m.mode.Base.Copies() {
		x.Sometimes(apart, func(s *State) bool { return s.RV == m.last() && m.answersApart(s) })
	}
}

// all is true of a state if ok is of each agent in it.
func (m *mesh) all(ok func(s *State, g *Agent) bool) func(*State) bool {
	return func(s *State) bool {
		for a := range m.Agents {
			if !ok(s, &s.Agents[a]) {
				return false
			}
		}
		return true
	}
}

// eachStep is true of a step if ok is of each entry that changed in a view.
func (m *mesh) eachStep(ok func(old, next *State, was, is *Agent, address int) bool) func(old, next *State) bool {
	return func(old, next *State) bool {
		for a := range m.Agents {
			was, is := &old.Agents[a], &next.Agents[a]
			if was.View == is.View {
				continue
			}
			for address := range m.Objects {
				if was.View[address] != is.View[address] && !ok(old, next, was, is, address) {
					return false
				}
			}
		}
		return true
	}
}

func knowsOwners(s *State, g *Agent) bool {
	for address, created := range s.truth(s.RV) {
		if created != 0 && g.View[address] != created {
			return false
		}
	}
	return true
}

// oneSource: a view that is fed by one source is made of nothing else. One that is
// fed by two may be what one of them held by good luck.
func oneSource(s *State, g *Agent) bool {
	if g.At == 0 || g.CRD == 0 || g.View == s.Replicas[g.At-1].Etcd {
		return true
	}
	for rv := uint8(0); rv <= s.RV; rv++ {
		if g.View == s.truth(rv) {
			return true
		}
	}
	return false
}

// survived reports whether some replica has the latest write of each address.
func (m *mesh) survived(s *State) bool {
	var last entries
	for i := uint8(1); i <= s.RV; i++ {
		last[s.at(i).Address] = i
	}
	for address := range m.Objects {
		if !s.held(int(last[address]) - 1) {
			return false
		}
	}
	return true
}

func (m *mesh) replicasAgree(s *State) bool {
	first := -1
	for r := range m.Replicas {
		switch {
		case !s.Replicas[r].reachable():
		case first < 0:
			first = r
		case s.Replicas[r].Etcd != s.Replicas[first].Etcd:
			return false
		}
	}
	return true
}

// answersApart: one replica answers as before the first write of the workload, and
// another as after the last.
func (m *mesh) answersApart(s *State) bool {
	var first, last bool
	for r := range m.Replicas {
		if p := &s.Replicas[r]; p.reachable() {
			first = first || int(p.RV) == m.Objects && p.Etcd == s.truth(uint8(m.Objects))
			last = last || p.RV == s.RV && p.Etcd == s.truth(s.RV)
		}
	}
	return first && last
}
