package fault

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
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

	Needs mode.Role // the role without whose hosts it cannot happen at all; empty: it goes by the hosts that it names

	Etcd bool // it strikes an etcd that agents read, and cannot happen where there is none

	Members bool // it strikes an etcd of several members

	Disturbs []disturb.Kind // what it disturbs; one of the kind may disturb less (Fault.Disturbs)

	Targets roles    // of the hosts that it can happen to; empty: it names none
	Group   Group    // whether it names several hosts in targets
	Link    bool     // it concerns a link and has a peer
	Peers   roles    // of the peers, if not those that talk with the target; may be left out
	Lasts   Lasts    // whether it has a length
	Longest Duration // that is drawn
	Repeats bool     // it can come several times, one every so long
	Hows    []string // values of how, the default first
	Uses    []Use

	sentence func(*Fault) string
}

// Group says whether a fault names one host or several.
type Group int

// How many hosts a fault names, and in which field.
const (
	One       Group = iota // target
	OneOrMore              // target, or targets
	Many                   // targets
)

// Lasts says whether a fault has a length.
type Lasts int

// Whether a fault has a length.
const (
	Instant Lasts = iota // no
	Needed               // yes
	OrGood               // yes, or it lasts for good
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

// In reports whether a fault of the kind can happen at all in a mode.
func (s *Spec) In(m mode.Mode) bool {
	return (s.Needs == "" || m.Runs(s.Needs)) && (!s.Etcd || m.RunsStores()) && (!s.Members || m.Runs(mode.Etcd))
}

// SpecOf returns what a kind of fault is, which must be known.
func SpecOf(k Kind) *Spec { return specs[k] }

// Fields says in one line what a fault of the kind takes besides at and when.
func (s *Spec) Fields() string {
	var parts []string
	if len(s.Targets) > 0 {
		name := map[Group]string{One: "target", OneOrMore: "target or targets", Many: "targets"}[s.Group]
		parts = append(parts, name+" "+s.Targets.letters())
	}
	if s.Link {
		parts = append(parts, "peer")
	}
	if len(s.Peers) > 0 {
		parts = append(parts, "peer "+s.Peers.letters()+" (optional)")
	}
	switch s.Lasts {
	case Needed:
		parts = append(parts, "for")
	case OrGood:
		parts = append(parts, "for (optional)")
	}
	if s.Repeats {
		parts = append(parts, fmt.Sprintf("times 2 to %d and every (optional)", mostTimes))
	}
	if len(s.Hows) > 0 {
		parts = append(parts, "how "+strings.Join(s.Hows, ", ")+" (optional)")
	}
	for _, u := range s.Uses {
		parts = append(parts, u.describe())
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}

// Disturbed says what a fault of the kind disturbs and what is counted of that in the end.
func (s *Spec) Disturbed() string {
	var parts []string
	for _, what := range s.Disturbs {
		parts = append(parts, fmt.Sprintf("%s (%s)", what, what.Counted()))
	}
	return strings.Join(parts, ", ")
}

// Disturbs returns what the fault disturbs: of what its kind can disturb what this one asks for.
func (f *Fault) Disturbs() (all []disturb.Kind) {
	for _, what := range specs[f.Kind].Disturbs {
		switch {
		case f.Kind == EtcdRestart && what == disturb.DataLost && !f.Empty:
		case f.OneWay && what == disturb.Cut:
			all = append(all, disturb.CutOneWay)
		default:
			all = append(all, what)
		}
	}
	return all
}

// roles are roles of hosts, in the order in which they are drawn.
type roles []mode.Role

func (r roles) has(host string) bool { return slices.Contains(r, mode.RoleOf(host)) }

// letters names the roles as hosts' names do.
func (r roles) letters() string {
	var names []string
	for _, role := range r {
		names = append(names, string(role))
	}
	return strings.Join(names, ", ")
}

// fewest is how many of the hosts that it names in targets there must be.
func (s *Spec) fewest() int {
	if s.Kind == PartitionRing {
		return 4
	}
	return 1
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
		fmt.Fprintf(&b, "  %s\n      %s\n      takes %s\n      disturbs %s\n\n", s.Kind, s.Summary, s.Fields(), s.Disturbed())
	}
	b.WriteString("TRIGGERS (when)\n\n")
	for i := range Events {
		e := &Events[i]
		fmt.Fprintf(&b, "  %s\n      %s\n      actor %s", e.Event, e.Summary, e.actors.letters())
		if len(e.Kinds) > 0 {
			fmt.Fprintf(&b, "; kind %s, or none for any", strings.Join(e.Kinds, ", "))
		}
		if e.Event == EtcdSync {
			b.WriteString("; percent 1 to 100\n\n")
		} else {
			b.WriteString("; nth from 1\n\n")
		}
	}
	return b.String()
}
