package workload

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/client-go/tools/cache"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	"github.com/cilium/cilium/pkg/k8s/utils"
)

// identityWatch knows the CiliumIdentities of the cluster by their labels, as
// agents do that wait for the operator to make one.
type identityWatch struct {
	mu      sync.Mutex
	known   map[string][]numbered    // by labelsKey; the one that agents take is first
	waiting map[string]chan struct{} // by labelsKey; closed when the first one is known
}

type numbered struct {
	id      int
	created time.Time
	marked  bool // by the operator, which deletes it next
}

func newIdentityWatch() *identityWatch {
	return &identityWatch{known: map[string][]numbered{}, waiting: map[string]chan struct{}{}}
}

// follow keeps the identities as they are in the kube-apiserver until ctx is done.
func (w *identityWatch) follow(ctx context.Context, clients k8sclient.Clientset) {
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: utils.ListerWatcherFromTyped[*v2.CiliumIdentityList](clients.CiliumV2().CiliumIdentities()),
		ObjectType:    &v2.CiliumIdentity{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc: func(o any) { w.add(o.(*v2.CiliumIdentity)) },
			UpdateFunc: func(old, o any) {
				w.remove(old.(*v2.CiliumIdentity))
				w.add(o.(*v2.CiliumIdentity))
			},
			DeleteFunc: func(o any) {
				if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
					o = last.Obj
				}
				w.remove(o.(*v2.CiliumIdentity))
			},
		},
	})
	informer.RunWithContext(ctx)
}

func (w *identityWatch) add(o *v2.CiliumIdentity) {
	id, err := strconv.Atoi(o.Name)
	if err != nil {
		return // no agent takes one whose name is no number
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := labelsKey(o.SecurityLabels)
	w.known[key] = append(w.known[key], numbered{id, o.CreationTimestamp.Time, marked(o)})
	// The oldest one counts (Cilium: pkg/k8s/identitybackend, crdBackend.get).
	slices.SortFunc(w.known[key], func(a, b numbered) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.id, b.id))
	})
	if waiting := w.waiting[key]; waiting != nil {
		close(waiting)
		delete(w.waiting, key)
	}
}

func (w *identityWatch) remove(o *v2.CiliumIdentity) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := labelsKey(o.SecurityLabels)
	w.known[key] = slices.DeleteFunc(w.known[key], func(n numbered) bool { return strconv.Itoa(n.id) == o.Name })
	if len(w.known[key]) == 0 {
		delete(w.known, key)
	}
}

// wait returns the numeric identity of labels as soon as there is one, or false
// when ctx is done.
func (w *identityWatch) wait(ctx context.Context, labels map[string]string) (id int, ok bool) {
	key := labelsKey(labels)
	for ctx.Err() == nil {
		id, ok, changed := w.lookup(key)
		if ok {
			return id, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return 0, false
}

// lookup returns the identity, or else a channel that is closed when there is one.
func (w *identityWatch) lookup(key string) (id int, ok bool, known <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ids := w.known[key]; len(ids) > 0 {
		return ids[0].id, true, nil
	}
	if w.waiting[key] == nil {
		w.waiting[key] = make(chan struct{})
	}
	return 0, false, w.waiting[key]
}
