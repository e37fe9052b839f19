package load

import (
	"time"

	"github.com/meshcheck/meshcheck/model/mode"
)

// Claim is what the proposal says of load (CFP-44774, its results), beside what the same
// plans showed in the mode that it compares itself with and in its own.
type Claim struct {
	What    string  `json:"what"`
	Claimed string  `json:"claimed"`
	Base    float64 `json:"crd"`         // in the mode crd
	Own     float64 `json:"clustermesh"` // in the mode clustermesh
	Change  float64 `json:"changePercent"`
	Holds   bool    `json:"holds"`

	// The same at the proposal's size, if an agent and a replica cost there what they cost
	// here and all else stays: this is a projection, and no measurement.
	AtSize      float64 `json:"changePercentAtSize"`
	HoldsAtSize bool    `json:"holdsAtSize"`

	Of func(*Cost) float64 `json:"-"` // what is compared
}

// The size that the proposal measured (CFP-44774): how many nodes; and how many replicas
// its rolling upgrade needs at least, and one.
const (
	SizeAgents   = 1000
	SizeReplicas = 3
)

// A Sample is what runs in one mode cost, all together.
type Sample struct {
	Runs             int
	Agents, Replicas int // of all runs
	Virtual          time.Duration
	Costs            []*Cost
}

type claimed struct {
	what, claimed string
	most          float64 // change in percent with which it holds
	of            func(*Cost) float64
}

// counted are the claims that counts decide; that of CPU takes prices as well.
var counted = []claimed{
	{"open watches", "50 % fewer", -50, func(c *Cost) float64 { return c.WatchTime.Seconds() }},
	{"watch events/s", "over 95 % fewer", -95, func(c *Cost) float64 { return float64(c.Events) }},
}

// Claims compares the mode that the proposal compares itself with and its own.
func Claims(base, own Sample) (all []Claim) {
	for _, c := range counted {
		claim := Claim{What: c.what, Claimed: c.claimed, Of: c.of, Base: base.rate(c.of), Own: own.rate(c.of)}
		claim.Change = change(claim.Base, claim.Own)
		claim.AtSize = change(base.rateAt(SizeAgents, SizeReplicas, c.of), own.rateAt(SizeAgents, SizeReplicas, c.of))
		claim.Holds, claim.HoldsAtSize = claim.Change <= c.most, claim.AtSize <= c.most
		all = append(all, claim)
	}
	return all
}

// change is by how many percent something is more.
func change(from, to float64) float64 {
	if from == 0 {
		return 0
	}
	return 100 * (to - from) / from
}

// rate is what all kube-apiservers of a run do in a second of it.
func (s Sample) rate(of func(*Cost) float64) float64 { return s.rateOf(mode.APIServer, of) }

func (s Sample) rateOf(server mode.Role, of func(*Cost) float64) float64 {
	return s.sum(server, of, 1, 1)
}

// rateAt is the rate with other numbers of agents and replicas, if each costs what it costs
// here.
func (s Sample) rateAt(agents, replicas int, of func(*Cost) float64) float64 {
	return s.rateOfAt(mode.APIServer, agents, replicas, of)
}

func (s Sample) rateOfAt(server mode.Role, agents, replicas int, of func(*Cost) float64) float64 {
	times := func(wanted, all int) float64 {
		if all == 0 {
			return 1
		}
		return float64(wanted) * float64(s.Runs) / float64(all)
	}
	return s.sum(server, of, times(agents, s.Agents), times(replicas, s.Replicas))
}

func (s Sample) sum(server mode.Role, of func(*Cost) float64, agents, replicas float64) (sum float64) {
	if s.Virtual == 0 {
		return 0
	}
	for _, cost := range s.Costs {
		if cost.Server != server {
			continue
		}
		times := 1.0
		switch cost.Client {
		case mode.Agent:
			times = agents
		case mode.Replica:
			times = replicas
		}
		sum += times * of(cost)
	}
	return sum / s.Virtual.Seconds()
}
