package draw

import (
	"cmp"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/fault"
)

// enforcedShape is how network policies are in a plan with whole agents, of which four seeds in five have some.
type enforcedShape struct {
	is    bool
	start int // policies at the start
	steps int // that change them
	names int // of policies: few, so that each soon comes again
	deny  bool
}

var enforcedShapes = rapid.Custom(func(t *rapid.T) enforcedShape {
	return enforcedShape{
		is: uniform(t, 5, "are there") > 0, start: uniform(t, 7, "start"), steps: 2 + uniform(t, 19, "steps"), names: 1 + uniform(t, 5, "names"), deny: coin.Draw(t, "deny"),
	}
})

// policyIntent holds the choices of one step, each to be taken modulo what there is to choose from.
type policyIntent struct {
	at, verb, kind, name, subject, directions int
	rules                                     [3]ruleIntent
}

type ruleIntent struct {
	direction, ports int
	peers            [3]int
}

var policyIntents = rapid.Custom(func(t *rapid.T) (in policyIntent) {
	in = policyIntent{
		at: choice.Draw(t, "at"), verb: choice.Draw(t, "verb"), kind: choice.Draw(t, "kind"), name: choice.Draw(t, "name"),
		subject: choice.Draw(t, "subject"), directions: choice.Draw(t, "directions"),
	}
	for i := range in.rules {
		r := &in.rules[i]
		r.direction, r.ports = choice.Draw(t, "direction"), choice.Draw(t, "ports")
		for j := range r.peers {
			r.peers[j] = choice.Draw(t, "peer")
		}
	}
	return in
})

// policyGenerator turns intents into policies that are possible one after the other.
type policyGenerator struct {
	how        enforcedShape
	namespaces []string // that stay
	apps       []string
	alive      []fault.Policy
}

// drawPolicies adds network policies to a plan that has whole agents: at the start, and steps that create
// them, change them and delete them. They are about the apps of the plan's pods.
func drawPolicies(from source, p *fault.Plan) {
	how := draw(from, enforcedShapes, "policies")
	g := &policyGenerator{how: how}
	for i := range p.Pods {
		g.namespaces, g.apps = append(g.namespaces, p.Pods[i].Namespace), append(g.apps, p.Pods[i].App)
	}
	for i := range p.Ops {
		if p.Ops[i].Op == fault.NamespaceDelete {
			g.namespaces = slices.DeleteFunc(g.namespaces, func(name string) bool { return name == p.Ops[i].Name })
		}
	}
	for _, list := range []*[]string{&g.namespaces, &g.apps} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if !how.is || len(g.namespaces) == 0 {
		return
	}
	for i := range how.start {
		if policy, ok := g.create(draw(from, policyIntents, "policy", i)); ok {
			p.Policies = append(p.Policies, policy)
		}
	}
	within := int(p.Churn / ms)
	var steps []policyIntent
	for i := range how.steps {
		steps = append(steps, draw(from, policyIntents, "policy", how.start+i))
	}
	slices.SortStableFunc(steps, func(a, b policyIntent) int { return cmp.Compare(a.at%within, b.at%within) })
	for _, in := range steps {
		if op, ok := g.step(in); ok {
			op.At = fault.Duration(in.at%within) * ms
			p.Ops = append(p.Ops, op)
		}
	}
	slices.SortStableFunc(p.Ops, func(a, b fault.Op) int { return cmp.Compare(a.At, b.At) })
}

// step creates, deletes or changes a policy: of ten, three, two and five.
func (g *policyGenerator) step(in policyIntent) (op fault.Op, ok bool) {
	verb := in.verb % 10
	if len(g.alive) == 0 || verb < 3 {
		policy, ok := g.create(in)
		return fault.Op{Op: fault.PolicyCreate, Policy: &policy}, ok
	}
	i := in.name % len(g.alive)
	policy := g.alive[i]
	if verb < 5 {
		g.alive = slices.Delete(g.alive, i, i+1)
		return fault.Op{Op: fault.PolicyDelete, Policy: &fault.Policy{Kind: policy.Kind, Namespace: policy.Namespace, Name: policy.Name}}, true
	}
	g.describe(&policy, in)
	g.alive[i] = policy
	return fault.Op{Op: fault.PolicyUpdate, Policy: &policy}, true
}

// create returns a policy with the first free name.
func (g *policyGenerator) create(in policyIntent) (p fault.Policy, ok bool) {
	for i := range g.how.names {
		p = fault.Policy{Kind: fault.PolicyKinds[in.kind%len(fault.PolicyKinds)], Name: fmt.Sprintf("p%d", (in.name+i)%g.how.names)}
		if p.Kind != fault.ClusterwidePolicy {
			p.Namespace = g.namespaces[in.kind/8%len(g.namespaces)]
		}
		if !slices.ContainsFunc(g.alive, func(a fault.Policy) bool { return a.Key() == p.Key() }) {
			g.describe(&p, in)
			g.alive = append(g.alive, p)
			return p, true
		}
	}
	return p, false
}

// describe draws what a policy says. Of the pods of the whole cluster it is about one app.
func (g *policyGenerator) describe(p *fault.Policy, in policyIntent) {
	p.App, p.Ingress, p.Egress, p.DenyIngress, p.DenyEgress = "", nil, nil, nil, nil
	if p.Namespace == "" || in.subject%4 > 0 {
		p.App = g.apps[in.subject/4%len(g.apps)]
	}
	if in.directions%4 != 1 {
		p.Ingress = []fault.PolicyRule{}
	}
	if in.directions%4 == 1 || in.directions%4 == 2 {
		p.Egress = []fault.PolicyRule{}
	}
	for _, r := range in.rules[:in.directions/4%(len(in.rules)+1)] {
		rule := g.rule(p, r)
		deny := g.how.deny && p.Kind != fault.KubernetesPolicy && r.direction/2%4 == 0
		switch {
		case r.direction%2 == 0 && p.Ingress != nil && deny:
			p.DenyIngress = append(p.DenyIngress, rule)
		case r.direction%2 == 0 && p.Ingress != nil || p.Egress == nil:
			p.Ingress = append(p.Ingress, rule)
		case deny:
			p.DenyEgress = append(p.DenyEgress, rule)
		default:
			p.Egress = append(p.Egress, rule)
		}
	}
}

func (g *policyGenerator) rule(p *fault.Policy, in ruleIntent) (r fault.PolicyRule) {
	ports := []fault.PolicyPort{"80/TCP", "8080/TCP", "53/UDP"}
	if in.ports%3 > 0 {
		r.Ports = append(r.Ports, ports[in.ports/3%3])
	}
	if in.ports%3 > 1 {
		r.Ports = append(r.Ports, ports[(in.ports/3+1)%3])
	}
	for _, peer := range in.peers[:1+in.ports/16%len(in.peers)] {
		r.Peers = append(r.Peers, g.peer(p, peer))
	}
	return r
}

// peer draws who a rule is about: of ten, seven times pods, twice a network, once an entity.
func (g *policyGenerator) peer(p *fault.Policy, choice int) fault.Peer {
	app, namespace := g.apps[choice/16%len(g.apps)], g.namespaces[choice/512%len(g.namespaces)]
	switch choice % 10 {
	case 0, 1:
		return fault.Peer("cidr:" + []string{"10.9.0.0/16", "10.9.1.0/24", "192.0.2.0/24", "10.9.1.7/32"}[choice/16%4])
	case 2:
		if p.Kind != fault.KubernetesPolicy {
			return fault.Peer("entity:" + fault.Entities[choice/16%len(fault.Entities)])
		}
	case 3:
		return fault.Peer("pods:*/" + app)
	case 4:
		return fault.Peer("pods:" + namespace + "/*")
	case 5:
		return fault.Peer("pods:*/*")
	}
	if p.Namespace == "" || choice%10 == 6 {
		return fault.Peer("pods:" + namespace + "/" + app)
	}
	return fault.Peer("pods:" + app)
}
