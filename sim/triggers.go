package sim

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/kube"
)

// triggers counts the events that faults wait for.
type triggers struct {
	w     *world
	fired chan<- firing // has room for every fault of the plan
	any   atomic.Bool   // whether one is armed: most runs have none

	mu    sync.Mutex
	armed []*armed
	over  bool           // the churn is
	first map[string]int // by replica: view keys put since its writer started last
}

type armed struct {
	fault int
	op    chan struct{} // of an op that waits, in place of a fault; closed when it begins
	when  *fault.Trigger
	seen  int
}

func newTriggers(w *world, fired chan<- firing) *triggers {
	return &triggers{w: w, fired: fired, first: map[string]int{}}
}

func (t *triggers) arm(fault int, when *fault.Trigger) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed = append(t.armed, &armed{fault: fault, when: when})
	t.any.Store(true)
}

// event returns what is closed when a trigger of an op fires, which is armed now, or when
// all are disarmed. Nobody waits for the op.
func (t *triggers) event(when *fault.Trigger) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	begins := make(chan struct{})
	if t.over || t.w.plan.NeverCaused(when) != "" {
		close(begins)
		return begins
	}
	t.armed = append(t.armed, &armed{op: begins, when: when})
	t.any.Store(true)
	return begins
}

// disarm ends all triggers and returns the faults whose triggers did not fire.
func (t *triggers) disarm() (unfired []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.armed {
		if a.op != nil {
			close(a.op)
		} else {
			unfired = append(unfired, a.fault)
		}
	}
	t.armed, t.over = nil, true
	t.any.Store(false)
	return unfired
}

// happened takes note of an event and returns the faults that it fires.
func (t *triggers) happened(event fault.Event, actor, kind string) (begun []<-chan struct{}) {
	if !t.any.Load() {
		return nil
	}
	return t.fire(func(a *armed) bool {
		w := a.when
		if w.Event != event || w.Actor != actor || w.Kind != "" && w.Kind != kind {
			return false
		}
		a.seen++
		return a.seen == w.Count()
	})
}

// fire fires the triggers that the function says are due.
func (t *triggers) fire(due func(*armed) bool) (begun []<-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := t.armed[:0]
	for _, a := range t.armed {
		if !due(a) {
			rest = append(rest, a)
			continue
		}
		if a.op != nil {
			close(a.op)
			continue
		}
		f := firing{a.fault, make(chan struct{})}
		t.fired <- f
		begun = append(begun, f.begun)
	}
	t.armed = rest
	t.any.Store(len(rest) > 0)
	return begun
}

// await waits until the faults are in force: what asks is not served before. It
// fails if the client does not live any more, by these faults or others: what it
// asked for does not happen then.
func (t *triggers) await(ctx context.Context, begun []<-chan struct{}, client string) error {
	if len(begun) == 0 {
		return nil
	}
	for _, b := range begun {
		select {
		case <-b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if !t.w.alive(client) {
		return errGone
	}
	return ctx.Err()
}

var errGone = status.Error(codes.Unavailable, "the client is gone")

// etcdRequest is the hook of an etcd before it takes up a request.
func (t *triggers) etcdRequest(ctx context.Context, replica string, q etcd.Request) error {
	switch {
	case (q.Op == "put" || q.Op == "txn") && (q.Client == replica || mode.Etcd.Is(replica)):
		return t.await(ctx, t.put(replica, etcdKind(q.Key)), q.Client)
	case q.Op == "watch":
		return t.await(ctx, t.happened(fault.EtcdWatch, q.Client, etcdKind(q.Key)), q.Client)
	}
	return nil
}

// etcdAnswer is the hook of a replica's etcd after it has answered a range, or granted a
// lease.
func (t *triggers) etcdAnswer(q etcd.Request) {
	if q.Op == "grant" {
		t.await(context.Background(), t.happened(fault.EtcdLease, q.Client, ""), q.Client) //nolint:errcheck // the lease is there
	}
	if q.End != "" {
		t.await(context.Background(), t.happened(fault.EtcdList, q.Client, etcdKind(q.Key)), q.Client) //nolint:errcheck // the answer is there
	}
}

// put is what the writer of a replica asks for.
func (t *triggers) put(replica, kind string) (begun []<-chan struct{}) {
	begun = t.happened(fault.EtcdPut, replica, kind)
	if schema.KindNamed(kind) == nil {
		return begun
	}
	t.mu.Lock()
	t.first[replica]++
	n := t.first[replica]
	t.mu.Unlock()
	if !t.any.Load() {
		return begun
	}
	return append(begun, t.fire(func(a *armed) bool {
		w := a.when
		return w.Event == fault.EtcdSync && w.Actor == replica && 100*n >= w.Percent*t.w.ledger.Keys()
	})...)
}

// observed takes note of what is recorded. It may be called with locks held, so
// that nobody waits for the faults that it fires.
func (t *triggers) observed(r *history.Record) {
	switch r.Verb {
	case history.Up:
		if r.Kind == "writer" {
			t.mu.Lock()
			t.first[r.Actor] = 0
			t.mu.Unlock()
		}
	case history.Connect:
		t.happened(fault.Connect, r.Actor, "")
	case history.Ready:
		switch {
		case mode.Operator.Is(r.Actor):
			t.happened(fault.Leads, r.Actor, "")
		case mode.Replica.Is(r.Actor):
			t.happened(fault.Ready, r.Actor, "")
		}
	case history.See:
		t.happened(fault.See, r.Actor, r.Kind)
	}
}

// kubeRequest is the hook of the kube-apiservers before they serve a request.
func (t *triggers) kubeRequest(ctx context.Context, q *kube.Request) error {
	if !t.any.Load() {
		return nil
	}
	var begun []<-chan struct{}
	kind := kubeKind[q.Resource]
	if q.Lists() {
		begun = append(begun, t.happened(fault.KubeList, q.Client, kind)...)
	}
	switch q.Verb {
	case "watch":
		begun = append(begun, t.happened(fault.KubeWatch, q.Client, kind)...)
	case "create", "update", "patch", "delete", "deletecollection":
		begun = append(begun, t.happened(fault.KubeWrite, q.Client, kind)...)
	}
	return t.await(ctx, begun, q.Client)
}

var kubeKind = map[string]string{
	"namespaces": "Namespace", "pods": "Pod", "leases": "Lease", "ciliumnodes": "CiliumNode", "ciliumidentities": "CiliumIdentity",
	"ciliumendpoints": "CiliumEndpoint", "ciliumendpointslices": "CiliumEndpointSlice", "services": "Service", "endpointslices": "EndpointSlice",
}

// etcdKind classifies a key or the prefix of a range.
func etcdKind(key string) string {
	if kind, _ := schema.CanaryOf(key); kind != nil {
		return fault.CanaryKind(kind.Name)
	}
	switch {
	case strings.HasPrefix(key, schema.ClusterConfigPrefix):
		return fault.ClusterConfigKind
	case strings.HasPrefix(key, schema.Heartbeat):
		return fault.HeartbeatKind
	}
	if kind := schema.KindOf(key); kind != nil {
		return kind.Name
	}
	return ""
}
