package workload

import (
	"context"
	"sync"
)

// nodes are kubelet and Cilium's agent on every node, where operators manage the
// identities: they bring pods up, as far as the kube-apiserver sees it, and take
// them down.
//
// A pod waits for its identity without holding up the workload's other steps. What
// is done for one pod is done in order.
type nodes struct {
	api        api
	identities *identityWatch
	tasks      map[*pod]task // the last one of each pod; used by the workload's goroutine only
	running    sync.WaitGroup
}

// task is the care for one pod.
type task struct {
	giveUp context.CancelFunc // waiting for the identity; what is being written is finished
	done   chan struct{}
}

func newNodes(a api) *nodes {
	return &nodes{api: a, identities: newIdentityWatch(), tasks: map[*pod]task{}}
}

// bring makes the endpoint of the pod what its labels say, and the pod running if
// it is not yet: the agent waits for an identity with these labels and writes the
// CiliumEndpoint, and the kubelet, to which it then has returned, writes the pod's
// addresses.
func (n *nodes) bring(ctx context.Context, p *pod, labels map[string]string) {
	n.leave(p)
	waiting, giveUp := context.WithCancel(ctx)
	t := task{giveUp, make(chan struct{})}
	n.tasks[p] = t
	n.running.Go(func() {
		defer close(t.done)
		defer giveUp()
		id, ok := n.identities.wait(waiting, labels)
		if !ok {
			return
		}
		p.identity = &identity{id: id, labels: labels}
		n.api.writeEndpoint(ctx, p)
		if !p.running {
			n.api.runPod(ctx, p)
			p.running = true
		}
	})
}

// take removes the pod as kubelet and agent do when it was deleted.
func (n *nodes) take(ctx context.Context, p *pod) {
	n.leave(p)
	n.api.deleteEndpoint(ctx, p.namespace, p.name)
	n.api.deletePod(ctx, p.namespace, p.name)
}

// leave ends the care for the pod and returns when nothing is done for it any more.
func (n *nodes) leave(p *pod) {
	t, ok := n.tasks[p]
	if !ok {
		return
	}
	delete(n.tasks, p)
	t.giveUp()
	<-t.done
}

// settle returns when no pod waits any more.
func (n *nodes) settle() { n.running.Wait() }
