package draw

import (
	"cmp"
	"slices"

	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/fault"
)

// operators draws what operators make slices of, and their paces: those of the chart, by which most
// runs end before an identity is collected, or some by which it is collected in the time for
// which a run goes on when nothing changes any more, three minutes.
var operators = rapid.Custom(func(t *rapid.T) (o fault.Options) {
	o.SliceController = oneOf(t, "sliceController", "", "", fault.DefaultSlices)
	o.SliceSize = oneOf(t, "sliceSize", 0, 0, 2, 100)
	if coin.Draw(t, "paces") {
		o.IdentityGCInterval = oneOf(t, "identityGCInterval", 10*second, 20*second, 30*second)
		o.IdentityTimeout = oneOf(t, "identityTimeout", 15*second, 30*second, 90*second)
		o.EndpointGCInterval = oneOf(t, "endpointGCInterval", 10*second, 60*second)
	}
	return o
})

// identities draws who makes identities, and how long agents wait with them.
var identities = rapid.Custom(func(t *rapid.T) (o fault.Options) {
	o.IdentityManagement = oneOf(t, "identityManagement", "", "", "", fault.AgentIdentities, fault.BothIdentities)
	o.IdentityJitter = oneOf(t, "identityJitter", 0, 0, 0, second, 30*second)
	o.IdentitySyncInterval = oneOf(t, "identitySyncInterval", 0, 0, 0, 10*second, 60*second)
	return o
})

// drawIdentities draws what of that there is in the plan's world.
func drawIdentities(from source, p *fault.Plan) {
	drawn := draw(from, identities, "identities")
	switch {
	case p.InMode().AgentsWrite():
		p.Options.IdentitySyncInterval = drawn.IdentitySyncInterval
	case p.Topology.Operators > 0:
		p.Options.IdentityManagement, p.Options.IdentityJitter = drawn.IdentityManagement, drawn.IdentityJitter
	}
}

// drawGarbage gives a plan whose operators collect identities within the run one to collect: that of
// a pod that is there at the start and goes early, with labels and a namespace that no other has. What
// else pods ask for often comes back before it is collected.
func drawGarbage(from source, p *fault.Plan) {
	if p.Options.IdentityTimeout == 0 || p.Topology.Nodes == 0 {
		return
	}
	end := draw(from, rapid.Custom(func(t *rapid.T) fault.Duration { return fault.Duration(uniform(t, int(p.Churn/ms)/4, "at")) * ms }), "garbage")
	pod := fault.Pod{Namespace: "once", Name: "once", App: "once", Node: fault.NodeName(0), IP: "10.255.0.1"}
	p.Pods = append(p.Pods, pod)
	p.Ops = append(p.Ops, fault.Op{At: end, Op: fault.PodDelete, Pod: &fault.Pod{Namespace: pod.Namespace, Name: pod.Name}})
	slices.SortStableFunc(p.Ops, func(a, b fault.Op) int { return cmp.Compare(a.At, b.At) })
}
