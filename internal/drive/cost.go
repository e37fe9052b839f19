package drive

import (
	"cmp"
	"fmt"
	"syscall"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Cost is what running a plan takes, as far as its size tells: within a factor of two for
// what was measured, from one agent to 300 and from ten pods to 10,000.
type Cost struct {
	Records int
	Wall    time.Duration // on a machine as in README
	Memory  int64         // of the worker, in bytes
}

// CostOf estimates what running a plan takes.
func CostOf(p *fault.Plan) Cost {
	t := p.Topology
	pods := len(p.Pods) + len(p.Ops) + len(p.Objects)
	stored := (t.Nodes + pods) * (2 + 5*t.Replicas) / 2 // what writers and etcds record
	seen := t.Agents * (t.Nodes + pods*7/3)             // and agents
	c := Cost{Records: stored + seen}
	c.Wall = time.Second/2 + time.Duration(c.Records)*100*time.Microsecond
	c.Memory = int64(110+15*t.Replicas)<<20 + int64(c.Records)*1300 + int64(t.Nodes+pods)*6000
	return c
}

// TooLarge is the error for a plan that this machine has no memory for: one sentence.
type TooLarge struct {
	plan    *fault.Plan
	cost    Cost
	machine int64
}

func (e *TooLarge) Error() string {
	t := e.plan.Topology
	return fmt.Sprintf("this plan is too large for this machine: with %s, %s, %s, %s pods and objects and %s it would write about %s, "+
		"which takes some %s and %d GiB of memory, and the machine has %d GiB; make it smaller, or try with -memory MIB and -wall TIME",
		text.Count(t.Replicas, "replica"), text.Count(t.Agents, "agent"), text.Count(t.Nodes, "node"), text.Thousands(len(e.plan.Pods)+len(e.plan.Objects)),
		text.Count(len(e.plan.Ops), "op"), text.Count(e.cost.Records/1000*1000, "record"), e.cost.Wall.Round(time.Minute), e.cost.Memory>>30, e.machine>>30)
}

// bounds returns the simulator's limits for a plan: those that are not set leave room for
// twice the memory and four times the time that it is estimated to take, at least, and a tenth of that time for nothing to
// happen: what a large world does at one instant takes the longer the larger it is. The error is a *TooLarge.
func (r *Simulator) bounds(p *fault.Plan, machine int64) (det.RunConfig, error) {
	cost, limits := CostOf(p), r.Limits
	wall := max(10*time.Minute, 4*cost.Wall)
	limits.WallLimit, limits.StallLimit = cmp.Or(limits.WallLimit, wall), cmp.Or(limits.StallLimit, wall/10)
	if limits.MemoryLimit == 0 {
		if cost.Memory > machine {
			return limits, &TooLarge{p, cost, machine}
		}
		limits.MemoryLimit = max(2<<30+int64(p.Topology.Agents)*8<<20, 2*cost.Memory)
	}
	return limits, nil
}

// Affords returns a *TooLarge if the machine has no memory for a plan.
func (r *Simulator) Affords(p *fault.Plan) error {
	_, err := r.bounds(p, machineMemory())
	return err
}

// machineMemory is how much memory the machine has, in bytes.
func machineMemory() int64 {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return 1 << 62 // not known: nothing is too large
	}
	return int64(info.Totalram) * int64(info.Unit)
}
