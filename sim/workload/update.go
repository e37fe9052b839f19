package workload

import (
	"context"

	"github.com/meshcheck/meshcheck/fault"
)

// Steps that change an object in place.

// planNodeUpdate changes a node, and then the endpoints of its pods, as far as they say
// something of it: its address, and the index of its encryption key. The node's agent
// writes both.
func (w *Workload) planNodeUpdate(t *task, op *fault.Op) {
	before := w.cluster.nodes[op.Name]
	w.cluster.updateNode(op.Name, op.Node)
	n := w.cluster.nodes[op.Name]
	var pods []*pod
	if before.ip() != n.ip() || before.has.EncryptionKey != n.has.EncryptionKey {
		pods = w.cluster.podsOn(op.Name)
	}
	for _, p := range pods {
		w.changes(t, podObject(p.podKey))
	}
	t.perform = func(ctx context.Context, over func(string)) {
		a := w.client(op.Name)
		a.updateNode(ctx, n.object())
		if agents := w.cfg.Agents; agents != nil {
			agents.Update(n.object())
		}
		for _, p := range pods {
			w.change(ctx, a, p, func() {
				if p.node == op.Name { // it may have moved since
					p.settle(n)
				}
			}, func(string) {})
		}
		over("")
	}
}

// updatePod gives a pod another address, other ports or another node: the same endpoint
// says something else from then on, as when a StatefulSet's pod comes back.
func (w *Workload) updatePod(ctx context.Context, p *pod, to *fault.Pod, n node, over func(why string)) {
	a := w.client(p.node)
	if to.Node != "" {
		a = w.client(to.Node)
	}
	w.change(ctx, a, p, func() {
		if to.IP != "" {
			p.ips = addressesOf(to)
		}
		if len(to.Ports) > 0 {
			p.ports = to.Ports
		}
		if to.Node != "" {
			p.settle(n)
		}
	}, over)
}

// change changes a pod that is there, and writes its status and what others learn of it.
func (w *Workload) change(ctx context.Context, a api, p *pod, change func(), over func(why string)) {
	if w.whole(p.node) {
		w.recreate(ctx, a, p, change, over)
		return
	}
	if w.nodes != nil {
		w.cares.leave(p)
	}
	agents := w.cfg.Agents
	if agents != nil { // its endpoint is made anew: an agent has no other way
		agents.Remove(ctx, p.asked())
	}
	w.mu.Lock()
	change()
	w.mu.Unlock()
	if agents != nil {
		agents.Add(ctx, p.asked())
		a.runPod(ctx, p)
		over("")
		return
	}
	if p.running {
		a.runPod(ctx, p)
	}
	if w.nodes != nil {
		w.bring(ctx, a, p, p.wanted, over)
		return
	}
	w.publish(ctx, a, p)
	over("")
}

// planAnnotation makes a namespace one that agents of other clusters see, or do not see.
func (w *Workload) planAnnotation(t *task, op *fault.Op) {
	t.object = namespaceObjectOf(op.Name)
	w.changes(t, t.object)
	made, begun := w.cluster.namespaces[op.Name]
	if !begun { // the first of its pods makes it
		for _, p := range w.cluster.podsOf(op.Name) {
			w.follows(t, podObject(p.podKey))
		}
	}
	t.perform = func(ctx context.Context, over func(string)) {
		if begun {
			select {
			case <-made:
			case <-ctx.Done():
			}
		}
		w.client("").annotateNamespace(ctx, op.Name, op.Global)
		over("")
	}
}
