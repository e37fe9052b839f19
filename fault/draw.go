package fault

import (
	"encoding/json"
	"fmt"
	"time"

	"pgregory.net/rapid"
)

// The size of the reference plan, which is what a seed draws.
const (
	refReplicas   = 2
	refAgents     = 6
	refNodes      = 20
	refNamespaces = 4
	refApps       = 8
	refPods       = 40
	refFaults     = 6
	refChurn      = Duration(300 * time.Second)
	refOpEvery    = Duration(time.Second)

	// An agent takes up to about two and a half minutes to notice that its
	// replica is gone (the heartbeat must be two minutes old and a status check
	// must see it), then backs off for up to 10 s, and lists everything again at
	// its QPS limit. Six minutes are twice that and some room.
	refSettle = Duration(6 * time.Minute)
)

// DrawConfig says from what a plan is drawn besides its seed. The zero value
// draws the reference plan.
type DrawConfig struct {
	// Objects are the Kubernetes objects present at the start, in place of drawn
	// pods and nodes, as package objects loads them. The workload then uses their
	// namespaces and nodes, avoids their names and IPs, and leaves them alone.
	Objects []json.RawMessage
}

// Draw returns the plan of a seed: the same for the same arguments, and valid.
// Its error says which of the objects cannot be part of a plan.
func Draw(seed uint64, cfg DrawConfig) (*Plan, error) {
	objects, problem := survey(cfg.Objects)
	if problem != nil {
		return nil, fmt.Errorf("%s: %s", problem.path, problem.text)
	}
	p := &Plan{
		Version:  Version,
		Seed:     seed,
		Mode:     ModeClusterMesh,
		Topology: Topology{APIServers: 1, Replicas: refReplicas, Agents: refAgents, Nodes: refNodes},
		Network:  draw(networks, seed, "network"),
		Options:  draw(options, seed, "options"),
		Churn:    refChurn,
		Settle:   refSettle,
		Objects:  cfg.Objects,
	}
	if len(objects.nodes) > 0 {
		p.Topology.Nodes = 0
	}
	if objects.clusterID != 0 {
		p.Options.ClusterID = objects.clusterID
	}
	if objects.cluster != "" {
		p.Options.ClusterName = objects.cluster
	}
	if len(objects.pods) > 0 {
		p.Options.EndpointSlices = objects.slices
	}
	drawWorkload(p, objects)
	drawFaults(p)
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// networks draws latencies between 0.2 and 2 ms, from a data centre's to a
// region's.
var networks = rapid.Custom(func(t *rapid.T) Network {
	a := 200 + 10*uniform(t, 181, "latency")
	b := 200 + 10*uniform(t, 181, "latency")
	return Network{
		LatencyMin: Duration(min(a, b)) * Duration(time.Microsecond),
		LatencyMax: Duration(max(a, b)) * Duration(time.Microsecond),
	}
})

// options draws what changes the order of events or the code that runs, and
// leaves rates at the defaults of Cilium's Helm chart.
var options = rapid.Custom(func(t *rapid.T) Options {
	return Options{
		WriterQPS:          50,
		WriterBootstrapQPS: 10_000,
		AgentQPS:           20,
		EndpointSlices:     rapid.Bool().Draw(t, "endpointSlices"),
		ClusterID:          1,
		ClusterName:        "c1",
		Preempt:            rapid.SampledFrom([]int{0, 10, 50, 200}).Draw(t, "preempt"),
	}
})
