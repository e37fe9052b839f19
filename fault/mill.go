package fault

import (
	"fmt"
	"slices"
)

// Pools from which names and IPs are taken. They are little larger than what is
// in use at a time.
const (
	podsPerApp = 3 // per namespace: names app0-0 to app0-2
)

func (s shape) ips() int        { return s.pods*7/5 + 2 } // 10.0.0.1 and on, moved past given IPs
func (s shape) fewestPods() int { return s.pods * 3 / 4 }
func (s shape) mostPods() int   { return s.pods*5/4 + 1 }

// A mill turns intents into ops that are possible one after the other.
type mill struct {
	plan       *Plan
	shape      shape
	given      given
	namespaces []string // that pods are created in
	nodes      []string // in the order of their creation
	fixedNodes int      // the first of nodes, on which agents run, are never deleted
	spareNodes []string // names of nodes that can be created
	made       int      // pods so far
	pods       []Pod    // alive, in the order of their creation
	freeIPs    []string // the one freed last at the end
	doomed     *Pod     // a live pod whose IP a younger pod has; it is deleted next
}

func newMill(p *Plan, s shape, objects given) *mill {
	m := &mill{plan: p, shape: s, given: objects}
	for i := range s.namespaces {
		m.namespaces = append(m.namespaces, namespaceName(i))
	}
	if len(objects.namespaces) > 0 {
		m.namespaces = slices.Clone(objects.namespaces)
	}
	for i := range p.Topology.Nodes {
		m.nodes = append(m.nodes, NodeName(i))
	}
	m.fixedNodes = min(p.Topology.Agents, len(m.nodes))
	if len(objects.nodes) > 0 {
		m.nodes = slices.Clone(objects.nodes)
		m.fixedNodes = len(m.nodes)
	}
	for i := range 3 {
		m.spareNodes = append(m.spareNodes, fmt.Sprintf("extra%d", i))
	}
	for i := 0; len(m.freeIPs) < s.ips(); i++ {
		ip := fmt.Sprintf("10.%d.%d.%d", i/(250*256), i/250%256, i%250+1)
		if !objects.ips[ip] {
			m.freeIPs = append(m.freeIPs, ip)
		}
	}
	return m
}

func (m *mill) step(s step) {
	switch s.what {
	case "pod":
		m.podStep(s)
	case "node":
		m.nodeStep(s)
	case "namespace":
		m.deleteNamespace(s)
	}
}

// podStep keeps the number of pods between fewestPods and mostPods. Of five steps
// in between, two create, two delete and one relabels.
func (m *mill) podStep(s step) {
	switch {
	case m.doomed != nil:
		m.deletePod(s.at, *m.doomed)
	case len(m.pods) <= m.shape.fewestPods() || s.verb < 40 && len(m.pods) < m.shape.mostPods():
		m.emit(s.at, PodCreate, m.newPod(s.intent))
	case s.verb < 80:
		m.deletePod(s.at, m.pods[s.pick%len(m.pods)])
	default:
		pod := &m.pods[s.pick%len(m.pods)]
		pod.App = m.otherApp(pod.App, s.app)
		m.emit(s.at, PodRelabel, &Pod{Namespace: pod.Namespace, Name: pod.Name, App: pod.App})
	}
}

// newPod makes a pod of the intent. Its name is the first free one of its app,
// or, if the app has as many pods as it may, one that is used once.
func (m *mill) newPod(in intent) *Pod {
	m.made++
	pod := Pod{
		Namespace: m.namespaces[in.namespace%len(m.namespaces)],
		App:       appName(in.app % m.shape.apps),
		Node:      m.nodes[in.node%len(m.nodes)],
	}
	pod.Name = fmt.Sprintf("%s-x%d", pod.App, m.made)
	for i := range podsPerApp {
		if name := fmt.Sprintf("%s-%d", pod.App, i); !m.exists(pod.Namespace, name) {
			pod.Name = name
			break
		}
	}
	pod.IP = m.takeIP(in)
	m.pods = append(m.pods, pod)
	return &pod
}

// otherApp returns an app that is not the given one.
func (m *mill) otherApp(app string, choice int) string {
	if other := appName(choice % (m.shape.apps - 1)); other != app {
		return other
	}
	return appName(m.shape.apps - 1)
}

func (m *mill) exists(namespace, name string) bool {
	return m.given.pods[namespace+"/"+name] ||
		slices.ContainsFunc(m.pods, func(p Pod) bool { return p.Namespace == namespace && p.Name == name })
}

// takeIP returns, with even odds, the IP that was freed last or any free one. One
// time in eight, during the ops, it is the IP of a pod that still lives and is
// deleted by the next op: the order in which a cluster shows a fast reuse.
func (m *mill) takeIP(in intent) string {
	if in.ip%8 == 0 && len(m.plan.Ops) > 0 && len(m.pods) > m.shape.fewestPods() {
		m.doomed = new(m.pods[in.pick%len(m.pods)])
		return m.doomed.IP
	}
	i := len(m.freeIPs) - 1
	if in.ip%2 == 0 {
		i = in.ip / 8 % len(m.freeIPs)
	}
	ip := m.freeIPs[i]
	m.freeIPs = slices.Delete(m.freeIPs, i, i+1)
	return ip
}

func (m *mill) deletePod(at Duration, pod Pod) {
	m.forget(pod)
	m.emit(at, PodDelete, &Pod{Namespace: pod.Namespace, Name: pod.Name})
}

// forget takes a pod from the live ones; its IP is free unless another has it.
func (m *mill) forget(pod Pod) {
	m.pods = slices.DeleteFunc(m.pods, func(p Pod) bool { return p.Namespace == pod.Namespace && p.Name == pod.Name })
	if m.doomed != nil && m.doomed.Namespace == pod.Namespace && m.doomed.Name == pod.Name {
		m.doomed = nil
	}
	if !slices.ContainsFunc(m.pods, func(p Pod) bool { return p.IP == pod.IP }) {
		m.freeIPs = append(m.freeIPs, pod.IP)
	}
}

// nodeStep deletes a node without an agent, or creates one: a new one, or a
// deleted one again. Pods on a deleted node stay until their own deletion, as
// they do in a cluster until garbage collection.
func (m *mill) nodeStep(s step) {
	deletable := len(m.nodes) - m.fixedNodes
	if deletable > 0 && (s.verb < 50 || len(m.spareNodes) == 0) {
		i := m.fixedNodes + s.node%deletable
		name := m.nodes[i]
		m.nodes = slices.Delete(m.nodes, i, i+1)
		m.spareNodes = append(m.spareNodes, name)
		m.plan.Ops = append(m.plan.Ops, Op{At: s.at, Op: NodeDelete, Name: name})
		return
	}
	i := s.node % len(m.spareNodes)
	name := m.spareNodes[i]
	m.spareNodes = slices.Delete(m.spareNodes, i, i+1)
	m.nodes = append(m.nodes, name)
	m.plan.Ops = append(m.plan.Ops, Op{At: s.at, Op: NodeCreate, Name: name})
}

// deleteNamespace deletes a namespace that holds pods of the workload and was not
// given, if there is one. Later pods may bring it back.
func (m *mill) deleteNamespace(s step) {
	var candidates []string
	for _, namespace := range m.namespaces {
		holdsPods := slices.ContainsFunc(m.pods, func(p Pod) bool { return p.Namespace == namespace })
		if holdsPods && !slices.Contains(m.given.namespaces, namespace) {
			candidates = append(candidates, namespace)
		}
	}
	if len(candidates) == 0 {
		return
	}
	namespace := candidates[s.namespace%len(candidates)]
	for _, pod := range slices.Clone(m.pods) {
		if pod.Namespace == namespace {
			m.forget(pod)
		}
	}
	m.plan.Ops = append(m.plan.Ops, Op{At: s.at, Op: NamespaceDelete, Name: namespace})
}

func (m *mill) emit(at Duration, kind OpKind, pod *Pod) {
	m.plan.Ops = append(m.plan.Ops, Op{At: at, Op: kind, Pod: pod})
}
