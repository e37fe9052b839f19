package fault

import (
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/model/mode"
)

// The three patterns where agents read the kube-apiservers themselves.
var directPatterns = []func(*rapid.T, *Plan) []Fault{staleServer, unobservedByAgent, intermediateWrites}

// staleServer: a kube-apiserver falls behind, and agents list it, or are made to
// leave a fresh one, so that they go back in time.
func staleServer(t *rapid.T, p *Plan) []Fault {
	at := Duration(uniform(t, int(p.Churn/ms)*3/4, "at")) * ms
	behind := 5*second + Duration(uniform(t, 55_000, "behind"))*ms
	stale, fresh, agent := drawHost(t, p, mode.APIServer), drawHost(t, p, mode.APIServer), drawHost(t, p, mode.Agent)
	lagging := Fault{Kind: KubeFreeze, At: at, Target: stale, For: within(p, at, behind+30*second)}
	over := Fault{Kind: AgentCrash, At: min(at+behind, p.Churn), Target: agent}
	over.For = within(p, over.At, 5*second)
	if fresh != stale && coin.Draw(t, "cut") {
		over = Fault{Kind: BlackHole, At: over.At, Target: agent, Peer: fresh, For: within(p, over.At, 30*second)}
	}
	return []Fault{lagging, over}
}

// unobservedByAgent: while an agent is away, something appears and disappears, or
// disappears and appears again.
func unobservedByAgent(t *rapid.T, p *Plan) []Fault {
	agent, server := drawHost(t, p, mode.Agent), drawHost(t, p, mode.APIServer)
	f := oneOf(t, "away", Fault{Kind: AgentCrash, Target: agent}, Fault{Kind: Partition, Target: agent, Peer: server})
	first, second := drawPair(t, p)
	f.At = max(0, first-Duration(1+uniform(t, 1000, "before"))*ms)
	f.For = within(p, f.At, second-f.At+Duration(1+uniform(t, 1000, "after"))*ms)
	if f.Kind == Partition && coin.Draw(t, "expire") {
		// It has to list again, so that it never sees the events.
		return []Fault{f, {Kind: KubeExpire, At: min(f.At+f.For, p.Churn), Target: server}}
	}
	return []Fault{f}
}

// intermediateWrites: between two writes for one change their writer crashes, or
// the kube-apiserver does.
func intermediateWrites(t *rapid.T, p *Plan) []Fault {
	nth := 1 + uniform(t, 20, "nth")
	at := Duration(uniform(t, int(p.Churn/ms)*3/4, "at")) * ms
	length := within(p, at, Duration(1+uniform(t, 20_000, "for"))*ms)
	if p.Topology.Operators > 0 && coin.Draw(t, "operator") {
		o := drawHost(t, p, mode.Operator)
		return []Fault{{At: at, When: &Trigger{Event: KubeWrite, Actor: o, Nth: nth}, Kind: OperatorCrash, Target: o, For: length}}
	}
	return []Fault{{At: at, When: &Trigger{Event: KubeWrite, Actor: mode.Client.Host(0), Nth: nth}, Kind: KubeRestart, Target: drawHost(t, p, mode.APIServer), For: length}}
}
