package load

import (
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/capacity"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Shape says how large a load is, and what of the control plane it meets.
type Shape struct {
	Mode        string        `json:"mode"`
	Nodes       int           `json:"nodes"`
	Agents      int           `json:"agents"` // that run; the other nodes have none
	Replicas    int           `json:"replicas"`
	Slices      bool          `json:"endpointSlices"` // endpoints are read as CiliumEndpointSlices, else as CiliumEndpoints
	Deployments int           `json:"deployments"`
	Pods        int           `json:"pods"`
	PerSecond   int           `json:"podsPerSecond"`
	Cycles      int           `json:"cycles"` // of deploying, deleting and waiting; 0: pods are deployed, and stay
	Wait        time.Duration `json:"waitNanoseconds"`
	WriterQPS   int           `json:"writerQPS"`

	Cores int        `json:"cores,omitempty"` // of each server, whose work takes the time that was measured; 0: it takes none
	There int        `json:"there,omitempty"` // pods that are there before the load
	Fault fault.Kind `json:"fault,omitempty"` // that strikes the first server in the midst of the load
}

// Proposal is the load that the proposal measured (CFP-44774): 1,000 nodes and namespaces,
// 4,000 deployments of ten pods, 100 pods per second, and three times deployed, deleted and
// waited for identities to be collected. Parts is by what its size and its rate are divided.
func Proposal(m string, parts int) Shape {
	return Shape{
		Mode: m, Nodes: 1000 / parts, Agents: 10, Replicas: 2, Slices: true, Deployments: 4000 / parts, Pods: 40_000 / parts,
		PerSecond: 100 / parts, Cycles: 3, Wait: 15 * time.Minute, WriterQPS: 50,
	}
}

// Knee is a load that a writer with a limit does or does not keep up with: pods are created
// for so long at a rate, and stay.
func Knee(writerQPS, perSecond int, length time.Duration) Shape {
	pods := perSecond * int(length/time.Second)
	return Shape{
		Mode: mode.Default.String(), Nodes: 100, Agents: 2, Replicas: 1, Slices: true, Deployments: max(1, pods/10), Pods: pods, PerSecond: perSecond, WriterQPS: writerQPS,
	}
}

// Unlimited is a writer's limit that no load here reaches.
const Unlimited = 10_000

// namespacesPerSecond is what the workload's client of namespaces does at most.
const namespacesPerSecond = 10

// Plan is the plan of a load. Nothing fails in it.
func (s Shape) Plan() *fault.Plan {
	p := &fault.Plan{
		Version: fault.Version, Seed: 1, Mode: s.Mode,
		Topology: fault.Topology{APIServers: 1, Agents: s.Agents, Nodes: s.Nodes, Operators: 1},
		Network:  fault.Network{LatencyMin: fault.Duration(200 * time.Microsecond), LatencyMax: fault.Duration(time.Millisecond)},
		Options:  fault.Options{WriterQPS: s.WriterQPS, WriterBootstrapQPS: 10_000, AgentQPS: 20, EndpointSlices: s.Slices, ClusterID: 1, ClusterName: "c1"},
		Settle:   fault.Duration(time.Hour), // a backlog has time to drain
	}
	if p.InMode().Runs(mode.Replica) {
		p.Topology.Replicas = s.Replicas
	}
	if p.InMode().Runs(mode.Etcd) {
		p.Topology.Etcds = 1
	}
	// One client makes the namespaces that are missing, at ten a second. Where pods come faster,
	// each namespace is there before the load, with a pod.
	for i := range min(s.Nodes, s.Deployments) {
		if s.PerSecond <= namespacesPerSecond {
			break
		}
		p.Pods = append(p.Pods, fault.Pod{Namespace: fmt.Sprintf("ns%d", i), Name: "first", App: "first", Node: fmt.Sprintf("n%d", i), IP: fmt.Sprintf("10.200.%d.%d", i/250, i%250+1)})
	}
	for i := range s.There {
		p.Pods = append(p.Pods, fault.Pod{Namespace: fmt.Sprintf("ns%d", i%10), Name: fmt.Sprintf("there-%d", i), App: fmt.Sprintf("d%d", i%s.Deployments), Node: fmt.Sprintf("n%d", i%s.Nodes), IP: fmt.Sprintf("10.201.%d.%d", i/250, i%250+1)})
	}
	if s.Cores > 0 {
		p.Capacity = capacity.Measured(s.Cores, s.Slices, capacity.Median)
	}
	after := func(pods int) time.Duration { return time.Duration(pods) * time.Second / time.Duration(s.PerSecond) }
	at := time.Duration(0)
	for cycle := range max(1, s.Cycles) {
		for _, kind := range []fault.OpKind{fault.PodCreate, fault.PodDelete} {
			if kind == fault.PodDelete && s.Cycles == 0 {
				continue
			}
			for i := range s.Pods {
				p.Ops = append(p.Ops, fault.Op{At: fault.Duration(at + after(i)), Op: kind, Pod: s.pod(kind, cycle, i)})
			}
			at += after(s.Pods)
		}
		at += s.Wait
	}
	p.Churn = fault.Duration(at)
	if s.Fault != "" {
		p.Faults = []fault.Fault{s.strike()}
	}
	return p
}

// pod is a pod of a cycle. Those of a deployment are spread over nodes and over the time that
// deploying takes.
func (s Shape) pod(kind fault.OpKind, cycle, i int) *fault.Pod {
	deployment := i % s.Deployments
	pod := &fault.Pod{Namespace: fmt.Sprintf("ns%d", deployment%s.Nodes), Name: fmt.Sprintf("d%d-%d-%d", deployment, cycle, i/s.Deployments)}
	if kind == fault.PodCreate {
		pod.App, pod.Node, pod.IP = fmt.Sprintf("d%d", deployment), fmt.Sprintf("n%d", i%s.Nodes), fmt.Sprintf("10.%d.%d.%d", i/62500, i/250%250, i%250+1)
	}
	return pod
}
