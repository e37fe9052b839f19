// Package hostnetwork is how an agent finds a replica of the ClusterMesh API server whose Pod
// is on the network of its node: it watches these Pods for the addresses of their nodes.
//
// Cilium has nothing like it: only the proposal describes it (CFP-44774, bootstrap option 2),
// and not how an agent chooses among several. What is here is ours: as Cilium's resolver of
// backends does (pkg/dial, ServiceBackendResolver), it takes any that is ready, and keeps it for
// as long as it is. The listing and watching is client-go's informer, unmodified.
package hostnetwork

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/cilium/cilium/pkg/dial"

	"github.com/meshcheck/meshcheck/internal/stream"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/informer"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Config says which Pods to watch.
type Config struct {
	Namespace string
	Selector  string // of labels

	Seed  uint64 // of the choices
	Agent string

	// Dial connects with the kube-apiserver that the Service gives this agent.
	Dial proc.Dialer
	Lag  informer.Lag // of what the watch says; nil: none ever
	Log  *slog.Logger
}

// Reader watches the Pods, for one incarnation of an agent, and is a resolver of Cilium's
// dialer: whatever the name, it is that of a Pod's node.
type Reader struct {
	cfg       Config
	closeIdle func() // connections of the client
	stop      context.CancelFunc
	stopped   chan struct{} // closed when the informer has ended
	pods      cache.Store
	informer  cache.Controller

	mu      sync.Mutex
	chosen  string // address of a node
	choices uint64
}

var _ dial.Resolver = &Reader{}

// New returns a reader that watches nothing yet.
func New(cfg Config) *Reader {
	return &Reader{cfg: cfg, closeIdle: func() {}, stop: func() {}, stopped: make(chan struct{})}
}

// Start implements agent.Reader. It does not wait for the list.
func (r *Reader) Start(ctx context.Context, process *proc.Process, _ agent.Sink) error {
	clients, closeIdle, err := kubeclient.New("cilium-agent", process.Dial(r.cfg.Dial))
	if err != nil {
		close(r.stopped)
		return err
	}
	r.closeIdle = closeIdle
	pods := clients.CoreV1().Pods(r.cfg.Namespace)
	list, watches := informer.LateList(r.cfg.Lag, pods.List), informer.LateWatch(r.cfg.Lag, pods.Watch)
	r.pods, r.informer = cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
				opts.LabelSelector = r.cfg.Selector
				return list(ctx, opts)
			},
			WatchFuncWithContext: func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
				opts.LabelSelector = r.cfg.Selector
				return watches(ctx, opts)
			},
		},
		ObjectType: &corev1.Pod{},
		Handler:    cache.ResourceEventHandlerFuncs{},
	})
	ctx, r.stop = context.WithCancel(ctx)
	go func() {
		defer close(r.stopped)
		r.informer.RunWithContext(ctx)
	}()
	return nil
}

// Stop implements agent.Reader.
func (r *Reader) Stop() {
	r.stop()
	<-r.stopped
}

// Close implements agent.Reader.
func (r *Reader) Close() { r.closeIdle() }

// Ready returns the addresses of the nodes of Pods that are ready, as far as the reader knows,
// in order.
func (r *Reader) Ready() (ips []string) {
	for _, o := range r.pods.List() {
		if p := o.(*corev1.Pod); isReady(p) {
			ips = append(ips, p.Status.HostIP)
		}
	}
	slices.Sort(ips)
	return ips
}

func isReady(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Spec.HostNetwork && p.Status.HostIP != "" && slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// Resolve implements dial.Resolver. It waits for the first list, and without a Pod that is
// ready returns the host as it is.
func (r *Reader) Resolve(ctx context.Context, host, port string) (string, string) {
	if !cache.WaitForCacheSync(ctx.Done(), r.informer.HasSynced) {
		return host, port
	}
	ready := r.Ready()
	if len(ready) == 0 {
		return host, port
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(ready, r.chosen) {
		draw := stream.New().Number(r.cfg.Seed).Number(r.choices).Text("hostnetwork").Text("\x00").Text(r.cfg.Agent).Draw()
		r.choices++
		r.chosen = ready[draw%uint64(len(ready))]
	}
	return r.chosen, port
}
