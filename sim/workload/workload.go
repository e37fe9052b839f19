// Package workload is the client w0 of the kube-apiserver: it makes namespaces,
// nodes, pods, identities and endpoint slices come and go as the plan says,
// through the API like any client, with its conflicts and time-outs.
//
// In a world without operators it does what kubelet, agents and operator do between
// them when a pod starts or ends, in their order: identity, pod, endpoint; and it
// collects an identity that is no longer used (sooner than the operator would, so
// that the numbers are reused within a run). With operators it does what kubelet
// and agents do.
package workload

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	k8sclient "github.com/cilium/cilium/pkg/k8s/client"

	"github.com/meshcheck/meshcheck/fault"
)

// identityGrace is how long an identity stays without pods.
const identityGrace = 10 * time.Second

// Workload performs the steps of a plan.
type Workload struct {
	ops     []fault.Op
	cluster *cluster
	api     api
	collect []collection // in order of time
	nodes   *nodes       // nil in a world without operators
	watch   k8sclient.Clientset
}

// Clients are those of w0.
type Clients struct {
	API k8sclient.Clientset // for one request after the other
	// Watch is used to watch the identities, in a world with operators; nil in one
	// without.
	Watch k8sclient.Clientset
}

type collection struct {
	at time.Duration
	id *identity
}

// New makes the state at the start, through create, and returns the workload
// that changes it.
func New(p *fault.Plan, clients Clients, create func(object []byte) error) (*Workload, error) {
	w := &Workload{ops: p.Ops, cluster: newCluster(p), api: api{clients.API}, watch: clients.Watch}
	if p.Topology.Operators > 0 {
		w.nodes = newNodes(w.api)
	}
	if err := w.cluster.seed(p, create); err != nil {
		return nil, err
	}
	return w, nil
}

// Run performs the steps, each at its time or as soon after it as the one before
// is done, and collects the identities that they leave behind. It returns when
// all is done, and no pod waits for its identity any more, or when ctx is.
func (w *Workload) Run(ctx context.Context) {
	start := time.Now()
	if w.nodes != nil {
		go w.nodes.identities.follow(ctx, w.watch)
		defer w.nodes.settle()
	}
	for ctx.Err() == nil && len(w.ops)+len(w.collect) > 0 {
		now := time.Since(start)
		if len(w.ops) == 0 || len(w.collect) > 0 && w.collect[0].at < time.Duration(w.ops[0].At) {
			next := w.collect[0]
			sleep(ctx, next.at-now)
			w.collect = w.collect[1:]
			w.collectIdentity(ctx, next.id)
			continue
		}
		op := w.ops[0]
		w.ops = w.ops[1:]
		sleep(ctx, time.Duration(op.At)-now)
		w.perform(ctx, op, func() time.Duration { return time.Since(start) })
	}
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

func (w *Workload) perform(ctx context.Context, op fault.Op, now func() time.Duration) {
	switch op.Op {
	case fault.PodCreate:
		w.createPod(ctx, *op.Pod)
	case fault.PodDelete:
		if p := w.cluster.pods[podKey{op.Pod.Namespace, op.Pod.Name}]; p != nil {
			w.deletePod(ctx, p, now())
		}
	case fault.PodRelabel:
		if p := w.cluster.pods[podKey{op.Pod.Namespace, op.Pod.Name}]; p != nil {
			w.relabelPod(ctx, p, op.Pod.App, now())
		}
	case fault.NodeCreate:
		w.api.createNode(ctx, w.cluster.newNode(op.Name).object())
	case fault.NodeDelete:
		delete(w.cluster.nodes, op.Name)
		w.api.deleteNode(ctx, op.Name)
	case fault.NamespaceDelete:
		for _, p := range w.cluster.podsOf(op.Name) {
			w.deletePod(ctx, p, now())
		}
		delete(w.cluster.namespaces, op.Name)
		w.api.deleteNamespace(ctx, op.Name)
	default:
		panic(fmt.Sprintf("workload: step of unknown kind %q", op.Op)) // plans are validated
	}
}

func (w *Workload) createPod(ctx context.Context, fp fault.Pod) {
	c := w.cluster
	if !c.namespaces[fp.Namespace] {
		c.namespaces[fp.Namespace] = true
		w.api.createNamespace(ctx, namespaceObject(fp.Namespace))
	}
	p := &pod{podKey: podKey{fp.Namespace, fp.Name}, ip: fp.IP, node: fp.Node, nodeIP: c.nodeIP(fp.Node), version: absent}
	if w.nodes != nil {
		c.pods[p.podKey] = p
		p.identity = &identity{labels: c.labelsOf(fp.Namespace, fp.App)}
		w.api.createPod(ctx, p.object())
		w.nodes.bring(ctx, p, p.identity.labels)
		return
	}
	p.running = true
	p.identity = w.acquireIdentity(ctx, fp.Namespace, fp.App)
	c.place(p)
	w.api.createPod(ctx, p.object())
	w.publish(ctx, p)
}

func (w *Workload) acquireIdentity(ctx context.Context, namespace, app string) *identity {
	id, isNew := w.cluster.identityOf(namespace, app)
	if isNew {
		w.api.createIdentity(ctx, id.object())
	}
	return id
}

// publish writes what other nodes learn of a pod that was placed or changed.
func (w *Workload) publish(ctx context.Context, p *pod) {
	if p.slice != nil {
		w.api.writeSlice(ctx, p.slice)
	} else {
		w.api.writeEndpoint(ctx, p)
	}
}

func (w *Workload) deletePod(ctx context.Context, p *pod, now time.Duration) {
	w.cluster.remove(p)
	if w.nodes != nil {
		w.nodes.take(ctx, p)
		return
	}
	if p.slice != nil {
		w.api.writeSlice(ctx, p.slice)
	} else {
		w.api.deleteEndpoint(ctx, p.namespace, p.name)
	}
	w.api.deletePod(ctx, p.namespace, p.name)
	w.release(p.identity, now)
}

func (w *Workload) relabelPod(ctx context.Context, p *pod, app string, now time.Duration) {
	if w.nodes != nil {
		w.api.relabelPod(ctx, p, app)
		w.nodes.bring(ctx, p, w.cluster.labelsOf(p.namespace, app))
		return
	}
	old := p.identity
	id := w.acquireIdentity(ctx, p.namespace, app)
	if id == old {
		return
	}
	p.identity = id
	old.pods--
	id.pods++
	w.publish(ctx, p)
	w.release(old, now)
}

func (w *Workload) release(id *identity, now time.Duration) {
	if id.pods > 0 {
		return
	}
	w.collect = append(w.collect, collection{now + identityGrace, id})
	slices.SortStableFunc(w.collect, func(a, b collection) int { return cmp.Compare(a.at, b.at) })
}

func (w *Workload) collectIdentity(ctx context.Context, id *identity) {
	if id.pods > 0 || !w.cluster.used[id.id] || w.cluster.identities[labelsKey(id.labels)] != id {
		return
	}
	w.cluster.forgetIdentity(id)
	w.api.deleteIdentity(ctx, id.name())
}
