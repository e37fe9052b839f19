package draw

import (
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/model/mode"

	"github.com/meshcheck/meshcheck/fault"
)

// The patterns in which controllers see the world wrongly, after Sun et
// al., "Automatic Reliability Testing for Cluster Management Controllers" (Sieve,
// OSDI 2022): each is a shape of one or two faults around something that the
// workload does.
var patterns = []func(*rapid.T, *fault.Plan) []fault.Fault{staleState, unobservedState, intermediateState, fillingState}

// drawPattern draws a pattern that the plan has room for.
func drawPattern(t *rapid.T, p *fault.Plan) []fault.Fault {
	if p.InMode().Runs(mode.Etcd) {
		return oneOf(t, "pattern kind", sharedPatterns...)(t, p)
	}
	if !p.InMode().Runs(mode.Replica) {
		return oneOf(t, "pattern kind", directPatterns...)(t, p)
	}
	return oneOf(t, "pattern kind", patterns...)(t, p)
}

// staleState: a source falls behind, and then readers of a fresh one are made to
// fail over to it, so that they go back in time.
func staleState(t *rapid.T, p *fault.Plan) []fault.Fault {
	at := fault.Duration(uniform(t, int(p.Churn/ms)*3/4, "at")) * ms
	behind := 5*second + fault.Duration(uniform(t, 55_000, "behind"))*ms
	stale, fresh := drawHost(t, p, mode.Replica), drawHost(t, p, mode.Replica)
	var lagging []fault.Fault
	switch kind := uniform(t, 3, "lagging"); {
	case kind == 0 && p.Topology.APIServers > 1:
		lagging = []fault.Fault{{Kind: fault.KubeFreeze, At: at, Target: drawHost(t, p, mode.APIServer)}}
	case kind == 1:
		lagging = []fault.Fault{{Kind: fault.EtcdStall, At: at, Target: stale}}
	default:
		lagging = []fault.Fault{{Kind: fault.PartitionGroup, At: at, Targets: hostNames(mode.APIServer, p.Topology.APIServers)}}
		if p.Topology.APIServers == 1 {
			lagging = []fault.Fault{{Kind: fault.Partition, At: at, Target: stale, Peer: mode.APIServer.Host(0)}}
		}
	}
	for i := range lagging {
		lagging[i].For = within(p, at, behind+30*second)
	}
	over := fault.Fault{Kind: fault.Move, At: min(at+behind, p.Churn), Target: drawHost(t, p, mode.Agent), Peer: stale}
	if coin.Draw(t, "loss") && fresh != stale {
		over = fault.Fault{Kind: fault.ReplicaLoss, At: over.At, Target: fresh, For: within(p, over.At, 30*second)}
	}
	return append(lagging, over)
}

// unobservedState: while a watcher is away, something appears and disappears, or
// disappears and appears again.
func unobservedState(t *rapid.T, p *fault.Plan) []fault.Fault {
	away := []fault.Fault{
		{Kind: fault.WriterRestart, Target: drawHost(t, p, mode.Replica)},
		{Kind: fault.Partition, Target: drawHost(t, p, mode.Replica), Peer: drawHost(t, p, mode.APIServer)},
		{Kind: fault.AgentCrash, Target: drawHost(t, p, mode.Agent)},
		{Kind: fault.Partition, Target: drawHost(t, p, mode.Agent), Peer: drawHost(t, p, mode.Replica)},
	}
	f := oneOf(t, "away", away...)
	first, second := drawPair(t, p)
	f.At = max(0, first-fault.Duration(1+uniform(t, 1000, "before"))*ms)
	f.For = within(p, f.At, second-f.At+fault.Duration(1+uniform(t, 1000, "after"))*ms)
	group := []fault.Fault{f}
	if f.Kind == fault.Partition && mode.Replica.Is(f.Target) && coin.Draw(t, "expire") {
		// It has to list again, so that it never sees the events.
		group = append(group, fault.Fault{Kind: fault.KubeExpire, At: min(f.At+f.For, p.Churn), Target: f.Peer})
	}
	return group
}

// drawPair returns the times of two ops of the same pod, or of a time and one
// shortly after if the drawn op is the last of its pod.
func drawPair(t *rapid.T, p *fault.Plan) (first, second fault.Duration) {
	if len(p.Ops) == 0 {
		at := fault.Duration(uniform(t, int(p.Churn/ms), "at")) * ms
		return at, min(at+5*1000*ms, p.Churn)
	}
	i := uniform(t, len(p.Ops), "op")
	first = p.Ops[i].At
	for _, later := range p.Ops[i+1:] {
		if pod := p.Ops[i].Pod; pod != nil && later.Pod != nil && pod.Namespace == later.Pod.Namespace && pod.Name == later.Pod.Name {
			return first, later.At
		}
	}
	return first, min(first+5*1000*ms, p.Churn)
}

// intermediateState: a process that makes several writes for one change crashes
// between two of them.
func intermediateState(t *rapid.T, p *fault.Plan) []fault.Fault {
	nth := 1 + uniform(t, 20, "nth")
	at := fault.Duration(uniform(t, int(p.Churn/ms)*3/4, "at")) * ms
	length := within(p, at, fault.Duration(1+uniform(t, 20_000, "for"))*ms)
	if p.Topology.Operators > 0 && coin.Draw(t, "operator") {
		o := drawHost(t, p, mode.Operator)
		return []fault.Fault{{At: at, When: &fault.Trigger{Event: fault.KubeWrite, Actor: o, Nth: nth}, Kind: fault.OperatorCrash, Target: o, For: length}}
	}
	r := drawHost(t, p, mode.Replica)
	kind := oneOf(t, "crash", fault.WriterRestart, fault.ReplicaLoss, fault.EtcdRestart)
	return []fault.Fault{{At: at, When: &fault.Trigger{Event: fault.EtcdPut, Actor: r, Nth: nth}, Kind: kind, Target: r, For: length}}
}

// fillingState: a reader is sent to a source that is filling yet, since the Service names
// one that is not ready: a stale state as well, of a source that never was complete.
func fillingState(t *rapid.T, p *fault.Plan) []fault.Fault {
	at := fault.Duration(uniform(t, int(p.Churn/ms)*3/4, "at")) * ms
	r, a := drawHost(t, p, mode.Replica), drawHost(t, p, mode.Agent)
	loss := fault.Fault{Kind: fault.ReplicaLoss, At: at, Target: r, For: within(p, at, fault.Duration(1+uniform(t, 10_000, "for"))*ms)}
	named := fault.Fault{Kind: fault.EndpointsUnready, At: at, Target: a, Peer: r, For: within(p, at, loss.For+60*second)}
	over := fault.Fault{Kind: fault.Move, At: at, When: &fault.Trigger{Event: fault.EtcdSync, Actor: r, Percent: 1 + uniform(t, 100, "percent")}, Target: a, Peer: r}
	return []fault.Fault{loss, named, over}
}

// within cuts a length so that it ends with the churn phase.
func within(p *fault.Plan, at, length fault.Duration) fault.Duration {
	return max(ms, min(length, p.Churn-at))
}
