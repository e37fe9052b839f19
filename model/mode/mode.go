// Package mode says what the modes of Cilium's control plane are: where agents read
// from, who writes there, and what is promised of it. A mode is a base, which is a
// deployment that exists or that the proposal describes, with repairs, which are
// changes to the proposal.
//
// Nobody else compares the name of a mode: who wants to know something of one asks
// it here.
package mode

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Base is where agents read from, and who writes there.
type Base string

// The bases.
const (
	// CRD: agents watch the kube-apiserver.
	CRD Base = "crd"
	// KVStore: agents read and write one shared, persistent etcd.
	KVStore Base = "kvstore"
	// ClusterMesh: as proposed, each agent reads the ephemeral etcd of one
	// replica, which copies the kube-apiserver.
	ClusterMesh Base = "clustermesh"
	// Handover: as ClusterMesh, but an agent reads CRDs while no etcd can be
	// reached, and hands over once one can: how, is its Policy. In the abstract mesh both
	// sources feed its view meanwhile, and what comes from the etcd takes precedence.
	Handover Base = "handover"
	// Direct: agents write to the ephemeral etcd of a replica, which
	// acknowledges; the replicas copy each other's writes.
	Direct Base = "direct"
	// Central: as ClusterMesh, but each replica computes what agents need from
	// two kinds of objects, which it watches separately.
	Central Base = "central"
)

// Bases returns all bases.
func Bases() []Base { return []Base{CRD, KVStore, ClusterMesh, Handover, Direct, Central} }

// Replicated reports whether agents read from replicas.
func (b Base) Replicated() bool { return b != CRD && b != KVStore }

// Copies reports whether replicas copy the kube-apiserver.
func (b Base) Copies() bool { return b.Replicated() && b != Direct }

// Repair is a change to the proposal.
type Repair string

// The repairs.
const (
	// Sweep: after a writer's list, keys in its etcd that are not in the list are
	// deleted before the canary is written.
	Sweep Repair = "sweep"
	// Token: an etcd that starts empty has a new cluster ID, also in the same pod, so
	// that its clients list anew.
	Token Repair = "token"
	// Heartbeat: a replica whose watch of the kube-apiserver is found to be cut
	// stops its heartbeat: its agents leave, and none comes, until it has
	// caught up.
	Heartbeat Repair = "heartbeat"
	// Fence: canaries carry the resourceVersion that the replica has reached; an
	// agent remembers the highest it has seen and refuses what is behind.
	Fence Repair = "fence"
	// Kept: the fence is kept with the datapath when the agent restarts.
	Kept Repair = "kept"
	// Anchor: an agent that restarts asks the kube-apiserver for its present
	// resourceVersion, and takes that for its fence.
	Anchor Repair = "anchor"
	// Cutover: in a handover one source is stopped before the other feeds the
	// view.
	Cutover Repair = "cutover"
)

// Repairs returns all repairs.
func Repairs() []Repair { return []Repair{Sweep, Token, Heartbeat, Fence, Kept, Anchor, Cutover} }

// Mode is a base with repairs. Its text is the base, after a slash the discovery, or the policy
// of a handover, if that is not the usual one, and the repairs, joined by plus signs, such as
// "clustermesh/dialer+sweep+fence".
type Mode struct {
	Base      Base
	Discovery Discovery // "" for ByService
	Policy    Policy    // of a handover; "" in the abstract mesh
	Repairs   []Repair  // in the order of Repairs, without duplicates
}

// Parse reads the text of a mode.
func Parse(text string) (Mode, error) {
	names := strings.Split(text, "+")
	base, variant, named := strings.Cut(names[0], "/")
	m := Mode{Base: Base(base)}
	switch {
	case !slices.Contains(Bases(), m.Base):
		return m, fmt.Errorf("mode %q: there is no base %q; there are %s", text, base, join(Bases()))
	case named && m.Base == Handover && !slices.Contains(Policies(), Policy(variant)):
		return m, fmt.Errorf("mode %q: there is no policy %q; there are %s", text, variant, join(Policies()))
	case named && m.Base == Handover:
		m = m.With(Policy(variant))
	case named && !slices.Contains(Discoveries(), Discovery(variant)):
		return m, fmt.Errorf("mode %q: there is no discovery %q; there are %s", text, variant, join(Discoveries()))
	default:
		m = m.By(Discovery(variant))
	}
	for _, name := range names[1:] {
		if !slices.Contains(Repairs(), Repair(name)) {
			return m, fmt.Errorf("mode %q: there is no repair %q; there are %s", text, name, join(Repairs()))
		}
	}
	for _, r := range Repairs() {
		if slices.Contains(names[1:], string(r)) {
			m.Repairs = append(m.Repairs, r)
		}
	}
	return m, m.Validate()
}

// Validate returns which repair does not fit the base, or another repair that it
// needs is missing.
func (m Mode) Validate() error {
	if m.Discovery != "" && m.Base != ClusterMesh {
		return fmt.Errorf("mode %s: discoveries are for %s", m, ClusterMesh)
	}
	for _, r := range m.Repairs {
		switch {
		case m.Base != ClusterMesh && m.Base != Handover:
			return fmt.Errorf("mode %s: repairs are for %s and %s", m, ClusterMesh, Handover)
		case r == Cutover && m.Base != Handover:
			return fmt.Errorf("mode %s: the repair %s is for %s", m, Cutover, Handover)
		case (r == Kept || r == Anchor) && !m.Has(Fence):
			return fmt.Errorf("mode %s: the repair %s needs the repair %s", m, r, Fence)
		}
	}
	return nil
}

// Has reports whether the mode has a repair.
func (m Mode) Has(r Repair) bool { return slices.Contains(m.Repairs, r) }

func (m Mode) String() string {
	text := string(m.Base)
	if variant := cmp.Or(string(m.Discovery), string(m.Chosen())); variant != "" {
		text += "/" + variant
	}
	for _, r := range m.Repairs {
		text += "+" + string(r)
	}
	return text
}

// MarshalText is the mode as text.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Promises reports whether the mode promises a property, by its name: whether
// somebody who runs it is told to rely on it. Whoever reads one persistent source is
// promised all that it can give. Of the etcds of replicas the proposal says that
// agents converge to the correct state without disruption of the datapath
// (CFP-44774, its scenarios); since it names a window of stale data, it promises
// neither views that never go back nor replicas that agree; nor, in a handover in which
// both sources feed the view, a single source. A repair promises what it is there for.
func (m Mode) Promises(property string) bool {
	switch property {
	case Monotonic:
		return !m.Base.Replicated() || m.Has(Fence)
	case SingleSource:
		return m.Base != Handover || m.Has(Cutover) || m.Policy == ByCutover
	case Agree:
		return !m.Base.Replicated()
	}
	return true
}

// Applies reports whether a property, by its name, has something to judge in the mode
// and, if not, why.
func (m Mode) Applies(property string) (ok bool, why string) {
	why, not := notApplicable[m.Base][property]
	return !not, why
}

// readsOnly is why agents enforce no policies.
const readsOnly = "agents are put together from Cilium's readers, and enforce no policies: those that do read the kube-apiserver"

// notApplicable says of a base which properties have nothing to judge in it, and why.
var notApplicable = map[Base]map[string]string{
	CRD: {
		SingleSource:        "agents read the kube-apiserver itself: there is no store that a view could differ from",
		"etcd-revisions":    "there is no etcd that agents read",
		"etcd-linearizable": "there is no etcd that agents read",
		"etcd-watch":        "there is no etcd that agents read",
		"revision-origin":   "there is no etcd whose revisions an agent could take for those of another",
		"etcd-members":      "there is no etcd that agents read",
		"canaries":          "no writer puts canaries: an agent lists its objects itself",
		"leases":            "no writer holds a lease: nothing copies objects into an etcd",
		FailOver:            "agents read no replica: how client-go leaves a kube-apiserver that is gone is a matter of its own time-outs, and what comes of it is measured as blindness",
	},
	ClusterMesh: {Enforced: readsOnly},
	Handover:    {Enforced: readsOnly},
	KVStore: {
		Enforced:        readsOnly,
		"canaries":      "no writer puts canaries: agents write their own keys, and read each other's without waiting for anybody's",
		Slices:          "nobody writes slices: agents put their endpoints into the etcd that they share",
		IdentityGarbage: "identities are keys of the etcd that agents share: how long one of which no key says a user stays depends on when agents refresh theirs, and is measured by nobody yet",
		IdentitySafety:  "identities are keys of the etcd that agents share: what is deleted there that a live endpoint has, no-spurious-deletion and convergence judge, as truth begins at the Pod",
	},
}

// The properties that not every mode promises.
const (
	Monotonic    = "monotonic"
	SingleSource = "single-source"
	Agree        = "agree"
)

// Agreement is the property of histories that agents say the same once nothing changes any
// more. Every mode promises it: that replicas agree at every instant (Agree) is more.
const Agreement = "agreement"

// The properties of where agents read from.
const (
	FailOver          = "fail-over"
	Steady            = "steady"
	RegenerationFence = "fence"
	FirstSync         = "first-sync"
)

// The properties of what operators owe.
const (
	Slices          = "slices"
	IdentityGarbage = "identity-garbage"
	IdentitySafety  = "identity-safety"
	SingleLeader    = "single-leader"
	Started         = "started"
)

// Enforced is the property of what policy maps let through.
const Enforced = "enforced"

// The properties of what servers bear.
const (
	ReturnToBase  = "return-to-base"
	Amplification = "amplification"
)

// join lists names for a sentence.
func join[T ~string](names []T) string {
	var parts []string
	for _, n := range names {
		parts = append(parts, string(n))
	}
	return strings.Join(parts, ", ")
}
