// Package draw draws plans: of a seed, of a scenario's family, or from the bits of a
// property test.
package draw

import (
	"cmp"
	"encoding/json"
	"fmt"

	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/model/mode"

	"github.com/meshcheck/meshcheck/fault"
)

const (
	second = fault.Duration(1e9)
	ms     = fault.Duration(1e6)
)

// Config says from what a plan is drawn besides its seed. The zero value
// draws a plan of the swarm.
type Config struct {
	// Mode is how agents read, one of mode.Variants; empty: mode.Default. That draws how agents
	// find replicas. The modes' plans of a seed have
	// the same world and workload, but for replicas, and each the faults that it knows.
	Mode string
	// Agents is what agents are, as the plan's option of that name.
	Agents fault.Agents
	// Objects are the Kubernetes objects present at the start, in place of drawn
	// pods and nodes, as package objects loads them. The workload then uses their
	// namespaces and nodes, and deletes, recreates, moves and relabels their pods as it does
	// those that it makes; it avoids the names and IPs of what is there.
	Objects []json.RawMessage
	// ClusterID is the cluster that the objects are of. Zero: as the numbers of their
	// identities say, of up to 255 clusters, or 1 if there are none.
	ClusterID int
	// Reference draws within the reference plan's size and its eight kinds of
	// faults, on which speeds are measured, in place of a shape of its own.
	Reference bool
}

// Plan returns the plan of a seed: the same for the same arguments, and valid.
// Its error says which of the objects cannot be part of a plan.
func Plan(seed uint64, cfg Config) (*fault.Plan, error) {
	objects, problem := fault.Survey(cfg.Objects, cfg.ClusterID)
	if problem != nil {
		return nil, problem
	}
	objects.ClusterID = cmp.Or(objects.ClusterID, cfg.ClusterID)
	from := source{seed: seed}
	s := reference
	if !cfg.Reference {
		s = draw(from, swarm, "shape")
		s.stall = draw(from, stalls, "stall")
		s.rich = draw(from, richnesses, "rich")
	}
	p := drawPlan(from, s, cmp.Or(cfg.Mode, mode.Default.String()), cfg.Objects, objects)
	p = fault.WithAgents(p, cfg.Agents)
	if p.HasWhole() {
		drawPolicies(from, p)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// Plans generates plans from rapid's stream of bits, for property tests and fuzz
// tests: small ones, of the same kinds as Plan's.
func Plans() *rapid.Generator[*fault.Plan] {
	return rapid.Custom(func(t *rapid.T) *fault.Plan {
		s := swarm.Draw(t, "shape")
		s.churn = min(s.churn, 60*second)
		s.pods = min(s.pods, 10)
		s.faults = min(s.faults, 6)
		s.opEvery = max(s.opEvery, 2*second)
		s.stall = stalls.Draw(t, "stall")
		s.rich = richnesses.Draw(t, "rich")
		p := drawPlan(source{seed: rapid.Uint64().Draw(t, "seed"), bits: t}, s, mode.Default.String(), nil, fault.Given{})
		if err := p.Validate(); err != nil {
			panic(fmt.Sprintf("fault: a drawn plan is not valid: %v", err))
		}
		return p
	})
}

func drawPlan(from source, s shape, modeName string, raw []json.RawMessage, objects fault.Given) *fault.Plan {
	in, _ := mode.InWorld(modeName)
	p := &fault.Plan{
		Version:  fault.Version,
		Seed:     from.seed,
		Mode:     string(in.Base),
		Topology: s.topology,
		Network:  draw(from, networks, "network"),
		Options:  draw(from, options, "options"),
		Churn:    s.churn,
		Settle:   settle,
		Objects:  raw,
	}
	p.Options.LeaseTTL, p.Options.Stall = s.leaseTTL, s.stall
	if s.swarm && s.topology.Operators > 0 {
		owed := draw(from, operators, "operators")
		p.Options.SliceController, p.Options.SliceSize = owed.SliceController, owed.SliceSize
		if s.pods > crowd && owed.SliceSize == 2 { // an operator's queue would take longer with so many slices than a run goes on
			p.Options.SliceSize = 0
		}
		if !p.InMode().AgentsWrite() { // where they do, the pace has to fit that by which agents refresh what they use
			p.Options.IdentityGCInterval, p.Options.IdentityTimeout, p.Options.EndpointGCInterval = owed.IdentityGCInterval, owed.IdentityTimeout, owed.EndpointGCInterval
		}
	}
	if !p.InMode().Runs(mode.Replica) {
		p.Topology.Replicas = 0
		s.kinds = possibleIn(p.InMode(), from, s.kinds, p.Topology)
	}
	if p.InMode().Runs(mode.Etcd) {
		p.Topology.Etcds = 1
		if s.swarm {
			p.Topology.Etcds = draw(from, etcds, "etcds")
		}
	}
	if !p.InMode().RunsStores() {
		p.Options.LeaseTTL = 0
	}
	if len(raw) > 0 {
		p.Topology.Operators = 0 // given identities and slices are nobody's to manage
		s.kinds = possibleIn(p.InMode(), from, s.kinds, p.Topology)
	}
	if len(objects.Nodes) > 0 {
		p.Topology.Nodes = 0
	}
	if objects.ClusterID != 0 {
		p.Options.ClusterID = objects.ClusterID
	}
	if objects.Cluster != "" {
		p.Options.ClusterName = objects.Cluster
	}
	if len(objects.Pods) > 0 {
		p.Options.EndpointSlices = objects.Slices
	}
	drawWorkload(from, p, s, objects)
	if s.swarm {
		drawServices(from, p)
	}
	drawGarbage(from, p)
	if s.swarm {
		drawReplaced(from, p)
		drawIdentities(from, p)
	}
	drawFaults(from, p, s)
	if p.Topology.Etcds > 1 {
		for _, f := range draw(from, memberFaults(p), "member faults") {
			add(p, []fault.Fault{f})
		}
	}
	drawWaiting(from, p, s)
	p.Options.Discovery = in.Discovery
	if s.swarm && in.Base == mode.ClusterMesh && in.Discovery == "" && len(raw) == 0 {
		p.Options.Discovery = draw(from, discoveries, "discovery")
	}
	p.Options.Handover = in.Chosen()
	if s.swarm && in.HandsOver() {
		p.Options.HandoverAfter = draw(from, patiences, "handover after")
	}
	if s.swarm {
		drawRepeats(from, p)
	}
	return p
}

// discoveries draws how agents find replicas: by their Service, but for two plans in ten.
// It comes last, so that all else is as it is with that.
var discoveries = rapid.Custom(func(t *rapid.T) mode.Discovery {
	return oneOf(t, "discovery", "", "", "", "", "", "", "", "", mode.ByDialer, mode.ByHostNetwork)
})

// patiences draws for how long an agent waits for its etcd before it reads CRDs again.
var patiences = rapid.Custom(func(t *rapid.T) fault.Duration {
	return oneOf(t, "after", 0, 0, 5*second, 10*second, 60*second)
})

// networks draws latencies between 0.2 and 2 ms, from a data centre's to a
// region's.
var networks = rapid.Custom(func(t *rapid.T) fault.Network {
	a := 200 + 10*uniform(t, 181, "latency")
	b := 200 + 10*uniform(t, 181, "latency")
	return fault.Network{
		LatencyMin: fault.Duration(min(a, b)) * ms / 1000,
		LatencyMax: fault.Duration(max(a, b)) * ms / 1000,
	}
})

// stalls draws in how many places one is at which goroutines stall.
var stalls = rapid.Custom(func(t *rapid.T) int {
	return []int{0, 0, 0, 16, 8, 4}[uniform(t, 6, "stall")]
})

// options draws what changes the order of events or the code that runs, and
// leaves rates at the defaults of Cilium's Helm chart.
var options = rapid.Custom(func(t *rapid.T) fault.Options {
	return fault.Options{
		WriterQPS:          50,
		WriterBootstrapQPS: 10_000,
		AgentQPS:           20,
		EndpointSlices:     rapid.Bool().Draw(t, "endpointSlices"),
		ClusterID:          1,
		ClusterName:        "c1",
		Preempt:            rapid.SampledFrom([]int{0, 10, 50, 200}).Draw(t, "preempt"),
	}
})
