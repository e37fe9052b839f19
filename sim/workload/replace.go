package workload

import (
	"context"
	"time"
)

// replacePod makes another pod of a pod's name, as when that of a StatefulSet comes back on another
// node: the Pod has another UID, and the agent of the old one's node ends the old endpoint some time
// later. An agent that has a CiliumEndpoint to write waits until that of the other pod is gone
// (Cilium: pkg/k8s/endpointsynchronizer, updateCEPUID).
func (w *Workload) replacePod(ctx context.Context, old, p *pod, late time.Duration, over func(why string)) {
	before, a := w.client(old.node), w.client(p.node)
	p.wanted = old.wanted
	if agents := w.cfg.Agents; agents != nil {
		w.replaceWithAgents(ctx, before, a, old, p, late)
		over("")
		return
	}
	if w.whole(old.node) || w.whole(p.node) {
		w.replaceWhole(ctx, before, a, old, p, late, over)
		return
	}
	if w.nodes != nil {
		w.cares.leave(old)
		p.identity = &identity{labels: p.wanted}
		w.end(ctx, before, old)
		w.createPodObject(ctx, a, p)
		sleep(ctx, late)
		before.deleteEndpoint(ctx, old.namespace, old.name)
		w.bring(ctx, a, p, p.wanted, over)
		return
	}
	p.identity, p.running = old.identity, true
	w.end(ctx, before, old)
	w.createPodObject(ctx, a, p)
	sleep(ctx, late)
	w.endEndpoint(ctx, before, old)
	w.mu.Lock()
	w.cluster.place(p)
	w.mu.Unlock()
	w.publish(ctx, a, p)
	over("")
}

// replaceWithAgents is replacePod where agents write by themselves: it goes by the pod's name who has
// its endpoint, so that the new one's is made when the old one's has ended.
func (w *Workload) replaceWithAgents(ctx context.Context, before, a api, old, p *pod, late time.Duration) {
	p.identity = old.identity
	w.end(ctx, before, old)
	w.createPodObject(ctx, a, p)
	sleep(ctx, late)
	w.cfg.Agents.Remove(ctx, old.asked())
	w.cfg.Agents.Add(ctx, p.asked())
	p.uid = a.runPod(ctx, p)
	p.running = true
}

// end ends a pod, as a user and its kubelet do: its name is free then.
func (w *Workload) end(ctx context.Context, kubelet api, p *pod) {
	w.client("").endPod(ctx, p)
	kubelet.deleteEnded(ctx, p)
}
