// Package workload is what changes the cluster: it makes namespaces, nodes, pods,
// identities and endpoint slices come and go as the plan says, through the API like
// any client, with its conflicts and time-outs.
//
// Kubelet and agent of each node are a client of their own, with connections and
// limits of their own; so are those who make namespaces and, in a world without
// operators, endpoint slices. All of them are on the host w0.
//
// The loop is open: a step begins at the time that the plan says, whether or not
// those before it are done, so that a kube-apiserver which is slow to answer one
// client delays no other. Only steps of one object come one after the other.
//
// In a world without operators it does what kubelet, agents and operator do between
// them when a pod starts or ends, in their order: identity, pod, endpoint; and it
// collects an identity that is no longer used (sooner than the operator would, so
// that the numbers are reused within a run). With operators it does what kubelet
// and agents do. Where agents write into an etcd that they share (Config.Agents), it does
// what the kubelet does: it makes pods, and asks the node's agent for their endpoints; and so it
// does on the nodes of whole agents, through the CNI plugin (Config.CNI).
package workload

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	k8sclient "github.com/cilium/cilium/pkg/k8s/client"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/stream"
)

// identityGrace is how long an identity stays without pods.
const identityGrace = 10 * time.Second

// Config is what a workload needs of its world.
type Config struct {
	// NewClient makes the client of a node's kubelet and agent, or, without a
	// node, the one of those who care for the cluster.
	NewClient func(node string) (Client, error)
	// Watch is used to watch the identities, for the agents of all nodes, in a world
	// with operators; nil in one without.
	Watch k8sclient.Clientset
	// Agents are the agents of the nodes, where they make known by themselves what they
	// know; nil where objects do.
	Agents Agents
	// CNI is the CNI plugin of whole agents' nodes; nil if there are none.
	CNI CNI
	// Create makes an object of the start.
	Create func(object []byte) error
	// Event returns what is closed when a trigger fires that is armed now, or when the churn
	// is over.
	Event func(*fault.Trigger) <-chan struct{}
	// Healed is closed when the churn is over and the faults are; nil where there is no heal.
	Healed <-chan struct{}
	// Record is told of each step that is over.
	Record func(history.Record)
	// Now is the virtual time since the start of the run.
	Now func() time.Duration
}

// Workload performs the steps of a plan.
type Workload struct {
	cfg     Config
	ops     []fault.Op
	seed    uint64
	nodes   *nodes // nil in a world without operators
	cares   cares
	running sync.WaitGroup

	mu       sync.Mutex // guards what follows; who holds it waits for nothing
	starting int        // see Starting
	cluster  *cluster
	apis     map[string]api   // by node
	last     map[object]*task // of each object with a task that is not done
	open     map[int]*task    // that are not over, by number
}

// New makes the state at the start and returns the workload that changes it.
func New(p *fault.Plan, cfg Config) (*Workload, error) {
	w := &Workload{cfg: cfg, ops: p.Ops, seed: p.Seed, cares: cares{last: map[*pod]care{}}, cluster: newCluster(p), apis: map[string]api{}, last: map[object]*task{}, open: map[int]*task{}}
	if p.Topology.Operators > 0 && cfg.Agents == nil {
		w.nodes = newNodes()
		w.nodes.allocate = p.Options.IdentityManagement != ""
		w.nodes.jitter = func(pod podKey) time.Duration {
			if p.Options.IdentityJitter == 0 {
				return 0
			}
			return time.Duration(stream.New().Number(p.Seed).Text("identity jitter").Text(pod.namespace+"/"+pod.name).Draw() % uint64(p.Options.IdentityJitter))
		}
	}
	w.cluster.agents, w.cluster.whole = cfg.Agents, w.whole
	if err := w.cluster.seed(p, cfg.Create); err != nil {
		return nil, err
	}
	return w, nil
}

// Run performs the steps, whose times count from start (of Config.Now), and collects
// the identities that they leave behind. It returns when all is done, and no pod
// waits for its identity any more, or when ctx is; or with an error, when a step
// began late.
func (w *Workload) Run(ctx context.Context, start time.Duration) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if w.nodes != nil {
		go w.nodes.identities.follow(ctx, w.cfg.Watch)
	}
	for i := range w.ops {
		planned := start + time.Duration(w.ops[i].At)
		sleep(ctx, planned-w.cfg.Now())
		if ctx.Err() != nil {
			break
		}
		w.begin(ctx, stop, w.plan(i, planned))
	}
	w.running.Wait()
	if late := (*lateError)(nil); errors.As(context.Cause(ctx), &late) {
		return late
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// End records the operations that are not over, for it is the end of the run.
func (w *Workload) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, number := range slices.Sorted(maps.Keys(w.open)) {
		w.cfg.Record(w.open[number].record("unfinished"))
	}
	clear(w.open)
}

// client returns the client of a node, or without a node the one of those who care
// for the cluster.
func (w *Workload) client(node string) api {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.apis[node]
	if !ok {
		c, err := w.cfg.NewClient(node)
		if err != nil {
			panic(err) // its configuration is ours
		}
		a = api{c}
		w.apis[node] = a
	}
	return a
}
