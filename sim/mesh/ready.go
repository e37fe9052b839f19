package mesh

import (
	"context"
	"time"
)

// The kubelet's defaults of a readiness probe.
const (
	probePeriod      = 10 * time.Second
	failureThreshold = 3
)

// probe is the kubelet's readiness probe of a writer, until its container ends.
// /readyz is SyncState.Complete, which never becomes false again
// (clustermesh-apiserver/clustermesh/health.go); a frozen process does not answer.
func (r *Replica) probe(ctx context.Context, w *writer) {
	ticker := time.NewTicker(probePeriod)
	defer ticker.Stop()
	for failures := 0; ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		switch {
		case !w.process.Paused() && w.sync.Complete():
			failures = 0
			r.setSynced(ctx, true)
		default:
			if failures++; failures == failureThreshold {
				r.setSynced(ctx, false)
			}
		}
	}
}

// setSynced takes note of what the probe found, unless the container has ended.
func (r *Replica) setSynced(ctx context.Context, synced bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() == nil {
		r.synced = synced
		r.updateReady()
	}
}

// updateReady makes the pod enter or leave the Service: it is ready if all its
// containers are and it is not about to end. The etcd has no probe. Of a node that
// is gone the Service hears nothing. The lock is held.
func (r *Replica) updateReady() {
	ready := r.synced && r.etcdUp && r.stop == nil
	if r.ready == ready || r.lost {
		return
	}
	r.ready = ready
	r.cfg.OnReady(ready)
}
