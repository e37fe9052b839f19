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
// The next step for a pod ends its wait for an identity. What is done for one pod is
// done in order.
type nodes struct {
	identities *identityWatch
	allocate   bool                       // agents make identities that are missing
	jitter     func(podKey) time.Duration // for how long an agent waits that hears of other labels

	mu         sync.Mutex
	care       map[*pod]care            // the last one of each pod
	allocating map[string]chan struct{} // by node and labels; closed when it is done
}

// care is what is done for one pod until it runs with the right identity.
type care struct {
	giveUp context.CancelFunc // waiting for the identity; what is being written is finished
	done   chan struct{}
}

func newNodes() *nodes {
	return &nodes{identities: newIdentityWatch(), care: map[*pod]care{}, allocating: map[string]chan struct{}{}}
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
	n := w.nodes
	n.leave(p)
	waiting, giveUp := context.WithCancel(ctx)
	c := care{giveUp, make(chan struct{})}
	n.mu.Lock()
	n.care[p] = c
	n.mu.Unlock()
	w.running.Go(func() {
		defer close(c.done)
		defer giveUp()
		sleep(waiting, wait)
		if n.allocate && waiting.Err() == nil {
			w.allocateIdentity(waiting, a, p.node, labels)
		}
		id, ok := n.identities.wait(waiting, labels)
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

// take removes the pod as kubelet and agent do when it was deleted.
func (n *nodes) take(ctx context.Context, a api, p *pod) {
	n.leave(p)
	a.deleteEndpoint(ctx, p.namespace, p.name)
	a.deleteEnded(ctx, p)
}

// leave ends the care for the pod and returns when nothing is done for it any more.
func (n *nodes) leave(p *pod) {
	n.mu.Lock()
	c, ok := n.care[p]
	delete(n.care, p)
	n.mu.Unlock()
	if ok {
		c.giveUp()
		<-c.done
	}
}
