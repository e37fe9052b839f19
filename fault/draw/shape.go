package draw

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/model/mode"

	"github.com/meshcheck/meshcheck/fault"
)

// An agent takes up to about two and a half minutes to notice that its replica
// is gone (the heartbeat must be two minutes old and a status check must see it),
// then backs off for up to 10 s, and lists everything again at its QPS limit. Six
// minutes are twice that and some room.
const settle = 360 * second

// A shape is what a seed draws first: how large the world is, how fast it
// changes, and which faults exist in it at all. Most bugs need a few kinds of
// events and are hidden by the others: seeds that leave most kinds out find them
// sooner than seeds that are all alike (swarm testing: Groce, Zhang, Eide, Chen,
// Regehr, ISSTA 2012).
type shape struct {
	topology   fault.Topology
	churn      fault.Duration
	opEvery    fault.Duration // between two pod operations
	pods       int            // at the start, and about as many later
	namespaces int
	apps       int
	leaseTTL   fault.Duration
	stall      int // 1 place in so many is one at which goroutines stall; 0: none
	rich       richness

	kinds    []fault.Kind   // that exist
	faults   int            // how many there are
	burst    fault.Duration // if positive, all within so long
	triggers int            // percent of the faults that have one
	patterns int            // percent of the faults that are part of a pattern
}

// reference is the shape of the reference plan.
var reference = shape{
	topology: fault.Topology{APIServers: 1, Replicas: 2, Agents: 6, Nodes: 20},
	churn:    300 * second,
	opEvery:  second,
	pods:     40, namespaces: 4, apps: 8,
	kinds:  []fault.Kind{fault.ReplicaLoss, fault.WriterRestart, fault.Partition, fault.BlackHole, fault.Reset, fault.Pause, fault.AgentCrash, fault.KubeRestart},
	faults: 6,
}

// swarm draws shapes. In the mean they are about as large as the reference.
var swarm = rapid.Custom(func(t *rapid.T) shape {
	s := shape{
		topology: fault.Topology{
			APIServers: oneOf(t, "apiservers", 1, 1, 2, 3),
			Replicas:   oneOf(t, "replicas", 1, 2, 2, 2, 3),
			Agents:     2 + uniform(t, 7, "agents"),
			Operators:  oneOf(t, "operators", 0, 0, 1, 2),
		},
		churn:      oneOf(t, "churn", 60*second, 120*second, 300*second, 300*second, 600*second),
		opEvery:    oneOf(t, "opEvery", second/2, second, second, 2*second, 5*second),
		pods:       oneOf(t, "pods", 5, 20, 40, 40, 80),
		namespaces: 1 + uniform(t, 5, "namespaces"),
		apps:       2 + uniform(t, 8, "apps"),
		leaseTTL:   oneOf(t, "leaseTTL", 0, 0, 0, 60*second),
		faults:     1 + uniform(t, oneOf(t, "most faults", 1, 4, 10, 20), "faults"),
		burst:      oneOf(t, "burst", 0, 0, 10*second, 30*second),
		triggers:   oneOf(t, "triggers", 0, 25, 50),
		patterns:   oneOf(t, "patterns", 0, 0, 30, 100),
	}
	s.topology.Nodes = s.topology.Agents + uniform(t, 20, "nodes")
	s.kinds = drawKinds(t, s.topology)
	return s
})

// drawKinds draws which classes of faults exist and which kinds of each.
func drawKinds(t *rapid.T, topology fault.Topology) (kinds []fault.Kind) {
	exists := map[fault.Class]bool{}
	for _, class := range fault.Classes {
		exists[class] = coin.Draw(t, string(class)) && (class != fault.OperatorFaults || topology.Operators > 0)
	}
	for i := range fault.Specs {
		if chosen := coin.Draw(t, string(fault.Specs[i].Kind)); chosen && exists[fault.Specs[i].Class] {
			kinds = append(kinds, fault.Specs[i].Kind)
		}
	}
	if len(kinds) == 0 {
		possible := possibleSpecs(topology)
		kinds = []fault.Kind{oneOf(t, "kind", possible...).Kind}
	}
	return kinds
}

// possibleSpecs are the kinds of faults that do not lack an operator.
func possibleSpecs(topology fault.Topology) []fault.Spec {
	return slices.DeleteFunc(slices.Clone(fault.Specs), func(s fault.Spec) bool { return s.Needs == mode.Operator && topology.Operators == 0 })
}

// possibleIn returns those of the kinds that can happen in a mode, or one that is drawn
// if none can.
func possibleIn(m mode.Mode, from source, kinds []fault.Kind, topology fault.Topology) []fault.Kind {
	kinds = slices.DeleteFunc(slices.Clone(kinds), func(k fault.Kind) bool { return !m.Runs(fault.SpecOf(k).Needs) })
	if len(kinds) > 0 {
		return kinds
	}
	return draw(from, rapid.Custom(func(t *rapid.T) []fault.Kind {
		possible := slices.DeleteFunc(possibleSpecs(topology), func(s fault.Spec) bool { return !m.Runs(s.Needs) })
		return []fault.Kind{oneOf(t, "kind", possible...).Kind}
	}), "kind without replicas")
}
