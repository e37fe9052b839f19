package fault

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/model/mode"
)

// InMode returns the plan's mode. The plan must be valid, or have been drawn.
func (p *Plan) InMode() mode.Mode {
	m, _ := mode.OfPlan(p.Mode, p.Options.Discovery, p.Options.Handover)
	return m
}

// Project returns the plan in another mode, one of mode.Variants: the same world, workload and faults, so
// that what two modes make of them can be compared. Where agents share an etcd, it takes
// the place of the replicas' etcds. What the mode lacks is left out
// when the plan runs: the hosts of roles that it does not have are not there, and a
// fault that needs one does not happen (NotApplicable).
func Project(p *Plan, inMode string) *Plan {
	projected := *p
	m, _ := mode.InWorld(inMode)
	projected.Mode, projected.Options.Discovery, projected.Options.Handover = string(m.Base), m.Discovery, m.Chosen()
	if !m.MayBeWhole() {
		projected.Options.Agents = ""
		projected = *projected.withoutPolicies()
	}
	if !m.HandsOver() {
		projected.Options.HandoverAfter = 0
	}
	if !m.OnHosts() {
		projected.Options.ReplicaNodes = 0
	}
	if m.Runs(mode.Etcd) {
		projected.Topology.Etcds = max(1, p.Topology.Etcds)
		projected.Faults = slices.Clone(p.Faults)
		for i := range projected.Faults {
			shareEtcd(&projected.Faults[i], projected.Topology.Etcds)
		}
	}
	return &projected
}

// shareEtcd makes what befalls the etcd of a replica, its readers' connections with it
// included, befall the etcd that they share.
func shareEtcd(f *Fault, etcds int) {
	shared := func(host string) string {
		if !mode.Replica.Is(host) {
			return host
		}
		return mode.Etcd.Host(mode.Number(host) % etcds)
	}
	spec := specs[f.Kind]
	ends := func(a, b string) bool { return mode.Replica.Is(a) && mode.Agent.Is(b) }
	switch {
	case spec.Etcd:
		f.Target = shared(f.Target)
	case spec.Link && (ends(f.Target, f.Peer) || ends(f.Peer, f.Target)):
		f.Target, f.Peer = shared(f.Target), shared(f.Peer)
	}
	if f.When != nil && f.When.Event == EtcdPut {
		when := *f.When
		when.Actor = shared(when.Actor)
		f.When = &when
	}
}

// byDatapath reports whether a fault strikes an agent's way to the Service of the replicas.
func (f *Fault) byDatapath() bool {
	of := f.Kind == Move || f.Kind == DNSFailure || f.Kind == ServiceFailure
	return of && mode.Agent.Is(f.Target)
}

// Present returns the hosts of those given that exist in the plan's mode.
func (p *Plan) Present(hosts []string) []string {
	m := p.InMode()
	return slices.DeleteFunc(slices.Clone(hosts), func(host string) bool { return !m.Runs(mode.RoleOf(host)) })
}

// NotApplicable returns why a fault of the plan cannot happen in its mode, or "": it
// needs hosts of a role that the mode does not have, or hosts that do not talk there, or
// nobody causes the event that it waits for.
func (p *Plan) NotApplicable(f *Fault) string {
	m, spec := p.InMode(), specs[f.Kind]
	lacks := func(role mode.Role) string {
		return fmt.Sprintf("not applicable: in the mode %s there are no %s", m, role.Plural())
	}
	missing := func(host string) bool { return host != "" && !m.Runs(mode.RoleOf(host)) }
	switch {
	case spec.Needs != "" && !m.Runs(spec.Needs):
		return lacks(spec.Needs)
	case spec.Members && !m.Runs(mode.Etcd):
		return lacks(mode.Etcd)
	case spec.Members && p.Topology.Etcds == 1:
		return "not applicable: the etcd has one member"
	case p.Topology.Etcds > 1 && (f.Kind == ServiceFailure || f.Kind == EndpointsLate) && slices.ContainsFunc(f.Hosts(), mode.Agent.Is):
		return "not applicable: agents know the names of the etcd's members, and use no Service"
	case spec.Etcd && !m.RunsStores():
		return fmt.Sprintf("not applicable: in the mode %s there is no etcd that agents read", m)
	case missing(f.Target):
		return lacks(mode.RoleOf(f.Target))
	case missing(f.Peer):
		return lacks(mode.RoleOf(f.Peer))
	case f.Empty && mode.Etcd.Is(f.Target):
		return fmt.Sprintf("not applicable: in the mode %s the etcd is persistent: it keeps its data", m)
	case m.Chooses() && f.byDatapath():
		return fmt.Sprintf("not applicable: in the mode %s agents find replicas without DNS and without the datapath of Services", m)
	case len(f.Targets) > 0 && len(p.Present(f.Targets)) < spec.fewest():
		return fmt.Sprintf("not applicable: in the mode %s too few of its hosts exist", m)
	case spec.Link && !p.Talk(mode.RoleOf(f.Target), mode.RoleOf(f.Peer)):
		return fmt.Sprintf("not applicable: in the mode %s %s and %s never talk", m, f.Target, f.Peer)
	case f.When != nil:
		return p.NeverCaused(f.When)
	}
	return ""
}

// NeverCaused returns why nothing causes the event in the plan's mode that a trigger of the
// plan waits for, or "".
func (p *Plan) NeverCaused(w *Trigger) string {
	m, role := p.InMode(), mode.RoleOf(w.Actor)
	if !m.Runs(role) {
		return fmt.Sprintf("not applicable: in the mode %s there are no %s", m, role.Plural())
	}
	event, known := eventSpec(w.Event)
	ofServices := role == mode.Agent && p.HasServices() && known && slices.Contains(event.servers, mode.APIServer)
	if known && !ofServices && !slices.Contains(event.ActorsIn(m), role) {
		return fmt.Sprintf("not applicable: in the mode %s %s never causes %s", m, w.Actor, w.Event)
	}
	return ""
}

// withArticle returns the kind as it is in a sentence.
func (k Kind) withArticle() string {
	if strings.ContainsRune("aeiou", rune(k[0])) {
		return "an " + string(k)
	}
	return "a " + string(k)
}

// HandoverAfter is the default of Options.HandoverAfter.
const HandoverAfter = 30 * Duration(time.Second)

// The bounds of Options.HandoverAfter.
const leastHandoverAfter, mostHandoverAfter = Duration(time.Second), 10 * Duration(time.Minute)

func checkHandover(p *Plan, _ Given) *flaw {
	o := p.Options
	switch hands := p.InMode().HandsOver(); {
	case o.Handover != "" && !slices.Contains(mode.Policies(), o.Handover):
		var names []string
		for _, policy := range mode.Policies() {
			names = append(names, strictjson.Quote(string(policy)))
		}
		return flawf("options.handover", "found %s; want one of %s", strictjson.Quote(string(o.Handover)), strings.Join(names, ", "))
	case o.Handover != "" && !hands:
		return flawf("options.handover", "in the mode %s agents have one source; want the mode %s, or no policy", p.Mode, mode.Handover)
	case o.HandoverAfter != 0 && !hands:
		return flawf("options.handoverAfter", "in the mode %s agents have one source; want the mode %s, or no time", p.Mode, mode.Handover)
	case o.HandoverAfter != 0 && (o.HandoverAfter < leastHandoverAfter || o.HandoverAfter > mostHandoverAfter):
		return flawf("options.handoverAfter", "found %s; want %s to %s, or nothing for %s", o.HandoverAfter, leastHandoverAfter, mostHandoverAfter, HandoverAfter)
	}
	return nil
}

// The Service of the replicas, where agents read it: see mode.ByDialer.
const (
	MeshNamespace = "kube-system"
	MeshService   = "clustermesh-apiserver"
	MeshIP        = "172.20.0.10" // its cluster IP
)

// mostReplicaNodes bounds how many nodes there are for replicas.
const mostReplicaNodes = 64

func checkDiscovery(p *Plan, _ Given) *flaw {
	o := p.Options
	switch m := p.InMode(); {
	case o.Discovery != "" && !slices.Contains(mode.Discoveries(), o.Discovery):
		return flawf("options.discovery", "found %s; want %q, %q or %q", strictjson.Quote(string(o.Discovery)), mode.ByService, mode.ByDialer, mode.ByHostNetwork)
	case o.Discovery != "" && m.Base != mode.ClusterMesh:
		return flawf("options.discovery", "in the mode %s agents have no choice of how to find replicas; want the mode %s, or no discovery", p.Mode, mode.ClusterMesh)
	case o.ReplicaNodes != 0 && !m.OnHosts():
		return flawf("options.replicaNodes", "replicas are on nodes of theirs with the discovery %q only", mode.ByHostNetwork)
	case o.ReplicaNodes < 0 || o.ReplicaNodes > mostReplicaNodes:
		return flawf("options.replicaNodes", "found %d; want 1 to %d, or nothing for enough", o.ReplicaNodes, mostReplicaNodes)
	case !m.ReadsServices():
		return nil
	}
	for i := range p.Services {
		if problem := checkMeshService(fmt.Sprintf("services[%d]", i), &p.Services[i]); problem != nil {
			return problem
		}
	}
	for i := range p.Ops {
		if s := p.Ops[i].Service; s != nil {
			if problem := checkMeshService(fmt.Sprintf("ops[%d].service", i), s); problem != nil {
				return problem
			}
		}
	}
	return nil
}

// checkMeshService refuses a Service that is that of the replicas, or has its address.
func checkMeshService(path string, s *Service) *flaw {
	if s.Namespace == MeshNamespace && s.Name == MeshService {
		return flawf(path+".name", "with the discovery %q the service %s/%s is that of the replicas; want another name", mode.ByDialer, s.Namespace, s.Name)
	}
	for _, ip := range slices.Concat(s.IPs, s.ExternalIPs) {
		if at, err := netip.ParseAddr(ip); err == nil && at.Unmap().String() == MeshIP {
			return flawf(path+".ips", "with the discovery %q the service of the replicas has the address %s; want another one", mode.ByDialer, MeshIP)
		}
	}
	return nil
}

// Agents is what the agents of a plan are: one word for all of them, or one for each, in
// their order and joined by commas. Empty means AssembledAgent.
type Agents string

// What an agent is.
const (
	AssembledAgent = "assembled" // Cilium's readers, put together by us
	WholeAgent     = "whole"     // cilium-agent itself, without a datapath
)

// word is that of an agent by its number.
func (a Agents) word(number int) string {
	words := strings.Split(string(a), ",")
	if len(words) == 1 {
		return words[0]
	}
	return words[number]
}

// Whole reports whether the agent with that number is cilium-agent itself.
func (p *Plan) Whole(number int) bool {
	return number < p.Topology.Agents && p.Options.Agents.word(number) == WholeAgent
}

// HasWhole reports whether any agent is cilium-agent itself.
func (p *Plan) HasWhole() bool {
	return slices.Contains(strings.Split(string(p.Options.Agents), ","), WholeAgent)
}

// WithAgents returns the plan with other agents, without what a whole one does not have. Its
// CiliumNode is its own to write, so that nobody else describes or changes that node. And pods
// have no named ports: Cilium's agent makes them a label of a new pod's identity, which Cilium's
// operator does not, so that such a pod waits for its identity for good where the operator
// makes identities. What else is wrong with the agents is for [Plan.Validate] to say.
func WithAgents(p *Plan, agents Agents) *Plan {
	changed := *p
	changed.Options.Agents = agents
	if checkAgentWords(&changed) != nil || !changed.HasWhole() {
		return changed.withoutPolicies()
	}
	changed.Nodes = slices.DeleteFunc(slices.Clone(p.Nodes), func(n Node) bool { return changed.ofWhole(n.Name) })
	changed.Pods = slices.Clone(p.Pods)
	for i := range changed.Pods {
		changed.Pods[i].Ports = nil
	}
	changed.Ops = nil
	for _, op := range p.Ops {
		if op.Op.OfNode() && changed.ofWhole(op.Name) {
			continue
		}
		if op.Pod != nil {
			pod := *op.Pod
			if pod.Ports = nil; op.Op == PodUpdate && pod.IP == "" && pod.Node == "" {
				continue
			}
			op.Pod = &pod
		}
		changed.Ops = append(changed.Ops, op)
	}
	return &changed
}

// WithoutAgents returns the agents without those with the numbers from (included) to end.
func (a Agents) WithoutAgents(from, end int) Agents {
	words := strings.Split(string(a), ",")
	if len(words) == 1 {
		return a
	}
	return Agents(strings.Join(slices.Delete(words, from, end), ","))
}

// ofWhole reports whether a node is that of a whole agent.
func (p *Plan) ofWhole(node string) bool {
	number, ok := NodeNumber(node)
	return ok && p.Whole(number)
}

func checkAgentWords(p *Plan) *flaw {
	if p.Options.Agents == "" {
		return nil
	}
	words := strings.Split(string(p.Options.Agents), ",")
	for _, word := range words {
		if word != AssembledAgent && word != WholeAgent {
			return flawf("options.agents", "found %s; want %q or %q for all agents, or one of these words for each, joined by commas", strictjson.Quote(word), AssembledAgent, WholeAgent)
		}
	}
	if len(words) > 1 && len(words) != p.Topology.Agents {
		return flawf("options.agents", "found %d words; want one, or one for each of the %d agents", len(words), p.Topology.Agents)
	}
	return nil
}

// checkAgents checks what agents are, and what a world with whole ones must not have: each
// whole agent writes its own CiliumNode.
func checkAgents(p *Plan, objects Given) *flaw {
	if problem := checkAgentWords(p); problem != nil || !p.HasWhole() {
		return problem
	}
	const field = "options.agents"
	switch {
	case !p.InMode().MayBeWhole():
		return flawf(field, "in the mode %s agents are put together from Cilium's readers; a whole cilium-agent reads the kube-apiservers, as in the mode %s, and nothing else yet", p.Mode, mode.CRD)
	case len(objects.Nodes) > 0:
		return flawf(field, "the nodes are among the objects, and a whole cilium-agent writes the CiliumNode of its node itself; leave the objects out, or take %q", AssembledAgent)
	}
	for i := range p.Nodes {
		if p.ofWhole(p.Nodes[i].Name) {
			return flawf(fmt.Sprintf("nodes[%d].name", i), "the cilium-agent of %s is whole and writes its CiliumNode itself; want a node without a whole agent", p.Nodes[i].Name)
		}
	}
	for i := range p.Ops {
		if op := &p.Ops[i]; op.Op.OfNode() && p.ofWhole(op.Name) {
			return flawf(fmt.Sprintf("ops[%d].name", i), "the cilium-agent of %s is whole and writes its CiliumNode itself; want a node without a whole agent", op.Name)
		}
	}
	return nil
}
