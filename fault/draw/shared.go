package draw

import (
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/model/mode"

	"github.com/meshcheck/meshcheck/fault"
)

// The three patterns where agents write and read one etcd.
var sharedPatterns = []func(*rapid.T, *fault.Plan) []fault.Fault{staleWriter, unobservedInEtcd, intermediatePuts}

// staleWriter: an agent is away, or its etcd takes nothing, for longer than its leases
// may last, and goes on with what it knew.
func staleWriter(t *rapid.T, p *fault.Plan) []fault.Fault {
	at := fault.Duration(uniform(t, int(p.Churn/ms)*3/4, "at")) * ms
	length := 5*second + fault.Duration(uniform(t, 85_000, "away"))*ms
	e := drawHost(t, p, mode.Etcd)
	away := oneOf(t, "away",
		fault.Fault{Kind: fault.Partition, Target: drawHost(t, p, mode.Agent), Peer: e},
		fault.Fault{Kind: fault.EtcdStall, Target: e},
		fault.Fault{Kind: fault.EtcdRestart, Target: e},
	)
	away.At, away.For = at, within(p, at, length)
	expire := fault.Fault{Kind: fault.EtcdClock, Target: e, At: min(at+length/2, p.Churn), Ahead: 14*60*second + fault.Duration(uniform(t, 120_000, "ahead"))*ms}
	if coin.Draw(t, "expire") {
		return []fault.Fault{away, expire}
	}
	return []fault.Fault{away}
}

// unobservedInEtcd: while an agent is away, something appears and disappears, or
// disappears and appears again, and the etcd may forget that it did.
func unobservedInEtcd(t *rapid.T, p *fault.Plan) []fault.Fault {
	agent, e := drawHost(t, p, mode.Agent), drawHost(t, p, mode.Etcd)
	f := oneOf(t, "away", fault.Fault{Kind: fault.AgentCrash, Target: agent}, fault.Fault{Kind: fault.Partition, Target: agent, Peer: e})
	first, second := drawPair(t, p)
	f.At = max(0, first-fault.Duration(1+uniform(t, 1000, "before"))*ms)
	f.For = within(p, f.At, second-f.At+fault.Duration(1+uniform(t, 1000, "after"))*ms)
	if coin.Draw(t, "compact") {
		return []fault.Fault{f, {Kind: fault.EtcdCompaction, At: min(f.At+f.For*9/10, p.Churn), Target: e}}
	}
	return []fault.Fault{f}
}

// intermediatePuts: between two writes for one change the writer crashes, or the etcd
// does.
func intermediatePuts(t *rapid.T, p *fault.Plan) []fault.Fault {
	nth := 1 + uniform(t, 20, "nth")
	at := fault.Duration(uniform(t, int(p.Churn/ms)*3/4, "at")) * ms
	e := drawHost(t, p, mode.Etcd)
	f := oneOf(t, "crash", fault.Fault{Kind: fault.AgentCrash, Target: drawHost(t, p, mode.Agent)}, fault.Fault{Kind: fault.EtcdRestart, Target: e})
	f.At, f.When = at, &fault.Trigger{Event: fault.EtcdPut, Actor: e, Nth: nth}
	f.For = within(p, at, fault.Duration(1+uniform(t, 20_000, "for"))*ms)
	return []fault.Fault{f}
}

// etcds is how many members the etcd has that agents share: mostly one.
var etcds = rapid.Custom(func(t *rapid.T) int { return oneOf(t, "etcds", 1, 1, 3) })

// memberFaults draws what befalls the members of an etcd among each other: up to three times.
func memberFaults(p *fault.Plan) *rapid.Generator[[]fault.Fault] {
	return rapid.Custom(func(t *rapid.T) (all []fault.Fault) {
		for range uniform(t, 4, "how many") {
			e := drawHost(t, p, mode.Etcd)
			other := mode.Etcd.Host((mode.Number(e) + 1 + uniform(t, p.Topology.Etcds-1, "other")) % p.Topology.Etcds)
			f := oneOf(t, "kind",
				fault.Fault{Kind: fault.EtcdMemberLoss, Target: e},
				fault.Fault{Kind: fault.EtcdLeaderCut},
				fault.Fault{Kind: fault.EtcdRestart, Target: e},
				fault.Fault{Kind: fault.EtcdStall, Target: e},
				fault.Fault{Kind: fault.Partition, Target: e, Peer: other, OneWay: coin.Draw(t, "one way")},
			)
			f.At = fault.Duration(uniform(t, int(p.Churn/ms), "at")) * ms
			f.For = within(p, f.At, fault.Duration(1+uniform(t, 40_000, "for"))*ms)
			all = append(all, f)
		}
		return all
	})
}
