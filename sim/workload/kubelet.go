package workload

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshcheck/meshcheck/internal/stream"
	"github.com/meshcheck/meshcheck/sim/agent"
)

// CNI is the CNI plugin of the nodes whose agent is whole. There it is the agent that gives a
// pod its addresses, and that writes its CiliumEndpoint: see agent.Whole.
type CNI interface {
	On(node string) bool // the node is one of these
	Add(ctx context.Context, node string, s agent.Sandbox) (ips []string, err error)
	Del(ctx context.Context, node, container string) error
}

// whole reports whether a node's agent is whole.
func (w *Workload) whole(node string) bool { return w.cfg.CNI != nil && w.cfg.CNI.On(node) }

// How long a kubelet takes to begin with a pod that it hears of, and waits before it tries
// again (Kubernetes: pkg/kubelet, backOffPeriod with workerBackOffPeriodJitterFactor); and how long
// it waits for the container runtime, which waits for the plugin (four times runtimeRequestTimeout).
const (
	leastSandboxDelay, mostSandboxDelay = 100 * time.Millisecond, time.Second
	leastBackOff, mostBackOff           = 10 * time.Second, 15 * time.Second
	sandboxTimeout                      = 8 * time.Minute
)

// drawn returns a time between two for a pod that has had so many sandboxes.
func (w *Workload) drawn(p *pod, purpose string, least, most time.Duration) time.Duration {
	draw := stream.New().Number(w.seed).Text(purpose).Text(p.namespace + "/" + p.name).Number(uint64(p.sandboxes)).Draw()
	return least + time.Duration(draw%uint64(most-least))
}

// Begin starts the pods of the start that are on nodes of whole agents: such an agent has no
// endpoint that it was not asked for.
func (w *Workload) Begin(ctx context.Context) {
	w.mu.Lock()
	pods := w.cluster.podsWith(func(p *pod) bool { return w.whole(p.node) })
	w.mu.Unlock()
	for _, p := range pods {
		w.start(ctx, w.client(p.node), p, func(string) {})
	}
}

// Starting is how many pods kubelets of whole agents' nodes are about to start.
func (w *Workload) Starting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.starting
}

// start has a pod started by its node's kubelet, as long as nothing else is to be done for it:
// when its agent has an endpoint for it, the pod runs, with the addresses that it was given.
func (w *Workload) start(ctx context.Context, a api, p *pod, over func(why string)) {
	waiting, done := w.cares.begin(ctx, p)
	w.count(1)
	w.running.Go(func() {
		defer done()
		defer w.count(-1)
		sleep(waiting, w.drawn(p, "kubelet", leastSandboxDelay, mostSandboxDelay))
		if !p.running {
			a.acceptPod(ctx, p)
		}
		if !w.sandbox(ctx, waiting, a, p) {
			over("superseded")
			return
		}
		w.mu.Lock()
		if w.nodes == nil {
			w.cluster.place(p)
		}
		w.mu.Unlock()
		if w.nodes == nil && p.slice != nil {
			w.writeSlice(ctx, p.slice)
		}
		a.runPod(ctx, p)
		p.running = true
		over("")
	})
}

func (w *Workload) count(more int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starting += more
}

// sandbox makes a pod's sandbox, until that succeeds or waiting is done: one after the other, as
// what is left of one that failed is removed.
func (w *Workload) sandbox(ctx, waiting context.Context, a api, p *pod) (made bool) {
	for waiting.Err() == nil {
		if p.uid = a.uidOf(ctx, p); p.uid == "" {
			return false
		}
		p.sandboxes++
		container := fmt.Sprintf("%s-%d", p.uid, p.sandboxes)
		bounded, cancel := context.WithTimeout(ctx, sandboxTimeout)
		ips, err := w.cfg.CNI.Add(bounded, p.node, agent.Sandbox{Container: container, Namespace: p.namespace, Pod: p.name, UID: string(p.uid)})
		cancel()
		p.container = container
		if err == nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			p.ips = ips
			return true
		}
		w.stop(ctx, p)
		sleep(waiting, w.drawn(p, "kubelet's back-off", leastBackOff, mostBackOff))
	}
	return false
}

// stop ends a pod's sandbox, if it has one, and returns when the plugin has done its part.
func (w *Workload) stop(ctx context.Context, p *pod) {
	for p.container != "" && ctx.Err() == nil {
		if w.cfg.CNI.Del(ctx, p.node, p.container) == nil {
			p.container = ""
			return
		}
		sleep(ctx, w.drawn(p, "kubelet's back-off", leastBackOff, mostBackOff))
	}
}

// recreate makes a pod's sandbox anew, as when it has died: with other addresses.
func (w *Workload) recreate(ctx context.Context, a api, p *pod, change func(), over func(why string)) {
	w.cares.leave(p)
	w.endEndpoint(ctx, a, p)
	w.mu.Lock()
	change()
	w.mu.Unlock()
	w.start(ctx, a, p, over)
}

// identityFor returns the identity of a pod on a whole agent's node, which that agent looks for
// itself. In a world without operators it is made here, and stays: the agent does not say when
// it has let go of it.
func (w *Workload) identityFor(ctx context.Context, a api, p *pod, app string) *identity {
	p.wanted = w.cluster.labelsOf(p.namespace, app)
	if w.nodes == nil {
		return w.acquireIdentity(ctx, a, p.namespace, app)
	}
	return &identity{labels: p.wanted}
}

// relabelWhole gives a pod other labels, of which its agent hears.
func (w *Workload) relabelWhole(ctx context.Context, a api, p *pod, app string) {
	id := w.identityFor(ctx, a, p, app)
	a.relabelPod(ctx, p, app)
	w.mu.Lock()
	changes := p.identity != id
	p.identity = id
	w.mu.Unlock()
	if changes && w.nodes == nil && p.slice != nil {
		w.writeSlice(ctx, p.slice)
	}
}

// replaceWhole is replacePod from or to the node of a whole agent.
func (w *Workload) replaceWhole(ctx context.Context, before, a api, old, p *pod, late time.Duration, over func(why string)) {
	w.cares.leave(old)
	if p.identity = old.identity; w.nodes != nil {
		p.identity = &identity{labels: p.wanted}
	}
	w.end(ctx, before, old)
	w.createPodObject(ctx, a, p)
	if w.whole(p.node) && p.node != old.node { // whose kubelet knows nothing of the old one
		w.start(ctx, a, p, over)
		sleep(ctx, late)
		w.endEndpoint(ctx, before, old)
		return
	}
	sleep(ctx, late)
	w.endEndpoint(ctx, before, old)
	if w.whole(p.node) {
		w.start(ctx, a, p, over)
		return
	}
	a.awaitNoEndpoint(ctx, p) // the agent may still have to delete it
	if w.nodes != nil {
		w.bring(ctx, a, p, p.wanted, over)
		return
	}
	p.running = true
	a.runPod(ctx, p)
	w.mu.Lock()
	w.cluster.place(p)
	w.mu.Unlock()
	w.publish(ctx, a, p)
	over("")
}

// acceptPod writes what the kubelet writes of a pod that it begins with: where it is. By that an
// agent knows the CiliumEndpoint of the pod's name as its own.
func (a api) acceptPod(ctx context.Context, p *pod) {
	a.patchPod(ctx, p, map[string]any{"status": corev1.PodStatus{Phase: corev1.PodPending, HostIP: p.nodeIP}}, "status")
}

// uidOf returns the UID of the pod of that name, or "" if there is none.
func (a api) uidOf(ctx context.Context, p *pod) (uid types.UID) {
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		is, err := a.clients.CoreV1().Pods(p.namespace).Get(ctx, p.name, metav1.GetOptions{})
		if err == nil {
			uid = is.UID
		}
		return err
	})
	return uid
}

// awaitNoEndpoint returns when the pod's name has no CiliumEndpoint.
func (a api) awaitNoEndpoint(ctx context.Context, p *pod) {
	for there := true; there && ctx.Err() == nil; {
		do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
			_, err := a.clients.CiliumV2().CiliumEndpoints(p.namespace).Get(ctx, p.name, metav1.GetOptions{})
			there = !apierrors.IsNotFound(err)
			return err
		})
		if there {
			sleep(ctx, retryDelay)
		}
	}
}
