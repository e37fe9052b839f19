package workload

import (
	"context"
	"sync"
)

func (w *Workload) createPod(ctx context.Context, p *pod, app string, over func(why string)) {
	w.ensureNamespace(ctx, p.namespace)
	a := w.client(p.node)
	if agents := w.cfg.Agents; agents != nil {
		p.identity = &identity{labels: w.cluster.labelsOf(p.namespace, app)}
		w.createPodObject(ctx, a, p)
		agents.Add(ctx, p.asked())
		p.uid = a.runPod(ctx, p)
		p.running = true
		over("")
		return
	}
	if w.whole(p.node) {
		p.identity = w.identityFor(ctx, a, p, app)
		w.createPodObject(ctx, a, p)
		w.start(ctx, a, p, over)
		return
	}
	if w.nodes != nil {
		p.wanted = w.cluster.labelsOf(p.namespace, app)
		p.identity = &identity{labels: p.wanted}
		w.createPodObject(ctx, a, p)
		w.bring(ctx, a, p, p.identity.labels, over)
		return
	}
	p.running = true
	id := w.acquireIdentity(ctx, a, p.namespace, app)
	w.mu.Lock()
	p.identity = id
	w.cluster.place(p)
	w.mu.Unlock()
	w.createPodObject(ctx, a, p)
	w.publish(ctx, a, p)
	over("")
}

// ensureNamespace returns when there is the namespace.
func (w *Workload) ensureNamespace(ctx context.Context, name string) {
	w.mu.Lock()
	made, exists := w.cluster.namespaces[name]
	if !exists {
		made = make(chan struct{})
		w.cluster.namespaces[name] = made
	}
	w.mu.Unlock()
	w.make(ctx, exists, made, func() { w.client("").createNamespace(ctx, namespaceObject(name)) })
}

// acquireIdentity returns the identity of an app in a namespace, for one more pod,
// when there is that identity.
func (w *Workload) acquireIdentity(ctx context.Context, a api, namespace, app string) *identity {
	w.mu.Lock()
	id, isNew := w.cluster.identityOf(namespace, app)
	id.pods++
	w.mu.Unlock()
	w.make(ctx, !isNew, id.made, func() { a.createIdentity(ctx, id.object()) })
	return id
}

// make makes what several pods share, unless one of them did so or is about to, and
// returns when it is made.
func (w *Workload) make(ctx context.Context, exists bool, made chan struct{}, create func()) {
	if !exists {
		create()
		close(made)
		return
	}
	select {
	case <-made:
	case <-ctx.Done():
	}
}

// publish writes what other nodes learn of a pod that was placed or changed.
func (w *Workload) publish(ctx context.Context, a api, p *pod) {
	if p.slice != nil {
		w.writeSlice(ctx, p.slice)
	} else {
		a.writeEndpoint(ctx, p)
	}
}

// writeSlice makes a change of the slice known to the kube-apiserver. One client
// writes all slices, as the operator does: each by itself, and with all changes that
// have come together.
func (w *Workload) writeSlice(ctx context.Context, s *slice) {
	w.mu.Lock()
	s.changes++
	change := s.changes
	w.mu.Unlock()
	select {
	case s.writing <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-s.writing }()
	if s.written >= change {
		return
	}
	w.mu.Lock()
	o := s.object()
	upTo := s.changes
	w.mu.Unlock()
	w.client("").writeSlice(ctx, o, &s.version)
	s.written = upTo
}

// deletePod deletes a pod as a user does, and then as its node's agent and kubelet do.
func (w *Workload) deletePod(ctx context.Context, p *pod) {
	w.client("").endPod(ctx, p)
	a := w.client(p.node)
	if agents := w.cfg.Agents; agents != nil {
		agents.Remove(ctx, p.asked())
		a.deleteEnded(ctx, p)
		return
	}
	if w.nodes != nil || w.whole(p.node) {
		w.cares.leave(p)
	}
	w.endEndpoint(ctx, a, p)
	a.deleteEnded(ctx, p)
	if w.nodes == nil && !w.whole(p.node) {
		w.release(ctx, p.identity)
	}
}

// endEndpoint ends a pod's endpoint, as its node's agent does, and takes it from what others
// learn of it.
func (w *Workload) endEndpoint(ctx context.Context, a api, p *pod) {
	whole := w.whole(p.node)
	if whole {
		w.stop(ctx, p)
	}
	sliced := w.nodes == nil && p.slice != nil
	if sliced {
		w.mu.Lock()
		w.cluster.remove(p)
		w.mu.Unlock()
		w.writeSlice(ctx, p.slice)
	}
	if !sliced && !whole {
		a.deleteEndpoint(ctx, p.namespace, p.name)
	}
}

// deleteNamespace deletes a namespace as a user does, and then what is in it, all at once, as the
// namespace controller does, which ends with the namespace.
func (w *Workload) deleteNamespace(ctx context.Context, name string, pods []*pod, services []*service) {
	a := w.client("")
	a.deleteNamespace(ctx, name)
	var gone sync.WaitGroup
	for _, p := range pods {
		gone.Go(func() { w.deletePod(ctx, p) })
	}
	for _, svc := range services {
		gone.Go(func() { w.deleteService(ctx, svc) })
	}
	gone.Wait()
	w.mu.Lock()
	for _, svc := range services { // of whom a later step makes new ones
		svc.version, svc.slices = absent, nil
	}
	delete(w.cluster.namespaces, name)
	w.mu.Unlock()
	a.finishNamespace(ctx, name)
}

func (w *Workload) relabelPod(ctx context.Context, p *pod, app string, over func(why string)) {
	a := w.client(p.node)
	if agents := w.cfg.Agents; agents != nil {
		a.relabelPod(ctx, p, app)
		p.identity = &identity{labels: w.cluster.labelsOf(p.namespace, app)}
		agents.Relabel(ctx, p.asked())
		over("")
		return
	}
	if w.whole(p.node) {
		w.relabelWhole(ctx, a, p, app)
		over("")
		return
	}
	if w.nodes != nil {
		p.wanted = w.cluster.labelsOf(p.namespace, app)
		a.relabelPod(ctx, p, app)
		w.bringAfter(ctx, a, p, p.wanted, w.nodes.jitter(p.podKey), over)
		return
	}
	old := p.identity
	id := w.acquireIdentity(ctx, a, p.namespace, app)
	w.mu.Lock()
	p.identity = id
	w.mu.Unlock()
	if id != old {
		w.publish(ctx, a, p)
	}
	w.release(ctx, old)
	over("")
}

// release takes a pod from an identity, which is collected when it has had none for
// a while.
func (w *Workload) release(ctx context.Context, id *identity) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if id.pods--; id.pods > 0 {
		return
	}
	w.running.Go(func() {
		sleep(ctx, identityGrace)
		w.collect(ctx, id)
	})
}

// collect deletes an identity without pods. Its number is free when that is done.
func (w *Workload) collect(ctx context.Context, id *identity) {
	w.mu.Lock()
	forgotten := id.pods == 0 && w.cluster.forgetIdentity(id)
	w.mu.Unlock()
	if !forgotten || ctx.Err() != nil {
		return
	}
	w.client("").deleteIdentity(ctx, id.name())
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.cluster.used, id.id)
}
