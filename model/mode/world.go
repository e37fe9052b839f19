package mode

import (
	"slices"
	"strings"
)

// Default is the mode of what does not name one.
var Default = Mode{Base: ClusterMesh}

// Simulated returns the modes that a world can run, the default first. The others are
// known to the model alone.
func Simulated() []Mode {
	return []Mode{Default, {Base: CRD}, {Base: KVStore}, {Base: Handover, Policy: ByCutover}}
}

// SimulatedNames returns the names of the modes of Simulated.
func SimulatedNames() (names []string) {
	for _, m := range Simulated() {
		names = append(names, m.String())
	}
	return names
}

// Variants returns the names of the modes that a world can run, those of each discovery
// and each policy included.
func Variants() (names []string) {
	for _, m := range Simulated() {
		names = append(names, m.String())
		if m.Base == ClusterMesh {
			for _, d := range Discoveries()[1:] {
				names = append(names, m.By(d).String())
			}
		}
		if m.HandsOver() {
			for _, p := range Policies()[1:] {
				names = append(names, m.With(p).String())
			}
		}
	}
	return names
}

// InWorld reads the text of a mode that a world can run, one of Variants.
func InWorld(text string) (Mode, bool) {
	m, err := Parse(text)
	return m.With(m.Policy), err == nil && slices.Contains(Variants(), text)
}

// OfPlan returns the mode that a plan says by its options.
func OfPlan(text string, d Discovery, p Policy) (Mode, bool) {
	m, known := InWorld(text)
	return m.By(d).With(p), known
}

// A Source is one of the readers that an agent of Cilium has.
type Source string

// The sources.
const (
	FromAPIServer Source = "crd"         // reads objects of the kube-apiserver
	FromKVStore   Source = "kvstore"     // reads the shared etcd
	FromReplica   Source = "clustermesh" // reads the etcd of a replica
)

// Sources returns what an agent reads, highest precedence first.
func (m Mode) Sources() []Source {
	switch m.Base {
	case CRD:
		return []Source{FromAPIServer}
	case KVStore:
		return []Source{FromKVStore}
	case Handover:
		return []Source{FromReplica, FromAPIServer}
	}
	return []Source{FromReplica}
}

// Runs reports whether processes of a role exist in the mode.
func (m Mode) Runs(role Role) bool {
	switch role {
	case Replica:
		return m.Base.Replicated()
	case Etcd:
		return m.Base == KVStore
	}
	return true
}

// Stores are the roles whose hosts run an etcd that agents read.
func Stores() []Role { return []Role{Replica, Etcd} }

// RunsStores reports whether there are etcds that agents read.
func (m Mode) RunsStores() bool { return slices.ContainsFunc(Stores(), m.Runs) }

// AgentsWrite reports whether agents make entries known themselves, in an etcd that they
// share: then a write to it makes an entry true, and no object of a kube-apiserver does.
func (m Mode) AgentsWrite() bool { return m.Base == KVStore }

// MayBeWhole reports whether agents may be cilium-agent itself, which reads the
// kube-apiservers.
func (m Mode) MayBeWhole() bool { return m.Base == CRD }

// Roles returns the roles of which processes exist.
func (m Mode) Roles() []Role {
	return slices.DeleteFunc(Roles(), func(r Role) bool { return !m.Runs(r) })
}

// Link is a pair of roles whose hosts have connections.
type Link struct{ Client, Server Role }

// Links returns which roles connect to which.
func (m Mode) Links() (links []Link) {
	for _, s := range m.Sources() {
		switch s {
		case FromAPIServer:
			links = append(links, Link{Agent, APIServer})
		case FromReplica:
			links = append(links, Link{Agent, Replica})
			if m.Chooses() {
				links = append(links, Link{Agent, APIServer})
			}
		case FromKVStore:
			// The agents of nodes that have no host of their own are on the workload's.
			links = append(links, Link{Agent, Etcd}, Link{Client, Etcd}, Link{Operator, Etcd})
		}
	}
	if m.Base.Copies() {
		links = append(links, Link{Replica, APIServer})
	}
	return append(links, Link{Operator, APIServer}, Link{Client, APIServer})
}

// Talk reports whether hosts of two roles have connections with each other.
func (m Mode) Talk(a, b Role) bool {
	return slices.Contains(m.Links(), Link{a, b}) || slices.Contains(m.Links(), Link{b, a})
}

// DescribeLinks says in a sentence which roles connect to which.
func (m Mode) DescribeLinks() string {
	var parts []string
	for _, server := range Roles() {
		var clients []string
		for _, l := range m.Links() {
			if l.Server == server {
				clients = append(clients, l.Client.Plural())
			}
		}
		if len(clients) > 0 {
			parts = append(parts, enumerate(clients)+" talk to "+server.Plural())
		}
	}
	return "in the mode " + m.String() + " " + enumerate(parts)
}

// enumerate joins the parts of a sentence with commas and an "and".
func enumerate(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}
