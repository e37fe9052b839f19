package truth

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/history/object"
)

// What network policies say, read by what their API promises and by nothing of Cilium's policy
// engine: who judges enforcement compares with it.

// Labels of endpoints that policies go by.
const (
	podNamespace     = "io.kubernetes.pod.namespace"
	ofPodNamespace   = "io.cilium.k8s.namespace.labels."
	fromAnySource    = "any:"
	fromKubernetes   = "k8s:"
	operatorExists   = "Exists"
	policyForIngress = "Ingress"
	policyForEgress  = "Egress"
)

// selector is a label selector.
type selector struct {
	MatchLabels      map[string]string `json:"matchLabels"`
	MatchExpressions []existence       `json:"matchExpressions"`
}

// existence is the one expression that workloads write: that a label exists.
type existence struct{ key string }

func (e *existence) UnmarshalJSON(data []byte) error {
	var o struct{ Key, Operator string }
	if err := json.Unmarshal(data, &o); err != nil {
		return err
	}
	if o.Operator != operatorExists {
		return fmt.Errorf("the operator %q of a selector, of which a history could not tell", o.Operator)
	}
	e.key = o.Key
	return nil
}

// into adds what the selector demands, of labels whose names begin with prefix.
func (s *selector) into(all object.Selector, prefix string) {
	name := func(key string) string {
		return prefix + strings.TrimPrefix(strings.TrimPrefix(key, fromKubernetes), fromAnySource)
	}
	for key, value := range s.MatchLabels {
		all[name(key)] = value
	}
	for _, e := range s.MatchExpressions {
		all[name(e.key)] = ""
	}
}

// ciliumPolicy is a CiliumNetworkPolicy, or one of the cluster.
type ciliumPolicy struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		EndpointSelector selector     `json:"endpointSelector"`
		Ingress          []ciliumRule `json:"ingress"`
		Egress           []ciliumRule `json:"egress"`
		IngressDeny      []ciliumRule `json:"ingressDeny"`
		EgressDeny       []ciliumRule `json:"egressDeny"`
	} `json:"spec"`
}

type ciliumRule struct {
	FromEndpoints []selector `json:"fromEndpoints"`
	ToEndpoints   []selector `json:"toEndpoints"`
	FromEntities  []string   `json:"fromEntities"`
	ToEntities    []string   `json:"toEntities"`
	FromCIDR      []string   `json:"fromCIDR"`
	ToCIDR        []string   `json:"toCIDR"`
	ToPorts       []struct {
		Ports []policyPort `json:"ports"`
	} `json:"toPorts"`
}

type policyPort struct {
	Port     json.RawMessage `json:"port"` // a number, or it as text
	Protocol string          `json:"protocol"`
}

func (p policyPort) String() string { return strings.Trim(string(p.Port), `"`) + "/" + p.Protocol }

// inNamespace is what a selector of Cilium's kinds demands: pods of the policy's namespace where it
// names none, and pods of any for a policy of the cluster.
func inNamespace(s *selector, namespace string) object.Selector {
	all := object.Selector{}
	s.into(all, "")
	if _, named := all[podNamespace]; !named {
		all[podNamespace] = namespace
	}
	return all
}

func (p *ciliumPolicy) said() fmt.Stringer {
	o := object.Policy{Subject: inNamespace(&p.Spec.EndpointSelector, p.Metadata.Namespace)}
	for _, d := range []struct {
		rules        []ciliumRule
		egress, deny bool
	}{{p.Spec.Ingress, false, false}, {p.Spec.Egress, true, false}, {p.Spec.IngressDeny, false, true}, {p.Spec.EgressDeny, true, true}} {
		for i := range d.rules {
			o.Ingress, o.Egress = o.Ingress || !d.egress, o.Egress || d.egress
			if r, some := d.rules[i].said(p.Metadata.Namespace); some {
				r.Egress, r.Deny = d.egress, d.deny
				o.Rules = append(o.Rules, r)
			}
		}
	}
	return o
}

// said returns the rule; an empty one selects nobody.
func (r *ciliumRule) said(namespace string) (o object.PolicyRule, some bool) {
	for _, s := range slices.Concat(r.FromEndpoints, r.ToEndpoints) {
		pods := inNamespace(&s, namespace)
		o.Peers = append(o.Peers, object.Peer{Pods: &pods})
	}
	for _, entity := range slices.Concat(r.FromEntities, r.ToEntities) {
		o.Peers = append(o.Peers, object.Peer{Entity: entity})
	}
	for _, cidr := range slices.Concat(r.FromCIDR, r.ToCIDR) {
		o.Peers = append(o.Peers, object.Peer{CIDR: cidr})
	}
	for _, list := range r.ToPorts {
		for _, port := range list.Ports {
			o.Ports = append(o.Ports, port.String())
		}
	}
	return o, len(o.Peers)+len(o.Ports) > 0
}

// kubernetesPolicy is a NetworkPolicy.
type kubernetesPolicy struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		PodSelector selector         `json:"podSelector"`
		PolicyTypes []string         `json:"policyTypes"`
		Ingress     []kubernetesRule `json:"ingress"`
		Egress      []kubernetesRule `json:"egress"`
	} `json:"spec"`
}

type kubernetesRule struct {
	From  []kubernetesPeer `json:"from"`
	To    []kubernetesPeer `json:"to"`
	Ports []policyPort     `json:"ports"`
}

type kubernetesPeer struct {
	PodSelector       *selector `json:"podSelector"`
	NamespaceSelector *selector `json:"namespaceSelector"`
	IPBlock           *struct {
		CIDR string `json:"cidr"`
	} `json:"ipBlock"`
}

func (p *kubernetesPolicy) said() fmt.Stringer {
	o := object.Policy{
		Subject: inNamespace(&p.Spec.PodSelector, p.Metadata.Namespace),
		Ingress: len(p.Spec.PolicyTypes) == 0 || slices.Contains(p.Spec.PolicyTypes, policyForIngress),
		Egress:  slices.Contains(p.Spec.PolicyTypes, policyForEgress),
	}
	for _, d := range []struct {
		rules  []kubernetesRule
		egress bool
	}{{p.Spec.Ingress, false}, {p.Spec.Egress, true}} {
		for _, r := range d.rules {
			rule := object.PolicyRule{Egress: d.egress}
			for _, peer := range slices.Concat(r.From, r.To) {
				rule.Peers = append(rule.Peers, peer.said(p.Metadata.Namespace))
			}
			for _, port := range r.Ports {
				rule.Ports = append(rule.Ports, port.String())
			}
			o.Rules = append(o.Rules, rule)
		}
	}
	return o
}

func (p kubernetesPeer) said(namespace string) object.Peer {
	if p.IPBlock != nil {
		return object.Peer{CIDR: p.IPBlock.CIDR}
	}
	pods := object.Selector{}
	if p.PodSelector != nil {
		p.PodSelector.into(pods, "")
	}
	switch {
	case p.NamespaceSelector == nil:
		pods[podNamespace] = namespace
	case len(p.NamespaceSelector.MatchLabels) == 0:
		pods[podNamespace] = ""
	default:
		p.NamespaceSelector.into(pods, ofPodNamespace)
	}
	return object.Peer{Pods: &pods}
}
