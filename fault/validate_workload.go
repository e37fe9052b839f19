package fault

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// A cluster is what the workload has made of the world at one instant. Two pods
// may have the same IP: a cluster shows this when an IP is given to a new pod
// before the old pod's endpoint is gone.
type cluster struct {
	given      Given
	startNodes int
	agents     int
	namespaces map[string]bool
	nodes      map[string]bool
	pods       map[string]string   // namespace/name -> namespace
	running    map[string]bool     // pods of the objects given, until they are deleted
	services   map[string]*Service // by "namespace/name"
	policies   map[string]string   // key -> namespace, "" of the cluster's
	described  map[string]bool     // nodes at the start of which the plan says what they have
}

// checkWorkload plays the workload on names alone and returns its first step
// that cannot be done.
func checkWorkload(p *Plan, objects Given) *flaw {
	c := newCluster(p, objects)
	for i := range p.Nodes {
		if problem := c.content("nodes["+strconv.Itoa(i)+"]", &p.Nodes[i]); problem != nil {
			return problem
		}
	}
	for i := range p.Pods {
		if problem := c.create("pods["+strconv.Itoa(i)+"]", &p.Pods[i]); problem != nil {
			return problem
		}
	}
	for i := range p.Services {
		if problem := c.service("services["+strconv.Itoa(i)+"]", &p.Services[i], ServiceCreate); problem != nil {
			return problem
		}
	}
	for i := range p.Policies {
		if problem := c.policy("policies["+strconv.Itoa(i)+"]", &p.Policies[i], PolicyCreate); problem != nil {
			return problem
		}
	}
	previous := Duration(0)
	for i := range p.Ops {
		op, path := &p.Ops[i], "ops["+strconv.Itoa(i)+"]"
		if problem := checkTime(p, path+".at", op.At, previous); problem != nil {
			return problem
		}
		previous = op.At
		if op.When != nil {
			if problem := checkTrigger(p, path+".when", op.When); problem != nil {
				return problem
			}
		}
		if problem := c.apply(path, op); problem != nil {
			return problem
		}
	}
	return nil
}

// newCluster is what exists before the pods at the start.
func newCluster(p *Plan, objects Given) *cluster {
	c := &cluster{
		given:      objects,
		startNodes: p.Topology.Nodes,
		agents:     p.Topology.Agents,
		namespaces: map[string]bool{},
		nodes:      map[string]bool{},
		pods:       map[string]string{},
		running:    map[string]bool{},
		described:  map[string]bool{},
		services:   map[string]*Service{},
		policies:   map[string]string{},
	}
	for _, pod := range objects.Running(p.Options.EndpointSlices) {
		c.pods[pod.Namespace+"/"+pod.Name] = pod.Namespace
		c.running[pod.Namespace+"/"+pod.Name] = true
	}
	for i := range p.Topology.Nodes {
		c.nodes[NodeName(i)] = true
	}
	for _, node := range objects.Nodes {
		c.nodes[node] = true
	}
	for _, namespace := range objects.Namespaces {
		c.namespaces[namespace] = true
	}
	return c
}

// Repair makes the workload possible again after something that it needs was left out: a
// pod whose node is missing moves to another one, and a step that cannot be done is left
// out. What it cannot repair is for [Plan.Validate] to refuse.
func (p *Plan) Repair() {
	objects, _ := survey(p.Objects, p.Options.ClusterID)
	c := newCluster(p, objects)
	refuge := NodeName(0)
	if p.Topology.Nodes == 0 && len(objects.Nodes) > 0 {
		refuge = objects.Nodes[len(objects.Nodes)-1]
	}
	settle := func(pod *Pod) {
		if !c.nodes[pod.Node] {
			pod.Node = refuge
		}
	}
	nodes, pods, services, policies, ops := p.Nodes[:0], p.Pods[:0], p.Services[:0], p.Policies[:0], p.Ops[:0]
	for _, node := range p.Nodes {
		if c.content("", &node) == nil {
			nodes = append(nodes, node)
		}
	}
	for _, pod := range p.Pods {
		settle(&pod)
		if c.create("", &pod) == nil {
			pods = append(pods, pod)
		}
	}
	for _, service := range p.Services {
		if c.service("", &service, ServiceCreate) == nil {
			services = append(services, service)
		}
	}
	for _, policy := range p.Policies {
		if c.policy("", &policy, PolicyCreate) == nil {
			policies = append(policies, policy)
		}
	}
	for _, op := range p.Ops {
		if op.Pod != nil && (op.Op == PodCreate || (op.Op == PodUpdate || op.Op == PodReplace) && op.Pod.Node != "") {
			settle(op.Pod)
		}
		if c.apply("", &op) == nil {
			ops = append(ops, op)
		}
	}
	p.Nodes, p.Pods, p.Services, p.Policies, p.Ops = nodes, pods, services, policies, ops
}

func (c *cluster) apply(path string, op *Op) *flaw {
	switch op.Op {
	case PodCreate, PodDelete, PodRelabel, PodUpdate, PodReplace:
		if op.Pod == nil {
			return flawf(path+".pod", "a %s needs the pod", op.Op)
		}
		if op.Name != "" {
			return flawf(path+".name", "a %s names its pod in the field pod, not here", op.Op)
		}
	case NodeCreate, NodeDelete, NodeUpdate, NamespaceDelete, NamespaceAnnotate:
		if op.Pod != nil {
			return flawf(path+".pod", "a %s concerns no pod", op.Op)
		}
		if problem := checkName(path+".name", op.Name); problem != nil {
			return problem
		}
	case ServiceCreate, ServiceUpdate, ServiceDelete:
		switch {
		case op.Service == nil:
			return flawf(path+".service", "a %s needs the service", op.Op)
		case op.Pod != nil || op.Name != "":
			return flawf(path, "a %s names its service in the field service, and nothing else", op.Op)
		}
	case PolicyCreate, PolicyUpdate, PolicyDelete:
		switch {
		case op.Policy == nil:
			return flawf(path+".policy", "a %s needs the policy", op.Op)
		case op.Pod != nil || op.Name != "":
			return flawf(path, "a %s names its policy in the field policy, and nothing else", op.Op)
		}
	}
	if op.Policy != nil && !op.Op.OfPolicy() {
		return flawf(path+".policy", "a %s concerns no policy", op.Op)
	}
	if op.Service != nil && !op.Op.OfService() {
		return flawf(path+".service", "a %s concerns no service", op.Op)
	}
	if op.Late != 0 && op.Op != PodReplace {
		return flawf(path+".late", "a %s has nothing that ends late", op.Op)
	}
	if op.Late < 0 || op.Late > mostLate {
		return flawf(path+".late", "found %s; want up to %s", op.Late, mostLate)
	}
	if op.Node != nil && op.Op != NodeCreate && op.Op != NodeUpdate {
		return flawf(path+".node", "a %s takes no content of a node", op.Op)
	}
	if op.Global != nil && op.Op != NamespaceAnnotate {
		return flawf(path+".global", "a %s annotates no namespace", op.Op)
	}
	switch op.Op {
	case PodCreate:
		return c.create(path+".pod", op.Pod)
	case PodUpdate:
		return c.update(path+".pod", op.Pod)
	case PodReplace:
		return c.replace(path+".pod", op.Pod)
	case NodeUpdate:
		return c.updateNode(path, op)
	case NamespaceAnnotate:
		return c.annotate(path, op)
	case PodDelete:
		return c.delete(path+".pod", op.Pod)
	case PodRelabel:
		return c.relabel(path+".pod", op.Pod)
	case NodeCreate:
		return c.createNode(path, op)
	case NodeDelete:
		return c.deleteNode(path+".name", op.Name)
	case NamespaceDelete:
		return c.deleteNamespace(path+".name", op.Name)
	case ServiceCreate, ServiceUpdate, ServiceDelete:
		return c.service(path+".service", op.Service, op.Op)
	case PolicyCreate, PolicyUpdate, PolicyDelete:
		return c.policy(path+".policy", op.Policy, op.Op)
	}
	return flawf(path+".op", "the op %s does not exist; the ops are %s", strictjson.Quote(string(op.Op)), opNames())
}

// opNames lists the kinds of steps.
func opNames() string {
	var names []string
	for _, kind := range OpKinds {
		names = append(names, string(kind))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func (c *cluster) create(path string, pod *Pod) *flaw {
	for _, field := range []struct{ name, value string }{
		{"namespace", pod.Namespace}, {"name", pod.Name}, {"app", pod.App}, {"node", pod.Node},
	} {
		if problem := checkName(path+"."+field.name, field.value); problem != nil {
			return problem
		}
	}
	if !IsNamespaceName(pod.Namespace) {
		return flawf(path+".namespace", "%s is not a name that Kubernetes accepts for a namespace: it may not hold '.' and has at most 63 characters", strictjson.Quote(pod.Namespace))
	}
	if problem := checkPodContent(path, pod); problem != nil {
		return problem
	}
	key := pod.Namespace + "/" + pod.Name
	running, surveyed := c.running[key]
	if c.given.Pods[key] && (running || !surveyed) {
		return flawf(path+".name", "the pod %s is among the objects given", key)
	}
	if _, exists := c.pods[key]; exists {
		return flawf(path+".name", "the pod %s exists already at that time", key)
	}
	if !c.nodes[pod.Node] {
		return flawf(path+".node", "the node %s does not exist at that time; the plan starts with %s", pod.Node, c.nodesAtTheStart())
	}
	c.pods[key] = pod.Namespace
	c.namespaces[pod.Namespace] = true
	return nil
}

func (c *cluster) delete(path string, pod *Pod) *flaw {
	if pod.App != "" || pod.Node != "" || pod.IP != "" || len(pod.MoreIPs)+len(pod.Ports) > 0 {
		return flawf(path, "a %s takes the pod's namespace and name only", PodDelete)
	}
	if problem := c.existing(path, pod); problem != nil {
		return problem
	}
	key := pod.Namespace + "/" + pod.Name
	delete(c.pods, key)
	if c.running[key] {
		c.running[key] = false
	}
	return nil
}

func (c *cluster) relabel(path string, pod *Pod) *flaw {
	if pod.Node != "" || pod.IP != "" || len(pod.MoreIPs)+len(pod.Ports) > 0 {
		return flawf(path, "a %s takes the pod's namespace, name and new app only", PodRelabel)
	}
	if problem := checkName(path+".app", pod.App); problem != nil {
		return problem
	}
	return c.existing(path, pod)
}

func (c *cluster) existing(path string, pod *Pod) *flaw {
	key := pod.Namespace + "/" + pod.Name
	if _, exists := c.pods[key]; exists {
		return nil
	}
	if _, running := c.running[key]; c.given.Pods[key] && !running {
		return flawf(path+".name", "the pod %s is among the objects given, but has no endpoint of which agents hear: the workload leaves it alone", key)
	}
	return flawf(path+".name", "the pod %s does not exist at that time", key)
}

func (c *cluster) createNode(path string, op *Op) *flaw {
	if c.nodes[op.Name] {
		return flawf(path+".name", "the node %s exists already at that time", op.Name)
	}
	c.nodes[op.Name] = true
	if op.Node == nil {
		return nil
	}
	return checkNode(path+".node", op.Node, false)
}

func (c *cluster) deleteNode(path, name string) *flaw {
	if !c.nodes[name] {
		return flawf(path, "the node %s does not exist at that time", name)
	}
	for i := range c.agents {
		if name == NodeName(i) {
			return flawf(path, "the agent a%d runs on node %s; delete a node without an agent", i, name)
		}
	}
	delete(c.nodes, name)
	return nil
}

func (c *cluster) deleteNamespace(path, name string) *flaw {
	if !c.namespaces[name] {
		return flawf(path, "the namespace %s does not exist at that time", name)
	}
	for _, namespace := range c.given.Namespaces {
		if namespace == name {
			return flawf(path, "the namespace %s is among the objects given, which the workload leaves alone", name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.services)) {
		if c.services[key].Namespace == name {
			return flawf(path, "the namespace %s holds the service %s at that time", name, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.policies)) {
		if c.policies[key] == name {
			return flawf(path, "the namespace %s holds the policy %s at that time", name, key)
		}
	}
	delete(c.namespaces, name)
	for key, namespace := range c.pods {
		if namespace == name {
			delete(c.pods, key)
		}
	}
	return nil
}

func (c *cluster) nodesAtTheStart() string {
	var parts []string
	if c.startNodes > 0 {
		parts = append(parts, fmt.Sprintf("n0 to %s", NodeName(c.startNodes-1)))
	}
	if n := len(c.given.Nodes); n > 0 {
		parts = append(parts, fmt.Sprintf("the %d among its objects", n))
	}
	return strings.Join(parts, " and ")
}

// NodeName returns the name of a node at the start, by its number: agent a<i> runs on
// node n<i>.
func NodeName(i int) string { return "n" + strconv.Itoa(i) }

// NodeNumber returns the number of a node that is named as those at the start are.
func NodeNumber(name string) (number int, ok bool) {
	digits, ok := strings.CutPrefix(name, "n")
	if !ok {
		return 0, false
	}
	number, err := strconv.Atoi(digits)
	return number, err == nil && strconv.Itoa(number) == digits
}
