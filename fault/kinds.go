package fault

import (
	"fmt"
	"strings"
)

// Class is what a kind of fault strikes. A seed draws which classes exist at all.
type Class string

// The classes of faults.
const (
	ReplicaFaults  Class = "replica"
	AgentFaults    Class = "agent"
	KubeFaults     Class = "kube-apiserver"
	OperatorFaults Class = "operator"
	NetworkFaults  Class = "network"
)

// Classes are all classes, in the order of the reference.
var Classes = []Class{ReplicaFaults, AgentFaults, KubeFaults, OperatorFaults, NetworkFaults}

// Spec says what a kind of fault is and which fields it uses.
type Spec struct {
	Kind    Kind
	Class   Class
	Summary string // one line

	targets  string   // letters of the hosts that it can happen to; empty: it names none
	group    group    // whether it names several hosts in targets
	link     bool     // it concerns a link and has a peer
	peers    string   // letters of the peers, if not those that talk with the target; may be left out
	lasts    lasts    // whether it has a length
	longest  Duration // that is drawn
	hows     []string // values of how, the default first
	uses     []use
	sentence func(*Fault) string
}

// group says whether a fault names one host or several.
type group int

const (
	one       group = iota // target
	oneOrMore              // target, or targets
	many                   // targets
)

// lasts says whether a fault has a length.
type lasts int

const (
	instant lasts = iota // no
	needed               // yes
	orGood               // yes, or it lasts for good
)

const (
	second = Duration(1e9)
	ms     = Duration(1e6)
)

// Specs are all kinds of faults, by class.
var Specs = func() (all []Spec) {
	for _, part := range []struct {
		class Class
		specs []Spec
	}{
		{ReplicaFaults, replicaSpecs}, {AgentFaults, agentSpecs}, {KubeFaults, kubeSpecs},
		{OperatorFaults, operatorSpecs}, {NetworkFaults, networkSpecs},
	} {
		for _, spec := range part.specs {
			spec.Class = part.class
			all = append(all, spec)
		}
	}
	return all
}()

var specs = func() map[Kind]*Spec {
	byKind := make(map[Kind]*Spec, len(Specs))
	for i := range Specs {
		byKind[Specs[i].Kind] = &Specs[i]
	}
	return byKind
}()

// Fields says in one line what a fault of the kind takes besides at and when.
func (s *Spec) Fields() string {
	var parts []string
	if s.targets != "" {
		name := map[group]string{one: "target", oneOrMore: "target or targets", many: "targets"}[s.group]
		parts = append(parts, name+" "+hostLetters(s.targets))
	}
	if s.link {
		parts = append(parts, "peer")
	}
	if s.peers != "" {
		parts = append(parts, "peer "+hostLetters(s.peers)+" (optional)")
	}
	switch s.lasts {
	case needed:
		parts = append(parts, "for")
	case orGood:
		parts = append(parts, "for (optional)")
	}
	if len(s.hows) > 0 {
		parts = append(parts, "how "+strings.Join(s.hows, ", ")+" (optional)")
	}
	for _, u := range s.uses {
		parts = append(parts, u.describe())
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}

func hostLetters(letters string) string {
	var names []string
	for _, letter := range letters {
		names = append(names, string(letter))
	}
	return strings.Join(names, ", ")
}

// Text is the reference of all kinds and triggers, as simrun faults prints it.
func Text() string {
	var b strings.Builder
	class := Class("")
	for i := range Specs {
		s := &Specs[i]
		if s.Class != class {
			class = s.Class
			fmt.Fprintf(&b, "%s\n\n", strings.ToUpper(string(class)))
		}
		fmt.Fprintf(&b, "  %s\n      %s\n      takes %s\n\n", s.Kind, s.Summary, s.Fields())
	}
	b.WriteString("TRIGGERS (when)\n\n")
	for i := range Events {
		e := &Events[i]
		fmt.Fprintf(&b, "  %s\n      %s\n      actor %s", e.Event, e.Summary, hostLetters(e.actors))
		if len(e.kinds) > 0 {
			fmt.Fprintf(&b, "; kind %s, or none for any", strings.Join(e.kinds, ", "))
		}
		if e.Event == EtcdSync {
			b.WriteString("; percent 1 to 100\n\n")
		} else {
			b.WriteString("; nth from 1\n\n")
		}
	}
	return b.String()
}
