package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
)

// lateBound is how long after its time a step may begin.
const lateBound = 100 * time.Millisecond

// object is what steps are about, one at a time: a pod, a node, a namespace or a Service.
type object struct{ kind, namespace, name string }

func podObject(k podKey) object            { return object{"Pod", k.namespace, k.name} }
func nodeObject(name string) object        { return object{"CiliumNode", "", name} }
func namespaceObjectOf(name string) object { return object{"Namespace", "", name} }

func (o object) key() string {
	if o.namespace == "" {
		return o.name
	}
	return o.namespace + "/" + o.name
}

// task is one step of the plan.
type task struct {
	number  int // in the plan, from 1
	op      fault.OpKind
	planned time.Duration   // when it is to begin
	event   <-chan struct{} // at which it begins, in place of that; nil without a trigger
	object  object
	changes []object      // objects whose next tasks come after this one
	after   []*task       // that come before it, as they are about the same objects
	waited  time.Duration // for those
	done    chan struct{}

	// perform does the work, and calls over, now or later, when the step is over: with
	// the reason, if it came to nothing.
	perform func(ctx context.Context, over func(why string))
}

// plan returns the task of a step. What the step makes of the cluster is known from
// now on to the steps after it, in the order of the plan.
func (w *Workload) plan(i int, planned time.Duration) *task {
	w.mu.Lock()
	defer w.mu.Unlock()
	op := &w.ops[i]
	t := &task{number: i + 1, op: op.Op, planned: planned, done: make(chan struct{})}
	switch op.Op {
	case fault.PodCreate, fault.PodDelete, fault.PodRelabel, fault.PodUpdate, fault.PodReplace:
		w.planPod(t, op)
	case fault.NodeCreate, fault.NodeDelete, fault.NodeUpdate:
		w.planNode(t, op)
	case fault.NamespaceDelete:
		w.planNamespace(t, op.Name)
	case fault.NamespaceAnnotate:
		w.planAnnotation(t, op)
	case fault.ServiceCreate, fault.ServiceUpdate, fault.ServiceDelete:
		w.planService(t, op)
	case fault.PolicyCreate, fault.PolicyUpdate, fault.PolicyDelete:
		w.planPolicy(t, op)
	default:
		panic(fmt.Sprintf("workload: step of unknown kind %q", op.Op)) // plans are validated
	}
	if op.When != nil {
		t.event = w.cfg.Event(op.When)
	}
	w.open[t.number] = t
	return t
}

// follows makes the task wait for the last one of each object.
func (w *Workload) follows(t *task, objects ...object) {
	for _, o := range objects {
		if last := w.last[o]; last != nil {
			t.after = append(t.after, last)
		}
	}
}

// changes is follows, and makes the next tasks of the objects wait for this one.
func (w *Workload) changes(t *task, objects ...object) {
	w.follows(t, objects...)
	for _, o := range objects {
		w.last[o] = t
	}
	t.changes = append(t.changes, objects...)
}

func (w *Workload) planPod(t *task, op *fault.Op) {
	c, key := w.cluster, podKey{op.Pod.Namespace, op.Pod.Name}
	t.object = podObject(key)
	w.changes(t, t.object)
	p := c.pods[key]
	switch op.Op {
	case fault.PodCreate:
		p = &pod{podKey: key, ips: addressesOf(op.Pod), planned: addressesOf(op.Pod), ports: op.Pod.Ports, version: absent}
		p.settle(c.nodes[op.Pod.Node])
		c.pods[key] = p
		w.follows(t, namespaceObjectOf(key.namespace), nodeObject(p.node))
		t.perform = func(ctx context.Context, over func(string)) { w.createPod(ctx, p, op.Pod.App, over) }
	case fault.PodDelete:
		delete(c.pods, key)
		t.perform = func(ctx context.Context, over func(string)) { w.deletePod(ctx, p); over("") }
	case fault.PodUpdate:
		n := c.nodes[op.Pod.Node]
		if op.Pod.Node != "" {
			w.follows(t, nodeObject(op.Pod.Node))
			if w.whole(p.node) || w.whole(op.Pod.Node) { // where no Pod moves: another one comes
				w.planReplacement(t, op, p)
				return
			}
		}
		t.perform = func(ctx context.Context, over func(string)) { w.updatePod(ctx, p, op.Pod, n, over) }
	case fault.PodReplace:
		w.follows(t, nodeObject(op.Pod.Node))
		w.planReplacement(t, op, p)
	case fault.PodRelabel:
		t.perform = func(ctx context.Context, over func(string)) { w.relabelPod(ctx, p, op.Pod.App, over) }
	}
	if p == nil {
		panic(fmt.Sprintf("workload: %s of the pod %s, which does not exist", op.Op, t.object.key())) // plans are validated
	}
}

// planReplacement makes another pod of a pod's name, with what the old one had and the step does
// not say.
func (w *Workload) planReplacement(t *task, op *fault.Op, old *pod) {
	p := &pod{podKey: old.podKey, ips: old.planned, ports: old.ports, version: absent}
	if op.Pod.IP != "" {
		p.ips = addressesOf(op.Pod)
	}
	if len(op.Pod.Ports) > 0 {
		p.ports = op.Pod.Ports
	}
	p.planned = p.ips
	p.settle(w.cluster.nodes[op.Pod.Node])
	w.cluster.pods[p.podKey] = p
	t.perform = func(ctx context.Context, over func(string)) { w.replacePod(ctx, old, p, op.Late.Std(), over) }
}

func (w *Workload) planNode(t *task, op *fault.Op) {
	t.object = nodeObject(op.Name)
	w.changes(t, t.object)
	switch op.Op {
	case fault.NodeDelete:
		delete(w.cluster.nodes, op.Name)
		t.perform = func(ctx context.Context, over func(string)) {
			w.cluster.leave(op.Name)
			w.client("").deleteNode(ctx, op.Name)
			over("")
		}
		return
	case fault.NodeUpdate:
		w.planNodeUpdate(t, op)
		return
	}
	n := w.cluster.newNode(op.Name, op.Node)
	t.perform = func(ctx context.Context, over func(string)) {
		w.client(op.Name).createNode(ctx, n.object())
		w.cluster.join(n)
		over("")
	}
}

func (w *Workload) planNamespace(t *task, name string) {
	t.object = namespaceObjectOf(name)
	w.changes(t, t.object)
	pods := w.cluster.podsOf(name)
	for _, p := range pods {
		delete(w.cluster.pods, p.podKey)
		w.changes(t, podObject(p.podKey))
	}
	services := w.cluster.services.of(name)
	for _, svc := range services {
		w.changes(t, serviceObject(&svc.has))
	}
	t.perform = func(ctx context.Context, over func(string)) {
		w.deleteNamespace(ctx, name, pods, services)
		over("")
	}
}

// lateError says that the test bed itself did not keep a plan's time.
type lateError struct {
	*task
	by time.Duration
}

func (e *lateError) Error() string {
	return fmt.Sprintf("the workload is late: step %d (%s %s), planned for %s of the run, began %s after that, and no server is the reason; this is an error of the test bed",
		e.number, e.op, e.object.key(), e.planned, e.by)
}

// begin begins a task, which waits for those of its objects that come before it and
// for no other. If it begins late it stops the workload.
func (w *Workload) begin(ctx context.Context, stop context.CancelCauseFunc, t *task) {
	w.running.Go(func() {
		defer w.finish(t)
		if t.event != nil && !w.await(ctx, t) {
			return
		}
		if late := w.cfg.Now() - t.planned; late > lateBound {
			stop(&lateError{t, late})
			return
		}
		for _, before := range t.after {
			<-before.done
		}
		t.waited = w.cfg.Now() - t.planned
		t.perform(ctx, func(why string) { w.over(t, why) })
	})
}

// await waits for the event at which a task begins. It returns false if ctx ends before.
func (w *Workload) await(ctx context.Context, t *task) bool {
	select {
	case <-t.event:
	case <-ctx.Done():
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t.planned = w.cfg.Now()
	return true
}

// over records that the step is over, unless the run is.
func (w *Workload) over(t *task, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open[t.number] != nil {
		delete(w.open, t.number)
		w.cfg.Record(t.record(why))
	}
}

// record says that the step is over.
func (t *task) record(why string) history.Record {
	r := history.Record{Actor: mode.Client.Host(0), Verb: history.Operation, Kind: t.object.kind, Key: t.object.key(), Op: string(t.op), Rev: int64(t.number), From: t.planned, Err: why}
	if t.waited > 0 {
		r.Value = t.waited.String()
	}
	return r
}

// finish lets the next tasks of the objects begin.
func (w *Workload) finish(t *task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range t.changes {
		if w.last[o] == t {
			delete(w.last, o)
		}
	}
	t.after = nil
	close(t.done)
}
