package shrink

import "github.com/meshcheck/meshcheck/fault"

// Size says how much there is in a plan to understand.
type Size struct {
	Faults  int `json:"faults"`
	Stalls  int `json:"stalls,omitempty"` // that are named
	Ops     int `json:"ops"`
	Pods    int `json:"pods"`    // at the start
	Objects int `json:"objects"` // given

	APIServers int            `json:"apiservers"`
	Replicas   int            `json:"replicas"`
	Agents     int            `json:"agents"`
	Operators  int            `json:"operators"`
	Nodes      int            `json:"nodes"` // at the start, without those given
	Churn      fault.Duration `json:"churn"`
}

// SizeOf returns the size of a plan.
func SizeOf(p *fault.Plan) Size {
	t := p.Topology
	return Size{
		Faults: len(p.Faults), Stalls: len(p.Stalls), Ops: len(p.Ops), Pods: len(p.Pods), Objects: len(p.Objects),
		APIServers: t.APIServers, Replicas: t.Replicas, Agents: t.Agents, Operators: t.Operators, Nodes: t.Nodes,
		Churn: p.Churn,
	}
}

// Decisions is what had to be decided besides the topology and the options:
// faults, stalls, ops, pods at the start and objects.
func (s Size) Decisions() int { return s.Faults + s.Stalls + s.Ops + s.Pods + s.Objects }
