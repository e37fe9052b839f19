package conformance

import (
	"slices"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

// cut cuts a host off from the kube-apiserver for a delay, from just before the
// write that it must not hear of; or makes the link between them slow.
func (e *exporter) cut(h delay) {
	until := e.end
	if h.to < len(e.ce.Steps) {
		until = e.at[h.to]
		switch {
		case goesOver(e.ce, h.to):
			until += reaches(until)
		case e.ce.Steps[h.to].Name != mesh.Delivers:
			until += ahead // the watch is gone for certain
		}
	}
	f := fault.Fault{
		At: e.at[h.from] - ahead, When: &fault.Trigger{Event: fault.KubeWrite, Actor: mode.Client.Host(0), Kind: "CiliumEndpointSlice"},
		Kind: fault.Partition, Target: h.host, Peer: mode.APIServer.Host(0), For: until - e.at[h.from],
	}
	if slow(e.ce) {
		f.Kind, f.Delay = fault.SlowLink, slowest
	}
	e.plan.Faults = append(e.plan.Faults, f)
}

// step adds what makes a step happen.
func (e *exporter) step(i int) {
	switch step := e.ce.Steps[i]; step.Name {
	case mesh.Writes:
		e.write(i, step)
	case mesh.ReplicaCrashes:
		e.withhold(i)
		e.strike(i, fault.Fault{Kind: fault.ReplicaLoss, Target: replica(step.Replica)}, e.after(i, mesh.ReplicaStarts))
		e.lead(i)
	case mesh.WriterRestarts:
		e.strike(i, fault.Fault{Kind: fault.WriterRestart, Target: replica(step.Replica)}, e.after(i, mesh.WriterListsNow))
	case mesh.EtcdEmptied:
		// The node reboots: the etcd is there again before the writer is.
		e.withhold(i)
		starts := e.after(i, mesh.ReplicaStarts)
		e.strike(i, fault.Fault{Kind: fault.EtcdRestart, Target: replica(step.Replica), Empty: true}, starts-ahead)
		e.strike(i, fault.Fault{Kind: fault.WriterRestart, Target: replica(step.Replica)}, starts)
		e.lead(i)
	case mesh.AgentConnects:
		if e.writerless(i) {
			// A Service names replicas that are ready, and one without a writer is not.
			e.plan.Faults = append(e.plan.Faults, fault.Fault{
				At: e.at[i] - ahead, Kind: fault.EndpointsUnready, Target: agent(step.Agent), Peer: replica(step.Replica), For: ahead + reaches(e.at[i]),
			})
		}
	case mesh.AgentRestarts:
		until := e.at[i] + pause
		if j := e.next(i, mesh.AgentConnects); j >= 0 {
			until = e.at[j]
		}
		e.strike(i, fault.Fault{Kind: fault.AgentRestart, Target: agent(step.Agent)}, until)
		e.lead(i)
	}
}

func (e *exporter) write(i int, step mesh.Step) {
	op := fault.Op{At: e.at[i], Op: fault.PodCreate}
	pod := e.pod(step.RV, step.Write)
	if step.Write.Delete {
		created := e.pod(e.created(i), step.Write)
		op.Op, pod = fault.PodDelete, fault.Pod{Namespace: created.Namespace, Name: created.Name}
	}
	op.Pod = &pod
	e.plan.Ops = append(e.plan.Ops, op)
}

// writerless reports whether the replica of the step i has no writer then.
func (e *exporter) writerless(i int) bool {
	for j := i - 1; j >= 0; j-- {
		if before := e.ce.Steps[j]; before.Replica == e.ce.Steps[i].Replica {
			switch before.Name {
			case mesh.WriterRestarts:
				return true
			case mesh.WriterListsNow, mesh.ReplicaStarts:
				return false
			}
		}
	}
	return false
}

// created returns the resourceVersion at which the pod was created that the step i
// deletes.
func (e *exporter) created(i int) int {
	pod := e.ce.Steps[i].Write.Pod
	for j := i - 1; j >= 0; j-- {
		if step := e.ce.Steps[j]; step.Name == mesh.Writes && !step.Write.Delete && step.Write.Pod == pod {
			return step.RV
		}
	}
	return int(pod) + 1 // at the start
}

// strike adds a fault that begins with the step i and lasts until a time; without
// one, if until is zero.
func (e *exporter) strike(i int, f fault.Fault, until fault.Duration) {
	f.At, f.When = e.at[i], e.when[i]
	if until > 0 {
		f.For = until - e.at[i]
	}
	if f.When != nil {
		f.At -= ahead
	}
	e.plan.Faults = append(e.plan.Faults, f)
}

// withhold keeps the agents of a replica that is about to lose its etcd from the
// others: until they connect, if something else happens before; or until the replica
// is there again, if they stay with it.
func (e *exporter) withhold(i int) {
	for _, a := range e.parted(i) {
		refuse := fault.Fault{Kind: fault.ServiceFailure, Target: agent(a)}
		switch connects := e.connects(i, a); {
		case e.stays(i, a):
			e.strike(i, refuse, e.at[e.next(i, mesh.ReplicaStarts)]+slot(mesh.ReplicaStarts)-ahead)
		case connects >= 0 && e.at[connects] > e.at[i]+pause:
			e.strike(i, refuse, e.at[connects])
		}
	}
}

// lead leads the agents that the step i parts from their replica to those that they
// connect with next.
func (e *exporter) lead(i int) {
	for _, a := range e.parted(i) {
		if j := e.connects(i, a); j >= 0 && !e.stays(i, a) && e.ce.Bounds.Replicas > 1 {
			e.strike(i, fault.Fault{Kind: fault.Move, Target: agent(a), Peer: replica(e.ce.Steps[j].Replica)}, 0)
		}
	}
}

// parted returns the agents that a step parts from their replica.
func (e *exporter) parted(i int) (agents []int) {
	step := e.ce.Steps[i]
	for a := range e.ce.Bounds.Agents {
		if step.Agent == a || step.Agent < 0 && e.reads(i, a) == step.Replica {
			agents = append(agents, a)
		}
	}
	return agents
}

// stays reports whether an agent stays with a replica whose etcd the step i empties,
// as far as it knows: it connects with none before that one is back.
func (e *exporter) stays(i, a int) bool {
	connects, starts := e.connects(i, a), e.next(i, mesh.ReplicaStarts)
	return e.ce.Steps[i].Name == mesh.EtcdEmptied && starts >= 0 && (connects < 0 || connects > starts)
}

// after returns when the step's replica does what the name says next, or the end.
func (e *exporter) after(i int, name mesh.ActionName) fault.Duration {
	if j := e.next(i, name); j >= 0 {
		return e.at[j]
	}
	return e.end
}

// next returns the next step of that name of the same replica or agent as the step i,
// or -1.
func (e *exporter) next(i int, name mesh.ActionName) int {
	step := e.ce.Steps[i]
	return e.nextWhere(i, func(other mesh.Step) bool {
		return other.Name == name && (step.Agent >= 0 && other.Agent == step.Agent || step.Agent < 0 && other.Replica == step.Replica)
	})
}

// connects returns the agent's next connection after the step i, or -1.
func (e *exporter) connects(i, a int) int {
	return e.nextWhere(i, func(step mesh.Step) bool { return step.Name == mesh.AgentConnects && step.Agent == a })
}

// nextWhere returns the next step after the step i of which something is true, or -1.
func (e *exporter) nextWhere(i int, is func(mesh.Step) bool) int {
	if j := slices.IndexFunc(e.ce.Steps[i+1:], is); j >= 0 {
		return i + 1 + j
	}
	return -1
}

// reads returns the replica that an agent reads when the step i happens, or -1.
func (e *exporter) reads(i, a int) int {
	r := e.ce.Reads[a]
	for _, step := range e.ce.Steps[:i] {
		switch {
		case step.Name == mesh.AgentConnects && step.Agent == a:
			r = step.Replica
		case step.Name == mesh.AgentRestarts && step.Agent == a, step.Name == mesh.ReplicaCrashes && step.Replica == r:
			r = -1
		}
	}
	return r
}
