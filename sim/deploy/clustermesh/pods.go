package clustermesh

import (
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/meshcheck/meshcheck/internal/stream"
	"github.com/meshcheck/meshcheck/model/mode"
)

// pods are those of the replicas where agents dial them by their addresses. Each has an
// address of its own, or, on the network of a node, that of the node, which has the port of
// one of them. A new pod is elsewhere, so that who has the old one's address misses it.
type pods struct {
	seed      uint64
	onHosts   bool
	published func(replica string) bool // it is said to be ready

	mu      sync.Mutex
	list    []*pod         // in the order in which they were placed
	nodes   []*pod         // what is on each node, if they are on those
	last    map[string]int // by replica, the node that its last pod was on
	made    map[string]int // by replica, pods so far
	changed func()
}

// pod is a pod of a replica, from its placement until it is gone.
type pod struct {
	name, replica string
	ip            string
	node          int  // that it is on, if pods are on those; else -1
	ending        bool // it is stopping gracefully
}

// podState is what a kube-apiserver is told of a pod.
type podState struct {
	pod
	ready bool
}

func newPods(seed uint64, m mode.Mode, nodes int, published func(string) bool, changed func()) *pods {
	p := &pods{seed: seed, onHosts: m.OnHosts(), published: published, changed: changed, last: map[string]int{}, made: map[string]int{}}
	if p.onHosts {
		p.nodes = make([]*pod, nodes)
	}
	return p
}

// place places a new pod of a replica, if there is room for it.
func (p *pods) place(replica string) *pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, number := p.made[replica], mode.Number(replica)
	one := &pod{name: fmt.Sprintf("clustermesh-apiserver-%s-%d", replica, n), replica: replica, node: -1}
	if p.onHosts {
		if one.node = p.freeNode(replica, n); one.node < 0 {
			return nil
		}
		p.nodes[one.node], p.last[replica] = one, one.node
		one.ip = nodeIP(one.node)
	} else {
		one.ip = fmt.Sprintf("172.21.%d.%d", n%256, number+1)
	}
	p.made[replica]++
	p.list = append(p.list, one)
	p.changed()
	return one
}

func nodeIP(node int) string { return fmt.Sprintf("172.22.0.%d", node+1) }

// freeNode returns a node that has no pod, or -1: not that of the replica's last pod, if there
// is another one.
func (p *pods) freeNode(replica string, n int) int {
	var free []int
	for node, has := range p.nodes {
		if has == nil {
			free = append(free, node)
		}
	}
	if last, was := p.last[replica]; was && len(free) > 1 {
		free = slices.DeleteFunc(free, func(node int) bool { return node == last })
	}
	if len(free) == 0 {
		return -1
	}
	draw := stream.New().Number(p.seed).Number(uint64(n)).Text("node of ").Text(replica).Draw()
	return free[draw%uint64(len(free))]
}

// end notes that a pod is stopping.
func (p *pods) end(one *pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one.ending = true
	p.changed()
}

// remove notes that a pod is gone, if it is not yet.
func (p *pods) remove(one *pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.list, one)
	if i < 0 {
		return
	}
	p.list = slices.Delete(p.list, i, i+1)
	if one.node >= 0 {
		p.nodes[one.node] = nil
	}
	p.changed()
}

// states are what is to be published of the pods.
func (p *pods) states() (all []podState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.list {
		all = append(all, podState{*one, !one.ending && p.published(one.replica)})
	}
	return all
}

// at returns the replica whose pod has an address, or "".
func (p *pods) at(ip string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.list {
		if one.ip == ip {
			return one.replica
		}
	}
	return ""
}

// isNode reports whether an address is that of a node, which is there without a pod, too.
func (p *pods) isNode(ip string) bool {
	for node := range p.nodes {
		if nodeIP(node) == ip {
			return true
		}
	}
	return false
}

// replicas returns whose pods have addresses, in order of name; an address that nobody has is
// returned as it is.
func (p *pods) replicas(ips []string) (names []string) {
	for _, ip := range ips {
		name := p.at(ip)
		if name == "" {
			name = net.JoinHostPort(ip, "")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
