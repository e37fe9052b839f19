package draw

import (
	"cmp"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/fault"
)

// replacement is a pod that comes back under its name as another one, and when.
type replacement struct {
	pod, node int
	at        fault.Duration // of the churn, as a part of a million
	late      fault.Duration
	sameIP    bool
}

var replacements = rapid.Custom(func(t *rapid.T) replacement {
	return replacement{
		pod: choice.Draw(t, "pod"), node: choice.Draw(t, "node"), at: fault.Duration(uniform(t, 1_000_000, "at")),
		late: oneOf(t, "late", 0, second/5, second, 3*second, 15*second), sameIP: coin.Draw(t, "same IP"),
	}
})

var replaced = rapid.Custom(func(t *rapid.T) int { return oneOf(t, "how many", 0, 0, 0, 1, 3, 6) })

// drawReplaced lets some pods of the start come back under their names on other nodes, as those of
// StatefulSets do. One that is gone by then, or whose node would be, is left out.
func drawReplaced(from source, p *fault.Plan) {
	if len(p.Pods) == 0 || p.Topology.Nodes == 0 {
		return
	}
	for i := range draw(from, replaced, "replaced") {
		r := draw(from, replacements, "replaced", i)
		pod := p.Pods[r.pod%len(p.Pods)]
		to := fault.Pod{Namespace: pod.Namespace, Name: pod.Name, Node: fault.NodeName(r.node % p.Topology.Nodes), IP: fmt.Sprintf("10.254.0.%d", i+1)}
		if r.sameIP {
			to.IP, to.MoreIPs = pod.IP, pod.MoreIPs
		}
		before := p.Ops
		p.Ops = append(slices.Clone(before), fault.Op{At: r.at * p.Churn / 1_000_000 / ms * ms, Op: fault.PodReplace, Pod: &to, Late: r.late})
		slices.SortStableFunc(p.Ops, func(a, b fault.Op) int { return cmp.Compare(a.At, b.At) })
		if p.Validate() != nil {
			p.Ops = before
		}
	}
}
