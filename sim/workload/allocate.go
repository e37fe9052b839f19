package workload

import (
	"context"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/k8s/identitybackend"
)

// How long an agent waits before it tries again, which doubles (Cilium: pkg/allocator, NewAllocator), and for
// an identity in all, before the kubelet has to ask again (pkg/defaults, KVstoreConnectivityTimeout).
const (
	leastAllocationPause = 20 * time.Millisecond
	allocationTimeout    = 2 * time.Minute
)

// marked reports whether the operator has marked an identity that nobody used.
func marked(o *v2.CiliumIdentity) bool {
	_, is := o.Annotations[identitybackend.HeartBeatAnnotation]
	return is
}

// allocateIdentity makes sure that there is an identity of labels, as an agent does that manages
// identities itself: it makes one if it knows none, and takes the operator's mark from the one that it
// knows (Cilium: pkg/k8s/identitybackend, AllocateID and AcquireReference). What comes to nothing is tried
// again: a marked one may be gone by then. It does so once at a time for the same labels; agents of several
// nodes may make one each.
func (w *Workload) allocateIdentity(ctx context.Context, a api, node string, labels map[string]string) {
	n, key := w.nodes, labelsKey(labels)
	n.mu.Lock()
	other := n.allocating[node+" "+key]
	mine := make(chan struct{})
	if other == nil {
		n.allocating[node+" "+key] = mine
	}
	n.mu.Unlock()
	if other != nil {
		select {
		case <-other:
		case <-ctx.Done():
		}
		return
	}
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.allocating, node+" "+key)
		close(mine)
	}()
	for pause := leastAllocationPause; ctx.Err() == nil; pause *= 2 {
		known, ok := n.identities.first(key)
		if ok && (!known.marked || a.unmarkIdentity(ctx, strconv.Itoa(known.id))) {
			return
		}
		if !ok {
			w.mu.Lock()
			id := &identity{id: w.cluster.freeNumber(), labels: labels}
			w.mu.Unlock()
			if a.allocate(ctx, id.object()) {
				return
			}
		}
		sleep(ctx, pause)
	}
}

// first is the identity of labels that agents take.
func (w *identityWatch) first(key string) (numbered, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ids := w.known[key]; len(ids) > 0 {
		return ids[0], true
	}
	return numbered{}, false
}

// freeNumber takes a number that no identity has that was made here.
func (c *cluster) freeNumber() int {
	n := c.first
	for c.used[n] {
		n++
	}
	c.used[n] = true
	return n
}

// allocate makes an identity, unless its number is another's.
func (a api) allocate(ctx context.Context, o *v2.CiliumIdentity) (made bool) {
	do(ctx, apierrors.IsAlreadyExists, func(ctx context.Context) error {
		_, err := a.clients.CiliumV2().CiliumIdentities().Create(ctx, o, metav1.CreateOptions{})
		made = err == nil
		return err
	})
	return made
}

// unmarkIdentity takes the operator's mark from an identity, if it is still there.
func (a api) unmarkIdentity(ctx context.Context, name string) (there bool) {
	patch := []byte(`{"metadata":{"annotations":{"` + identitybackend.HeartBeatAnnotation + `":null}}}`)
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		_, err := a.clients.CiliumV2().CiliumIdentities().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
		there = err == nil
		return err
	})
	return there
}
