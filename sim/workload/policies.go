package workload

import (
	"context"
	"encoding/json"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/meshcheck/meshcheck/fault"
)

// Network policies, as a user writes them.

// policy is a policy and what this client knows of it.
type policy struct{ version version }

func policyObject(p *fault.Policy) object { return object{string(p.Kind), p.Namespace, p.Name} }

// seedPolicies makes the policies of the start.
func (c *cluster) seedPolicies(list []fault.Policy) (made [][]byte, err error) {
	for i := range list {
		c.policies[policyObject(&list[i])] = &policy{}
		raw, err := json.Marshal(writtenPolicy(&list[i]))
		if err != nil {
			return nil, err
		}
		made = append(made, raw)
	}
	return made, nil
}

// newNamespacesOf returns the namespaces of policies that the cluster does not have, which it has from then on.
func (c *cluster) newNamespacesOf(list []fault.Policy) (names []string) {
	for i := range list {
		if name := list[i].Namespace; name != "" && c.namespaces[name] == nil {
			c.namespaces[name] = existing()
			names = append(names, name)
		}
	}
	return names
}

func (w *Workload) planPolicy(t *task, op *fault.Op) {
	all, o := w.cluster.policies, policyObject(op.Policy)
	t.object = o
	w.changes(t, o)
	if op.Op == fault.PolicyDelete {
		delete(all, o)
		t.perform = func(ctx context.Context, over func(string)) { w.client("").deletePolicy(ctx, o); over("") }
		return
	}
	if o.namespace != "" {
		w.follows(t, namespaceObjectOf(o.namespace))
	}
	if op.Op == fault.PolicyCreate {
		all[o] = &policy{version: absent}
	}
	p := all[o]
	t.perform = func(ctx context.Context, over func(string)) {
		if o.namespace != "" {
			w.ensureNamespace(ctx, o.namespace)
		}
		a := w.client("")
		write(ctx, policyClient{a.clients.CoreV1().RESTClient(), o}, writtenPolicy(op.Policy), &p.version)
		over("")
	}
}

func (a api) deletePolicy(ctx context.Context, o object) {
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		return a.clients.CoreV1().RESTClient().Delete().AbsPath(pathOf(o), o.name).Do(ctx).Error()
	})
}

// policyClient is a client of the policies of a kind, in a namespace if they have one.
type policyClient struct {
	rest rest.Interface
	of   object
}

// pathOf is where the kube-apiserver has the policies of a kind.
func pathOf(o object) string {
	switch fault.PolicyKind(o.kind) {
	case fault.KubernetesPolicy:
		return "/apis/networking.k8s.io/v1/namespaces/" + o.namespace + "/networkpolicies"
	case fault.CiliumPolicy:
		return "/apis/cilium.io/v2/namespaces/" + o.namespace + "/ciliumnetworkpolicies"
	}
	return "/apis/cilium.io/v2/ciliumclusterwidenetworkpolicies"
}

func (c policyClient) Get(ctx context.Context, name string, _ metav1.GetOptions) (*policyOnWire, error) {
	return answered(ctx, c.rest.Get().AbsPath(pathOf(c.of), name))
}

func (c policyClient) Create(ctx context.Context, p *policyOnWire, _ metav1.CreateOptions) (*policyOnWire, error) {
	return c.send(ctx, c.rest.Post().AbsPath(pathOf(c.of)), p)
}

func (c policyClient) Update(ctx context.Context, p *policyOnWire, _ metav1.UpdateOptions) (*policyOnWire, error) {
	return c.send(ctx, c.rest.Put().AbsPath(pathOf(c.of), p.Name), p)
}

func (c policyClient) send(ctx context.Context, r *rest.Request, p *policyOnWire) (*policyOnWire, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return answered(ctx, r.SetHeader("Content-Type", "application/json").Body(raw))
}

func answered(ctx context.Context, r *rest.Request) (*policyOnWire, error) {
	raw, err := r.SetHeader("Accept", "application/json").Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	p := &policyOnWire{}
	return p, json.Unmarshal(raw, p)
}

// policyOnWire is a policy of any kind.
type policyOnWire struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              map[string]any `json:"spec"`
}

func writtenPolicy(p *fault.Policy) *policyOnWire {
	o := &policyOnWire{TypeMeta: metav1.TypeMeta{APIVersion: "cilium.io/v2", Kind: string(p.Kind)}, ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}}
	if p.Kind == fault.KubernetesPolicy {
		o.APIVersion = "networking.k8s.io/v1"
		o.Spec = kubernetesSpec(p)
		return o
	}
	o.Spec = map[string]any{"endpointSelector": matching(labelsOfApp(p.App))}
	for _, d := range []struct {
		field, peers string
		rules        []fault.PolicyRule
	}{{"ingress", "from", p.Ingress}, {"egress", "to", p.Egress}, {"ingressDeny", "from", p.DenyIngress}, {"egressDeny", "to", p.DenyEgress}} {
		if d.rules == nil {
			continue
		}
		rules := []any{}
		for i := range d.rules {
			rules = append(rules, ciliumRules(d.peers, &d.rules[i])...)
		}
		if len(rules) == 0 {
			rules = append(rules, map[string]any{}) // which selects nobody
		}
		o.Spec[d.field] = rules
	}
	return o
}

// ciliumRules are the rules of a CiliumNetworkPolicy that say what one of a plan does: one for each
// sort of peers, which one rule does not mix.
func ciliumRules(direction string, r *fault.PolicyRule) (rules []any) {
	sorts := map[string][]any{}
	for _, peer := range r.Peers {
		kind, namespace, name := peer.Split()
		var is any = name
		if kind == fault.PeerPods {
			is = podSelector(namespace, name)
		}
		sorts[kind] = append(sorts[kind], is)
	}
	add := func(field string, peers []any) {
		rule := map[string]any{}
		if field != "" {
			rule[direction+field] = peers
		}
		if len(r.Ports) > 0 {
			rule["toPorts"] = []any{map[string]any{"ports": portsOf(r.Ports, false)}}
		}
		rules = append(rules, rule)
	}
	if len(r.Peers) == 0 {
		add("", nil)
	}
	for _, sort := range []struct{ kind, field string }{{fault.PeerPods, "Endpoints"}, {fault.PeerEntity, "Entities"}, {fault.PeerCIDR, "CIDR"}} {
		if peers := sorts[sort.kind]; len(peers) > 0 {
			add(sort.field, peers)
		}
	}
	return rules
}

// namespaceLabel is the label of an endpoint that has its namespace.
const namespaceLabel = "k8s:io.kubernetes.pod.namespace"

// podSelector selects pods as a CiliumNetworkPolicy does, which goes by its own namespace where none
// is named.
func podSelector(namespace, app string) map[string]any {
	labels := labelsOfApp(app)
	switch namespace {
	case "":
	case "*":
		selector := matching(labels)
		selector["matchExpressions"] = []any{map[string]any{"key": namespaceLabel, "operator": "Exists"}}
		return selector
	default:
		labels[namespaceLabel] = namespace
	}
	return matching(labels)
}

// labelsOfApp are the labels by which pods of an app are known; none for all pods.
func labelsOfApp(app string) map[string]string {
	if app == "" || app == "*" {
		return map[string]string{}
	}
	return map[string]string{"app": app}
}

func matching(labels map[string]string) map[string]any {
	if len(labels) == 0 {
		return map[string]any{}
	}
	return map[string]any{"matchLabels": labels}
}

// portsOf are ports as policies have them: as text in Cilium's kinds, as numbers in Kubernetes'.
func portsOf(ports []fault.PolicyPort, numbers bool) (list []any) {
	for _, port := range ports {
		text, protocol := port.Split()
		var number any = text
		if n, err := strconv.Atoi(text); err == nil && numbers {
			number = n
		}
		list = append(list, map[string]any{"port": number, "protocol": protocol})
	}
	return list
}

func kubernetesSpec(p *fault.Policy) map[string]any {
	spec, types := map[string]any{"podSelector": matching(labelsOfApp(p.App))}, []any{}
	for _, d := range []struct {
		field, kind, peers string
		rules              []fault.PolicyRule
	}{{"ingress", "Ingress", "from", p.Ingress}, {"egress", "Egress", "to", p.Egress}} {
		if d.rules == nil {
			continue
		}
		types = append(types, d.kind)
		rules := []any{}
		for i := range d.rules {
			rules = append(rules, kubernetesRule(d.peers, &d.rules[i]))
		}
		spec[d.field] = rules
	}
	spec["policyTypes"] = types
	return spec
}

func kubernetesRule(direction string, r *fault.PolicyRule) map[string]any {
	rule := map[string]any{}
	var peers []any
	for _, peer := range r.Peers {
		kind, namespace, name := peer.Split()
		if kind == fault.PeerCIDR {
			peers = append(peers, map[string]any{"ipBlock": map[string]any{"cidr": name}})
			continue
		}
		is := map[string]any{"podSelector": matching(labelsOfApp(name))}
		switch namespace {
		case "":
		case "*":
			is["namespaceSelector"] = map[string]any{}
		default:
			is["namespaceSelector"] = matching(map[string]string{"kubernetes.io/metadata.name": namespace})
		}
		peers = append(peers, is)
	}
	if len(peers) > 0 {
		rule[direction] = peers
	}
	if len(r.Ports) > 0 {
		rule["ports"] = portsOf(r.Ports, true)
	}
	return rule
}
