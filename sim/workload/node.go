package workload

import (
	"context"
	"sync"
	"time"
)

// nodes are kubelet and Cilium's agent on every node, where operators manage the
// identities: they bring pods up, as far as the kube-apiserver sees it, and take
// them down.
//
// The next step for a pod ends its wait for an identity.
type nodes struct {
	identities *identityWatch
	allocate   bool                       // agents make identities that are missing
	jitter     func(podKey) time.Duration // for how long an agent waits that hears of other labels

	mu         sync.Mutex
	allocating map[string]chan struct{} // by node and labels; closed when it is done
}

func newNodes() *nodes {
	return &nodes{identities: newIdentityWatch(), allocating: map[string]chan struct{}{}}
}

// cares are what is being done for pods, in order for each.
type cares struct {
	mu   sync.Mutex
	last map[*pod]care
}

// care is what is done for one pod until it runs as it should.
type care struct {
	giveUp context.CancelFunc // waiting; what is being written is finished
	done   chan struct{}
}

// begin ends the care for the pod, and begins another one: waiting is done when that is to be
// given up, and done is to be called when it is over.
func (c *cares) begin(ctx context.Context, p *pod) (waiting context.Context, done func()) {
	c.leave(p)
	waiting, giveUp := context.WithCancel(ctx)
	now := care{giveUp, make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last[p] = now
	return waiting, func() {
		giveUp()
		close(now.done)
	}
}

// leave ends the care for the pod and returns when nothing is done for it any more.
func (c *cares) leave(p *pod) {
	c.mu.Lock()
	now, ok := c.last[p]
	delete(c.last, p)
	c.mu.Unlock()
	if ok {
		now.giveUp()
		<-now.done
	}
}

// bring makes the endpoint of the pod what its labels say, and the pod running if
// it is not yet: the agent waits for an identity with these labels and writes the
// CiliumEndpoint, and the kubelet, to which it then has returned, writes the pod's
// addresses. Then, or when something else is to be done for the pod, this is over.
func (w *Workload) bring(ctx context.Context, a api, p *pod, labels map[string]string, over func(why string)) {
	w.bringAfter(ctx, a, p, labels, 0, over)
}

// bringAfter is bring by an agent that waits before it looks for the identity.
func (w *Workload) bringAfter(ctx context.Context, a api, p *pod, labels map[string]string, wait time.Duration, over func(why string)) {
	waiting, done := w.cares.begin(ctx, p)
	w.running.Go(func() {
		defer done()
		sleep(waiting, wait)
		id, ok := w.identityOn(waiting, a, p.node, labels)
		if !ok {
			over("superseded")
			return
		}
		p.identity = &identity{id: id, labels: labels}
		a.writeEndpoint(ctx, p)
		if !p.running {
			a.runPod(ctx, p)
			p.running = true
		}
		over("")
	})
}

// identityOn returns the numeric identity of labels as a node's agent learns it, or false when ctx is done. An
// agent gives up after a while, and is asked again: the identity that it has made may be gone before it hears of it.
func (w *Workload) identityOn(ctx context.Context, a api, node string, labels map[string]string) (id int, ok bool) {
	for !ok && ctx.Err() == nil {
		bounded, cancel := context.WithTimeout(ctx, allocationTimeout)
		if w.nodes.allocate {
			w.allocateIdentity(bounded, a, node, labels)
		}
		id, ok = w.nodes.identities.wait(bounded, labels)
		cancel()
	}
	return id, ok
}
