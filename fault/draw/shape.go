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

// crowd is a page: Cilium's kvstore lists so many keys at once, and goes on with the rest.
const crowd = 256

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
	swarm      bool // what a seed draws, and no plan of ours

	kinds    []fault.Kind   // that exist
	faults   int            // how many there are
	burst    fault.Duration // if positive, all within so long
	triggers int            // percent of the faults that have one
	waiting  int            // ops that have one
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
		waiting:    oneOf(t, "waiting", 0, 0, 0, 1, 5, 10),
		patterns:   oneOf(t, "patterns", 0, 0, 30, 100),
		swarm:      true,
	}
	s.topology.Nodes = s.topology.Agents + uniform(t, 20, "nodes")
	switch oneOf(t, "crowd", "", "", "", "", "", "", "", "", "", "", "", "nodes", "pods", "identities") {
	case "nodes":
		s.topology.Nodes += crowd
	case "pods":
		s.pods = crowd + 40
	case "identities":
		s.pods, s.apps = crowd+100, 500
	}
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
		if chosen := coin.Draw(t, string(fault.Specs[i].Kind)); chosen && exists[fault.Specs[i].Class] && possible(&fault.Specs[i], topology) {
			kinds = append(kinds, fault.Specs[i].Kind)
		}
	}
	if len(kinds) == 0 {
		kinds = []fault.Kind{oneOf(t, "kind", possibleSpecs(topology)...).Kind}
	}
	return kinds
}

// possibleSpecs are the kinds of faults that are possible with a topology.
func possibleSpecs(topology fault.Topology) []fault.Spec {
	return slices.DeleteFunc(slices.Clone(fault.Specs), func(s fault.Spec) bool { return !possible(&s, topology) })
}

// possible reports whether a kind of faults lacks nothing of a topology: no operator, and no
// replica that is left when one is gone for good. What strikes an etcd of several members
// is drawn apart: see drawMembers.
func possible(s *fault.Spec, topology fault.Topology) bool {
	return !s.Members && (s.Needs != mode.Operator || topology.Operators > 0) && (s.Kind != fault.ReplicaGone || topology.Replicas != 1)
}

// possibleIn returns those of the kinds that can happen in a mode with a topology, or one that is drawn
// if none can.
func possibleIn(m mode.Mode, from source, kinds []fault.Kind, topology fault.Topology) []fault.Kind {
	kinds = slices.DeleteFunc(slices.Clone(kinds), func(k fault.Kind) bool {
		return !fault.SpecOf(k).In(m) || !possible(fault.SpecOf(k), topology)
	})
	if len(kinds) > 0 {
		return kinds
	}
	return draw(from, rapid.Custom(func(t *rapid.T) []fault.Kind {
		inMode := slices.DeleteFunc(possibleSpecs(topology), func(s fault.Spec) bool { return !s.In(m) })
		return []fault.Kind{oneOf(t, "kind", inMode...).Kind}
	}), "kind without replicas")
}
