package fault

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// Policy is a network policy, which whole agents enforce. What it says of a direction are all rules
// of that; an empty list lets nothing through, and nil does not touch the direction.
type Policy struct {
	Kind        PolicyKind   `json:"kind"`
	Namespace   string       `json:"namespace,omitempty"` // none: of the whole cluster
	Name        string       `json:"name"`
	App         string       `json:"app,omitempty"`    // the pods that it is about, in its namespace if it has one; none: all
	Ingress     []PolicyRule `json:"ingress,omitzero"` // who may come in
	Egress      []PolicyRule `json:"egress,omitzero"`  // where to go
	DenyIngress []PolicyRule `json:"denyIngress,omitempty"`
	DenyEgress  []PolicyRule `json:"denyEgress,omitempty"`
}

// PolicyRule is peers with ports: any of these with any of those.
type PolicyRule struct {
	Peers []Peer       `json:"peers,omitempty"` // none: everybody
	Ports []PolicyPort `json:"ports,omitempty"` // of the one that is reached; none: all
}

// Peer is who may be reached or come in: "pods:web" (of that app, in the policy's namespace),
// "pods:ns1/web", "pods:ns1/*", "pods:*/web", "pods:*/*", "entity:world" or "cidr:10.0.0.0/8".
type Peer string

// PolicyPort is a port, such as "8080/TCP".
type PolicyPort string

// PolicyKind is the Kubernetes kind of a policy.
type PolicyKind string

// The kinds of policies.
const (
	CiliumPolicy      PolicyKind = "CiliumNetworkPolicy"
	ClusterwidePolicy PolicyKind = "CiliumClusterwideNetworkPolicy"
	KubernetesPolicy  PolicyKind = "NetworkPolicy"
)

// PolicyKinds are all kinds of policies.
var PolicyKinds = []PolicyKind{CiliumPolicy, ClusterwidePolicy, KubernetesPolicy}

// What peers are.
const (
	PeerPods   = "pods"
	PeerEntity = "entity"
	PeerCIDR   = "cidr"
)

// Entities are the groups that a peer may be.
var Entities = []string{"all", "world", "cluster", "host", "remote-node"}

// The kinds of workload steps about policies.
const (
	PolicyCreate OpKind = "policy-create"
	PolicyUpdate OpKind = "policy-update"
	PolicyDelete OpKind = "policy-delete"
)

// OfPolicy reports whether a step of the kind is about a policy.
func (k OpKind) OfPolicy() bool { return k == PolicyCreate || k == PolicyUpdate || k == PolicyDelete }

// Key names a policy.
func (p *Policy) Key() string {
	if p.Namespace == "" {
		return string(p.Kind) + " " + p.Name
	}
	return string(p.Kind) + " " + p.Namespace + "/" + p.Name
}

// Split returns what a peer is, and which: of pods the namespace ("" for that of the policy, "*"
// for any) and the app ("*" for any).
func (p Peer) Split() (kind, namespace, name string) {
	kind, name, _ = strings.Cut(string(p), ":")
	if kind == PeerPods {
		if ns, app, ok := strings.Cut(name, "/"); ok {
			return kind, ns, app
		}
	}
	return kind, "", name
}

// Split returns the port's number and protocol.
func (p PolicyPort) Split() (number, protocol string) {
	number, protocol, _ = strings.Cut(string(p), "/")
	return number, protocol
}

// HasPolicies reports whether the plan ever has a policy.
func (p *Plan) HasPolicies() bool {
	return len(p.Policies) > 0 || slices.ContainsFunc(p.Ops, func(op Op) bool { return op.Op.OfPolicy() })
}

// withoutPolicies returns the plan without policies, for a world in which nobody enforces them.
func (p *Plan) withoutPolicies() *Plan {
	if !p.HasPolicies() {
		return p
	}
	changed := *p
	changed.Policies = nil
	changed.Ops = slices.DeleteFunc(slices.Clone(p.Ops), func(op Op) bool { return op.Op.OfPolicy() })
	return &changed
}

// checkPolicies checks that there is somebody who enforces them.
func checkPolicies(p *Plan, _ Given) *flaw {
	if !p.HasPolicies() || p.HasWhole() {
		return nil
	}
	path := "policies"
	if len(p.Policies) == 0 {
		path = "ops[" + strconv.Itoa(slices.IndexFunc(p.Ops, func(op Op) bool { return op.Op.OfPolicy() })) + "].op"
	}
	return flawf(path, "no agent of the plan enforces policies: an assembled one only reads; want a whole agent in options.agents, or no policy")
}

// policy checks what a policy says at a time, and takes it into account.
func (c *cluster) policy(path string, p *Policy, op OpKind) *flaw {
	if problem := checkPolicyName(path, p); problem != nil {
		return problem
	}
	key := p.Key()
	_, exists := c.policies[key]
	says := len(p.Ingress)+len(p.Egress)+len(p.DenyIngress)+len(p.DenyEgress) > 0 || p.Ingress != nil || p.Egress != nil
	switch {
	case exists && op == PolicyCreate:
		return flawf(path+".name", "the policy %s exists already at that time", key)
	case !exists && op != PolicyCreate:
		return flawf(path+".name", "the policy %s does not exist at that time", key)
	case op == PolicyDelete && (says || p.App != ""):
		return flawf(path, "a %s takes the policy's kind, namespace and name only", PolicyDelete)
	case op == PolicyDelete:
		delete(c.policies, key)
		return nil
	case !says:
		return flawf(path, "a policy says something of ingress or of egress; an empty list lets nothing through")
	case p.Kind == KubernetesPolicy && len(p.DenyIngress)+len(p.DenyEgress) > 0:
		return flawf(path, "a %s has no rules that deny; want a %s or a %s", p.Kind, CiliumPolicy, ClusterwidePolicy)
	}
	if p.App != "" {
		if problem := checkName(path+".app", p.App); problem != nil {
			return problem
		}
	}
	for _, list := range []struct {
		name  string
		rules []PolicyRule
	}{{"ingress", p.Ingress}, {"egress", p.Egress}, {"denyIngress", p.DenyIngress}, {"denyEgress", p.DenyEgress}} {
		for i := range list.rules {
			if problem := p.checkRule(path+"."+list.name+"["+strconv.Itoa(i)+"]", &list.rules[i]); problem != nil {
				return problem
			}
		}
	}
	c.policies[key] = p.Namespace
	if p.Namespace != "" {
		c.namespaces[p.Namespace] = true
	}
	return nil
}

func checkPolicyName(path string, p *Policy) *flaw {
	switch {
	case !slices.Contains(PolicyKinds, p.Kind):
		return flawf(path+".kind", "found %s; want %s, %s or %s", strictjson.Quote(string(p.Kind)), CiliumPolicy, ClusterwidePolicy, KubernetesPolicy)
	case p.Kind == ClusterwidePolicy && p.Namespace != "":
		return flawf(path+".namespace", "a %s has no namespace", p.Kind)
	case p.Kind != ClusterwidePolicy && !IsNamespaceName(p.Namespace):
		return flawf(path+".namespace", "%s is not a name that Kubernetes accepts for a namespace, and a %s has one", strictjson.Quote(p.Namespace), p.Kind)
	}
	return checkName(path+".name", p.Name)
}

func (p *Policy) checkRule(path string, r *PolicyRule) *flaw {
	if len(r.Peers)+len(r.Ports) == 0 {
		return flawf(path, "a rule names peers, ports or both")
	}
	for i, peer := range r.Peers {
		if problem := p.checkPeer(path+".peers["+strconv.Itoa(i)+"]", peer); problem != nil {
			return problem
		}
	}
	for i, port := range r.Ports {
		number, protocol := port.Split()
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != number || !slices.Contains([]string{"TCP", "UDP", "SCTP"}, protocol) {
			return flawf(path+".ports["+strconv.Itoa(i)+"]", "found %s; want a port and its protocol, such as \"8080/TCP\"", strictjson.Quote(string(port)))
		}
	}
	return nil
}

func (p *Policy) checkPeer(path string, peer Peer) *flaw {
	kind, namespace, name := peer.Split()
	switch kind {
	case PeerPods:
		for _, part := range []string{namespace, name} {
			if part != "*" && part != "" && !IsNamespaceName(part) {
				return flawf(path, "found %s; want pods as \"pods:app\", or with a namespace as \"pods:ns1/app\", each a name or *", strictjson.Quote(string(peer)))
			}
		}
		switch {
		case name == "":
			return flawf(path, "found %s; want an app, or * for all", strictjson.Quote(string(peer)))
		case namespace == "" && p.Namespace == "":
			return flawf(path, "found %s; a %s has no namespace, so that pods need theirs, such as \"pods:*/web\"", strictjson.Quote(string(peer)), p.Kind)
		}
	case PeerEntity:
		switch {
		case !slices.Contains(Entities, name):
			return flawf(path, "found %s; the entities are %s", strictjson.Quote(string(peer)), strings.Join(Entities, ", "))
		case p.Kind == KubernetesPolicy:
			return flawf(path, "found %s; a %s knows no entities", strictjson.Quote(string(peer)), p.Kind)
		}
	case PeerCIDR:
		if prefix, err := netip.ParsePrefix(name); err != nil || prefix.Masked().String() != name || prefix.Bits() == 0 {
			return flawf(path, "found %s; want a network as \"cidr:10.0.0.0/8\", without bits behind its length, which is not 0", strictjson.Quote(string(peer)))
		}
	default:
		return flawf(path, "found %s; want \"pods:app\", \"entity:world\" or \"cidr:10.0.0.0/8\"", strictjson.Quote(string(peer)))
	}
	return nil
}
