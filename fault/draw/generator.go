package draw

import (
	"fmt"
	"slices"

	"github.com/meshcheck/meshcheck/fault"
)

// Pools from which names and IPs are taken. They are little larger than what is
// in use at a time.
const (
	podsPerApp = 3 // per namespace: names app0-0 to app0-2
)

func (s shape) ips() int        { return s.pods*7/5 + 2 } // 10.0.0.1 and on, moved past given IPs
func (s shape) fewestPods() int { return s.pods * 3 / 4 }
func (s shape) mostPods() int   { return s.pods*5/4 + 1 }

// A generator turns intents into ops that are possible one after the other.
type generator struct {
	plan       *fault.Plan
	shape      shape
	given      fault.Given
	namespaces []string    // that pods are created in
	nodes      []string    // in the order of their creation
	fixedNodes int         // the first of nodes, on which agents run, are never deleted
	spareNodes []string    // names of nodes that can be created
	made       int         // pods so far
	pods       []fault.Pod // alive, in the order of their creation
	freeIPs    []string    // the one freed last at the end
	replaced   *fault.Pod  // a live pod whose IP a younger pod has; it is deleted next
	gone       []fault.Pod // given pods that were deleted, whose names come back
	content    content
}

func newGenerator(p *fault.Plan, s shape, objects fault.Given) *generator {
	g := &generator{plan: p, shape: s, given: objects}
	g.content = content{rich: s.rich.is, number: map[string]int{}, nodes: map[string]fault.Node{}, hidden: map[string]bool{}}
	for i := range s.namespaces {
		g.namespaces = append(g.namespaces, namespaceName(i))
	}
	if len(objects.Namespaces) > 0 {
		g.namespaces = slices.Clone(objects.Namespaces)
	}
	for i := range p.Topology.Nodes {
		g.nodes = append(g.nodes, fault.NodeName(i))
	}
	if g.content.rich {
		for _, name := range g.nodes {
			n := *g.describe(name)
			n.Name = name
			p.Nodes = append(p.Nodes, n)
		}
	}
	g.fixedNodes = min(p.Topology.Agents, len(g.nodes))
	if len(objects.Nodes) > 0 {
		g.nodes = slices.Clone(objects.Nodes)
		g.fixedNodes = len(g.nodes)
	}
	for i := range 3 {
		g.spareNodes = append(g.spareNodes, fmt.Sprintf("extra%d", i))
	}
	g.pods = objects.Running(p.Options.EndpointSlices)
	for i := 0; len(g.freeIPs) < s.ips(); i++ {
		ip := fmt.Sprintf("10.%d.%d.%d", i/(250*256), i/250%256, i%250+1)
		if !objects.IPs[ip] && !objects.IPs[asIPv6(ip)] {
			g.freeIPs = append(g.freeIPs, ip)
		}
	}
	return g
}

func (g *generator) step(s step) {
	switch s.what {
	case "pod":
		g.podStep(s)
	case "node":
		g.nodeStep(s)
	case "namespace":
		g.deleteNamespace(s)
	case "content":
		g.contentStep(s)
	}
}

// podStep keeps the number of pods between fewestPods and mostPods. Of five steps
// in between, two create, two delete and one relabels.
func (g *generator) podStep(s step) {
	switch {
	case g.replaced != nil:
		g.deletePod(s.at, *g.replaced)
	case len(g.pods) <= g.shape.fewestPods() || s.verb < 40 && len(g.pods) < g.shape.mostPods():
		g.emit(s.at, fault.PodCreate, g.newPod(s.intent))
	case s.verb < 80:
		g.deletePod(s.at, g.pods[s.pick%len(g.pods)])
	default:
		pod := &g.pods[s.pick%len(g.pods)]
		pod.App = g.otherApp(pod.App, s.app)
		g.emit(s.at, fault.PodRelabel, &fault.Pod{Namespace: pod.Namespace, Name: pod.Name, App: pod.App})
	}
}

// newPod makes a pod of the intent. Its name is the first free one of its app,
// or, if the app has as many pods as it may, one that is used once.
func (g *generator) newPod(in intent) *fault.Pod {
	g.made++
	pod := fault.Pod{
		Namespace: g.namespaces[in.namespace%len(g.namespaces)],
		App:       appName(in.app % g.shape.apps),
		Node:      g.nodes[in.node%len(g.nodes)],
	}
	g.name(&pod, in)
	pod.IP = g.takeIP(in)
	if g.content.rich {
		pod.IP = asIPv4(pod.IP)
		addFamilies(&pod, in)
		pod.Ports = portsOf(in.app % g.shape.apps)
	}
	g.pods = append(g.pods, pod)
	return &pod
}

// name gives a pod the name of a given one that was deleted, one time in two: it comes back,
// perhaps on another node and with another identity. Else it is of the app's names.
func (g *generator) name(pod *fault.Pod, in intent) {
	if n := len(g.gone); n > 0 && in.pick%2 == 0 {
		i := in.pick / 2 % n
		pod.Namespace, pod.Name = g.gone[i].Namespace, g.gone[i].Name
		g.gone = slices.Delete(g.gone, i, i+1)
		return
	}
	pod.Name = fmt.Sprintf("%s-x%d", pod.App, g.made)
	for i := range podsPerApp {
		if name := fmt.Sprintf("%s-%d", pod.App, i); !g.exists(pod.Namespace, name) {
			pod.Name = name
			break
		}
	}
}

// otherApp returns an app that is not the given one.
func (g *generator) otherApp(app string, choice int) string {
	if other := appName(choice % (g.shape.apps - 1)); other != app {
		return other
	}
	return appName(g.shape.apps - 1)
}

func (g *generator) exists(namespace, name string) bool {
	return g.given.Pods[namespace+"/"+name] ||
		slices.ContainsFunc(g.pods, func(p fault.Pod) bool { return p.Namespace == namespace && p.Name == name })
}

// takeIP returns, with even odds, the IP that was freed last or any free one. One
// time in eight, during the ops, it is the IP of a pod that still lives and is
// deleted by the next op: the order in which a cluster shows a fast reuse.
func (g *generator) takeIP(in intent) string {
	if in.ip%8 == 0 && len(g.plan.Ops) > 0 && len(g.pods) > g.shape.fewestPods() && g.pods[in.pick%len(g.pods)].IP != "" {
		g.replaced = new(g.pods[in.pick%len(g.pods)])
		return g.replaced.IP
	}
	i := len(g.freeIPs) - 1
	if in.ip%2 == 0 {
		i = in.ip / 8 % len(g.freeIPs)
	}
	ip := g.freeIPs[i]
	g.freeIPs = slices.Delete(g.freeIPs, i, i+1)
	return ip
}

func (g *generator) deletePod(at fault.Duration, pod fault.Pod) {
	g.forget(pod)
	g.emit(at, fault.PodDelete, &fault.Pod{Namespace: pod.Namespace, Name: pod.Name})
}

// forget takes a pod from the live ones; its IP is free unless another has it.
func (g *generator) forget(pod fault.Pod) {
	g.pods = slices.DeleteFunc(g.pods, func(p fault.Pod) bool { return p.Namespace == pod.Namespace && p.Name == pod.Name })
	if g.replaced != nil && g.replaced.Namespace == pod.Namespace && g.replaced.Name == pod.Name {
		g.replaced = nil
	}
	if g.given.Pods[pod.Namespace+"/"+pod.Name] {
		g.gone = append(g.gone, pod)
	}
	g.free(pod)
}

// free makes the IP that a pod had free, unless another has it.
func (g *generator) free(pod fault.Pod) {
	ip := asIPv4(pod.IP)
	if ip != "" && !slices.ContainsFunc(g.pods, func(p fault.Pod) bool { return asIPv4(p.IP) == ip }) {
		g.freeIPs = append(g.freeIPs, ip)
	}
}

// nodeStep deletes a node without an agent, or creates one: a new one, or a
// deleted one again. Pods on a deleted node stay until their own deletion, as
// they do in a cluster until garbage collection.
func (g *generator) nodeStep(s step) {
	deletable := len(g.nodes) - g.fixedNodes
	if deletable > 0 && (s.verb < 50 || len(g.spareNodes) == 0) {
		i := g.fixedNodes + s.node%deletable
		name := g.nodes[i]
		g.nodes = slices.Delete(g.nodes, i, i+1)
		g.spareNodes = append(g.spareNodes, name)
		g.plan.Ops = append(g.plan.Ops, fault.Op{At: s.at, Op: fault.NodeDelete, Name: name})
		return
	}
	i := s.node % len(g.spareNodes)
	name := g.spareNodes[i]
	g.spareNodes = slices.Delete(g.spareNodes, i, i+1)
	g.nodes = append(g.nodes, name)
	op := fault.Op{At: s.at, Op: fault.NodeCreate, Name: name}
	if g.content.rich {
		op.Node = g.describe(name)
	}
	g.plan.Ops = append(g.plan.Ops, op)
}

// deleteNamespace deletes a namespace that holds pods of the workload and was not
// given, if there is one. Later pods may bring it back.
func (g *generator) deleteNamespace(s step) {
	candidates := g.withPods()
	if len(candidates) == 0 {
		return
	}
	namespace := candidates[s.namespace%len(candidates)]
	for _, pod := range slices.Clone(g.pods) {
		if pod.Namespace == namespace {
			g.forget(pod)
		}
	}
	delete(g.content.hidden, namespace)
	g.plan.Ops = append(g.plan.Ops, fault.Op{At: s.at, Op: fault.NamespaceDelete, Name: namespace})
}

// withPods are the namespaces that hold pods of the workload and were not given.
func (g *generator) withPods() (names []string) {
	for _, namespace := range g.namespaces {
		holdsPods := slices.ContainsFunc(g.pods, func(p fault.Pod) bool { return p.Namespace == namespace })
		if holdsPods && !slices.Contains(g.given.Namespaces, namespace) {
			names = append(names, namespace)
		}
	}
	return names
}

func (g *generator) emit(at fault.Duration, kind fault.OpKind, pod *fault.Pod) {
	g.plan.Ops = append(g.plan.Ops, fault.Op{At: at, Op: kind, Pod: pod})
}
