package kvstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cilium/cilium/api/v1/models"
	nodeTypes "github.com/cilium/cilium/pkg/node/types"
)

// Endpoint is an endpoint of a node: a pod's.
type Endpoint struct {
	Namespace, Pod, ServiceAccount string
	IPs                            []string
	HostIP                         string
	Key                            int // of encryption
	Ports                          models.NamedPorts
	labels                         []string // that make its identity
}

// Host is the node of an agent, over its restarts: what it is called, the endpoints whose
// state cilium-agent keeps on the node's disk, and the requests of the kubelet's CNI
// plugin, which wait for an agent.
type Host struct {
	// assigned is told of each identity that an endpoint gets, before it is made known.
	assigned func(ep *Endpoint, id uint32, labels []string)

	mu      sync.Mutex
	is      nodeTypes.Node
	notify  func() // the agent that runs has to make the node known anew; nil if there is none
	all     []*Endpoint
	running *endpoints    // of the agent that runs, or nil
	changed chan struct{} // closed when another agent runs
}

// NewHost returns a node without endpoints.
func NewHost(is nodeTypes.Node, assigned func(ep *Endpoint, id uint32, labels []string)) *Host {
	return &Host{assigned: assigned, is: is, changed: make(chan struct{})}
}

// Is makes the node another one of the same name, which an agent that runs makes known.
func (h *Host) Is(node nodeTypes.Node) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.is = node
	if h.notify != nil {
		h.notify()
	}
}

func (h *Host) name() string { h.mu.Lock(); defer h.mu.Unlock(); return h.is.Name }
func (h *Host) ip() string   { h.mu.Lock(); defer h.mu.Unlock(); return h.is.GetNodeIP(false).String() }

func (h *Host) node() *nodeTypes.Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.is.DeepCopy()
}

// watch makes the host call notify when the node changes.
func (h *Host) watch(notify func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notify = notify
}

// Restore makes an endpoint one that the node has had since before its first agent.
func (h *Host) Restore(ep Endpoint, labels []string) *Endpoint {
	ep.labels = labels
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, &ep)
	return &ep
}

// attach makes a process that of the node. It restores the endpoints that are there
// (pkg/endpoint/restore.go), each by itself, again and again until it has an identity.
func (h *Host) attach(e *endpoints) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = e
	close(h.changed)
	h.changed = make(chan struct{})
	for _, ep := range h.all {
		go h.restore(e, ep)
	}
}

func (h *Host) restore(e *endpoints, ep *Endpoint) {
	labels := func() []string { h.mu.Lock(); defer h.mu.Unlock(); return ep.labels }
	for retries := time.Duration(1); ; retries++ {
		if err := e.restore(e.ctx, ep, labels); err == nil || e.ctx.Err() != nil {
			return
		}
		if sleep(e.ctx, retries*time.Second); e.ctx.Err() != nil {
			return
		}
	}
}

func (h *Host) detach(e *endpoints) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running == e {
		h.running = nil
		close(h.changed)
		h.changed = make(chan struct{})
	}
}

// agent waits for an agent that runs. It returns nil if ctx is done.
func (h *Host) agent(ctx context.Context) *endpoints {
	for {
		h.mu.Lock()
		running, changed := h.running, h.changed
		h.mu.Unlock()
		if running != nil {
			return running
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// retry is how long the kubelet waits before it asks again.
const retry = time.Second

// Add is the CNI plugin's request for a new endpoint: it returns when that has an
// identity, or when ctx is done.
func (h *Host) Add(ctx context.Context, new Endpoint, labels []string) *Endpoint {
	new.labels = labels
	ep := &new
	h.demand(ctx, ep, labels, func() {
		if !slices.Contains(h.all, ep) {
			h.all = append(h.all, ep)
		}
	})
	return ep
}

// Relabel is what the agent does when the labels of its pod change.
func (h *Host) Relabel(ctx context.Context, ep *Endpoint, labels []string) {
	h.demand(ctx, ep, labels, func() { ep.labels = labels })
}

// demand asks one agent after the other to give the endpoint the identity of labels. It is
// kept, as on the disk, when one has done so.
func (h *Host) demand(ctx context.Context, ep *Endpoint, labels []string, keep func()) {
	for {
		e := h.agent(ctx)
		if e == nil {
			return
		}
		asked, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(e.ctx, cancel)
		err := e.identify(asked, ep, labels)
		stop()
		cancel()
		if err == nil {
			h.mu.Lock()
			keep()
			h.mu.Unlock()
			return
		}
		if sleep(ctx, retry); ctx.Err() != nil {
			return
		}
	}
}

// Remove is the CNI plugin's request to end an endpoint. It returns when an agent has
// done so, or when ctx is done.
func (h *Host) Remove(ctx context.Context, ep *Endpoint) {
	forget := func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = slices.DeleteFunc(h.all, func(other *Endpoint) bool { return other == ep })
	}
	for {
		e := h.agent(ctx)
		if e == nil || e.leave(ep, forget) {
			return
		}
		if sleep(ctx, retry); ctx.Err() != nil {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
