package fault

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/model/mode"

	"github.com/meshcheck/meshcheck/internal/text"
)

// Describe tells a reader in a few lines what a plan does: mode, topology,
// workload, and one sentence for each fault, with its number, at its virtual time since
// the start of the churn phase, which is that from which its trigger is armed if it has one.
func Describe(p *Plan) string {
	var b strings.Builder
	given, _ := survey(p.Objects, p.Options.ClusterID)
	endpoints := "CiliumEndpoints"
	if p.Options.EndpointSlices {
		endpoints = "CiliumEndpointSlices"
	}
	preempt := "never"
	if p.Options.Preempt > 0 {
		preempt = fmt.Sprintf("1 in %d", p.Options.Preempt)
	}
	stalls := ""
	switch {
	case p.Options.Stall > 0:
		stalls = fmt.Sprintf(", stalls at 1 place in %d", p.Options.Stall)
	case len(p.Stalls) > 0:
		stalls = ", " + text.Count(len(p.Stalls), "stall")
	}
	fmt.Fprintf(&b, "mode      %s, cluster %d, endpoints as %s; seed %d, preemption %s%s\n", p.InMode(), p.Options.ClusterID, endpoints, p.Seed, preempt, stalls)
	operators := ""
	if p.Topology.Operators > 0 {
		operators = ", " + text.Count(p.Topology.Operators, "operator")
	}
	replicas := ""
	if p.InMode().Runs(mode.Replica) {
		replicas = ", " + text.Count(p.Topology.Replicas, "replica")
	}
	if p.InMode().Runs(mode.Etcd) {
		replicas += ", a shared etcd"
		if p.Topology.Etcds > 1 {
			replicas += fmt.Sprintf(" of %d members", p.Topology.Etcds)
		}
	}
	agents := text.Count(p.Topology.Agents, "agent")
	if p.HasWhole() {
		agents += fmt.Sprintf(" (%s)", p.Options.Agents)
	}
	fmt.Fprintf(&b, "topology  %s%s, %s, %s%s; latency %s to %s\n",
		text.Count(p.Topology.APIServers, "kube-apiserver"), replicas,
		agents, describeNodes(p, given), operators, p.Network.LatencyMin, p.Network.LatencyMax)
	lease := ""
	if p.Options.LeaseTTL > 0 {
		lease = fmt.Sprintf("; leases of %s", p.Options.LeaseTTL)
	}
	fmt.Fprintf(&b, "limits    writer %d requests/s (%d at the start), agent %d requests/s%s\n",
		p.Options.WriterQPS, p.Options.WriterBootstrapQPS, p.Options.AgentQPS, lease)
	fmt.Fprintf(&b, "workload  %s\n", describeWorkload(p, given))
	var hosts []string
	for _, role := range p.InMode().Roles() {
		if role != mode.Operator || p.Topology.Operators > 0 {
			hosts = append(hosts, role.Host(0)+" "+role.Meaning())
		}
	}
	fmt.Fprintf(&b, "hosts     %s\n", strings.Join(hosts, ", "))
	from := ""
	if len(p.Faults) > 0 {
		from = ", at times from the start of the churn"
	}
	fmt.Fprintf(&b, "faults    %d%s; then the heal, and all views must converge within %s", len(p.Faults), from, p.Settle)
	for i := range p.Faults {
		fmt.Fprintf(&b, "\n%10.3fs  (%d) %s", seconds(p.Faults[i].At), i+1, p.Faults[i].Sentence())
	}
	for _, s := range p.Stalls {
		fmt.Fprintf(&b, "\n%11s  %s", "stall", s.Sentence())
	}
	if len(p.Promise) > 0 {
		fmt.Fprintf(&b, "\npromise   %s", strings.Join(p.Promise, ", "))
	}
	return b.String()
}

// describeNodes counts the nodes. Where some are given it says on which the agents run,
// since theirs have names of their own.
func describeNodes(p *Plan, given Given) string {
	if len(given.Nodes) == 0 {
		return text.Count(p.Topology.Nodes, "node")
	}
	nodes := text.Count(len(given.Nodes), "node") + " given"
	names := []string{}
	for i := range p.Topology.Agents {
		names = append(names, NodeName(i))
	}
	nodes += fmt.Sprintf(" (the agents run on %s", text.Few(names[:min(3, len(names))], len(names)))
	if !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(given.Nodes, name) }) {
		nodes += ", none of these"
	}
	return nodes + ")"
}

func describeWorkload(p *Plan, given Given) string {
	namespaces := map[string]bool{}
	for i := range p.Pods {
		namespaces[p.Pods[i].Namespace] = true
	}
	ops := map[OpKind]int{}
	for i := range p.Ops {
		ops[p.Ops[i].Op]++
	}
	var parts []string
	for _, kind := range OpKinds {
		if ops[kind] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", ops[kind], kind))
		}
	}
	sentence := fmt.Sprintf("%s in %s at the start", text.Count(len(p.Pods), "pod"), text.Count(len(namespaces), "namespace"))
	if len(p.Objects) > 0 && len(p.Pods) == 0 {
		sentence = "no other pods at the start"
	}
	if n := len(given.Pods); n > 0 {
		touched := map[string]bool{}
		for i := range p.Ops {
			if pod := p.Ops[i].Pod; pod != nil && given.Pods[pod.Namespace+"/"+pod.Name] {
				touched[pod.Namespace+"/"+pod.Name] = true
			}
		}
		sentence = fmt.Sprintf("ops on %d of your %s; ", len(touched), text.Count(n, "pod")) + sentence
	}
	if len(p.Objects) > 0 {
		sentence = text.Count(len(p.Objects), "object") + " given; " + sentence
	}
	if len(p.Policies) > 0 {
		sentence += "; " + text.Count(len(p.Policies), "network policy")
	}
	sentence += fmt.Sprintf("; %s in %s", text.Count(len(p.Ops), "op"), p.Churn)
	if len(parts) > 0 {
		sentence += ": " + strings.Join(parts, ", ")
	}
	return sentence
}

func seconds(d Duration) float64 { return float64(d) / 1e9 }
