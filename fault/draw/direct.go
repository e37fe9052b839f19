package draw

import (
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/model/mode"

	"github.com/meshcheck/meshcheck/fault"
)

// The three patterns where agents read the kube-apiservers themselves.
var directPatterns = []func(*rapid.T, *fault.Plan) []fault.Fault{staleServer, unobservedByAgent, intermediateWrites}

// staleServer: a kube-apiserver falls behind, and agents list it, or are made to
// leave a fresh one, so that they go back in time.
func staleServer(t *rapid.T, p *fault.Plan) []fault.Fault {
	at := fault.Duration(uniform(t, int(p.Churn/ms)*3/4, "at")) * ms
	behind := 5*second + fault.Duration(uniform(t, 55_000, "behind"))*ms
	stale, fresh, agent := drawHost(t, p, mode.APIServer), drawHost(t, p, mode.APIServer), drawHost(t, p, mode.Agent)
	lagging := fault.Fault{Kind: fault.KubeFreeze, At: at, Target: stale, For: within(p, at, behind+30*second)}
	over := fault.Fault{Kind: fault.AgentCrash, At: min(at+behind, p.Churn), Target: agent}
	over.For = within(p, over.At, 5*second)
	if fresh != stale && coin.Draw(t, "cut") {
		over = fault.Fault{Kind: fault.BlackHole, At: over.At, Target: agent, Peer: fresh, For: within(p, over.At, 30*second)}
	}
	return []fault.Fault{lagging, over}
}

// unobservedByAgent: while an agent is away, something appears and disappears, or
// disappears and appears again.
func unobservedByAgent(t *rapid.T, p *fault.Plan) []fault.Fault {
	agent, server := drawHost(t, p, mode.Agent), drawHost(t, p, mode.APIServer)
	f := oneOf(t, "away", fault.Fault{Kind: fault.AgentCrash, Target: agent}, fault.Fault{Kind: fault.Partition, Target: agent, Peer: server})
	first, second := drawPair(t, p)
	f.At = max(0, first-fault.Duration(1+uniform(t, 1000, "before"))*ms)
	f.For = within(p, f.At, second-f.At+fault.Duration(1+uniform(t, 1000, "after"))*ms)
	if f.Kind == fault.Partition && coin.Draw(t, "expire") {
		// It has to list again, so that it never sees the events.
		return []fault.Fault{f, {Kind: fault.KubeExpire, At: min(f.At+f.For, p.Churn), Target: server}}
	}
	return []fault.Fault{f}
}

// intermediateWrites: between two writes for one change their writer crashes, or
// the kube-apiserver does.
func intermediateWrites(t *rapid.T, p *fault.Plan) []fault.Fault {
	nth := 1 + uniform(t, 20, "nth")
	at := fault.Duration(uniform(t, int(p.Churn/ms)*3/4, "at")) * ms
	length := within(p, at, fault.Duration(1+uniform(t, 20_000, "for"))*ms)
	if p.Topology.Operators > 0 && coin.Draw(t, "operator") {
		o := drawHost(t, p, mode.Operator)
		return []fault.Fault{{At: at, When: &fault.Trigger{Event: fault.KubeWrite, Actor: o, Nth: nth}, Kind: fault.OperatorCrash, Target: o, For: length}}
	}
	return []fault.Fault{{At: at, When: &fault.Trigger{Event: fault.KubeWrite, Actor: mode.Client.Host(0), Nth: nth}, Kind: fault.KubeRestart, Target: drawHost(t, p, mode.APIServer), For: length}}
}
