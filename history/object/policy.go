package object

import (
	"fmt"
	"slices"
	"strings"
)

// The kinds of network policies.
const (
	CiliumPolicyKind      = "CiliumNetworkPolicy"
	ClusterwidePolicyKind = "CiliumClusterwideNetworkPolicy"
	KubernetesPolicyKind  = "NetworkPolicy"
)

// IsPolicy reports whether objects of a kind are network policies.
func IsPolicy(kind string) bool {
	return kind == CiliumPolicyKind || kind == ClusterwidePolicyKind || kind == KubernetesPolicyKind
}

// Policy is what a network policy says, whatever its kind.
type Policy struct {
	Subject Selector // the pods that it is about
	Ingress bool     // what comes in to them is denied, unless a policy allows it
	Egress  bool     // and what goes out
	Rules   []PolicyRule
}

// PolicyRule lets through or denies what is of one of its peers and on one of its ports.
type PolicyRule struct {
	Egress, Deny bool
	Peers        []Peer   // none: everybody
	Ports        []string // "8080/TCP"; none: all
}

// Peer is pods, an entity or a network.
type Peer struct {
	Pods   *Selector
	Entity string
	CIDR   string
}

// Selector is the labels, without their source, that an endpoint has to have; of those with an
// empty value, any.
type Selector map[string]string

// Matches reports whether labels, which have their sources, are selected.
func (s Selector) Matches(labels Labels) bool {
	for key, value := range s {
		if is, has := labels["k8s:"+key]; !has || value != "" && is != value {
			return false
		}
	}
	return true
}

func (s Selector) String() string {
	var all []string
	for key, value := range s {
		if value != "" {
			key += "=" + value
		}
		all = append(all, key)
	}
	slices.Sort(all)
	return strings.Join(all, "&")
}

func parseSelector(form string) Selector {
	s := Selector{}
	for part := range strings.SplitSeq(form, "&") {
		if part != "" {
			key, value, _ := strings.Cut(part, "=")
			s[key] = value
		}
	}
	return s
}

// Words of a rule.
const (
	wordAnyone = "anyone"
	wordPods   = "pods:"
	wordEntity = "entity:"
	wordCIDR   = "cidr:"
	wordPort   = "port:"
)

// ruleNames are those of a rule's word, by what it does.
var ruleNames = map[PolicyRuleKind]string{{}: "allow-ingress", {Egress: true}: "allow-egress", {Deny: true}: "deny-ingress", {Egress: true, Deny: true}: "deny-egress"}

// PolicyRuleKind is what a rule does.
type PolicyRuleKind struct{ Egress, Deny bool }

func (p Policy) String() string {
	w := new(words).text("subject", p.Subject.String()).flag("ingress", p.Ingress).flag("egress", p.Egress)
	for _, r := range p.Rules {
		items := []string{wordAnyone}
		if len(r.Peers) > 0 {
			items = nil
		}
		for _, peer := range r.Peers {
			items = append(items, peer.String())
		}
		for _, port := range r.Ports {
			items = append(items, wordPort+port)
		}
		w.list(ruleNames[PolicyRuleKind{r.Egress, r.Deny}], items)
	}
	return w.String()
}

func (p Peer) String() string {
	switch {
	case p.Pods != nil:
		return wordPods + p.Pods.String()
	case p.Entity != "":
		return wordEntity + p.Entity
	}
	return wordCIDR + p.CIDR
}

// ParsePolicy reads what Policy.String writes.
func ParsePolicy(form string) (p Policy, err error) {
	readers := map[string]func(string) error{
		"subject": func(value string) error { p.Subject = parseSelector(unescape(value)); return nil },
		"ingress": flag(&p.Ingress), "egress": flag(&p.Egress),
	}
	for kind, name := range ruleNames {
		readers[name] = func(value string) error {
			r, err := parseRule(value)
			r.Egress, r.Deny = kind.Egress, kind.Deny
			p.Rules = append(p.Rules, r)
			return err
		}
	}
	err = read(form, readers)
	return p, err
}

func parseRule(value string) (r PolicyRule, err error) {
	var items []string
	if err := list(&items)(value); err != nil {
		return r, err
	}
	for _, item := range items {
		name, of, _ := strings.Cut(item, ":")
		switch name + ":" {
		case wordAnyone + ":":
		case wordPods:
			s := parseSelector(of)
			r.Peers = append(r.Peers, Peer{Pods: &s})
		case wordEntity:
			r.Peers = append(r.Peers, Peer{Entity: of})
		case wordCIDR:
			r.Peers = append(r.Peers, Peer{CIDR: of})
		case wordPort:
			r.Ports = append(r.Ports, of)
		default:
			return r, fmt.Errorf("%q; want anyone, pods:, entity:, cidr: or port:", item)
		}
	}
	return r, nil
}
