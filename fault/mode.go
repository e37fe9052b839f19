package fault

import (
	"slices"
	"strings"
)

// Modes: how agents read.
const (
	// ModeClusterMesh is the mode in which agents read identities and endpoints from
	// the etcd of a ClusterMesh API server's replica, as from a remote cluster.
	ModeClusterMesh = "clustermesh"
	// ModeCRD is the mode in which every agent reads the kube-apiservers itself. There
	// are no replicas.
	ModeCRD = "crd"
)

// modes are all modes. The first one is that of a plan that is drawn without a mode.
var modes = []string{ModeClusterMesh, ModeCRD}

// Modes returns the modes that a plan can have, the default one first.
func Modes() []string { return slices.Clone(modes) }

// In returns the plan in another mode: the same, but for what that mode has no
// replicas for. Its error says which fault the mode does not know.
func In(mode string, plan *Plan) (*Plan, error) {
	p := *plan
	p.Mode = mode
	if !p.hasReplicas() {
		p.Topology.Replicas, p.Options.LeaseTTL = 0, 0
	}
	return &p, p.Validate()
}

// hasReplicas reports whether the plan's agents read from replicas.
func (p *Plan) hasReplicas() bool { return p.Mode != ModeCRD }

// talking returns the pairs of hosts, by their letters, that have connections, and
// says it in a sentence.
func (p *Plan) talking() (pairs, sentence string) {
	if p.hasReplicas() {
		return "ar ra rk kr wk kw ok ko", "agents talk to replicas, and replicas, operators and w0 to kube-apiservers"
	}
	return "ak ka wk kw ok ko", "in the mode crd agents, operators and w0 talk to kube-apiservers"
}

// needsReplicas reports whether faults of the kind happen to replicas alone, or to
// what agents have with them.
func (s *Spec) needsReplicas() bool { return s.Class == ReplicaFaults || s.Kind == Move }

// actorsIn returns the letters of those that can cause the event in the plan's mode.
func (s *EventSpec) actorsIn(p *Plan) string {
	if p.hasReplicas() {
		return s.actors
	}
	switch s.Event {
	case EtcdPut, EtcdSync, EtcdList, EtcdWatch, Connect, Ready:
		return ""
	case KubeList, KubeWatch:
		return "awo"
	}
	return s.actors
}

// withArticle returns the kind as it is in a sentence.
func (k Kind) withArticle() string {
	if strings.ContainsRune("aeiou", rune(k[0])) {
		return "an " + string(k)
	}
	return "a " + string(k)
}
