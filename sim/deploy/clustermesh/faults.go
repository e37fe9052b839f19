package clustermesh

import (
	"slices"
	"strconv"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/etcd"
)

// Injection returns how the faults of replicas and of their Service take effect.
func (m *Mesh) Injection(kind fault.Kind) func(int, *fault.Fault) deploy.Effect {
	switch kind {
	case fault.ReplicaLoss:
		return m.onReplica(replicaLoss)
	case fault.ReplicaGone:
		return m.onReplica(replicaGone)
	case fault.AllReplicasLoss:
		return m.allReplicasLoss
	case fault.RollingUpgrade:
		return m.rollingUpgrade
	case fault.ScaleUp:
		return m.scaleUp
	case fault.ScaleDown:
		return m.scaleDown
	case fault.WriterRestart:
		return m.onReplica(writerRestart)
	case fault.WriterPause:
		return m.onReplica(writerPause)
	case fault.EtcdRestart:
		return m.onReplica(etcdRestart)
	case fault.EtcdQuota:
		return m.onEtcd(etcdQuota)
	case fault.WriterClusterID:
		return m.onReplica(writerClusterID)
	case fault.AgentClusterID:
		return m.agentClusterID
	case fault.EtcdDeletesRefused, fault.EtcdDeletesTimeOut:
		return m.etcdDeletions
	case fault.EtcdSlow, fault.EtcdStall, fault.EtcdCompaction, fault.EtcdClock:
		return m.onEtcd(func(_ *replica, server *etcd.Server, f *fault.Fault) deploy.Effect { return deploy.OnEtcd(server, f) })
	case fault.Move:
		return m.move
	case fault.EndpointsUnready:
		return m.endpointsUnready
	}
	return nil
}

// onReplica injects a fault of a replica that exists.
func (m *Mesh) onReplica(strike func(*replica, *fault.Fault) deploy.Effect) func(int, *fault.Fault) deploy.Effect {
	return func(_ int, f *fault.Fault) deploy.Effect {
		r := m.replica(f.Target)
		if !r.exists() {
			return deploy.Void(f.Target + " did not exist")
		}
		return strike(r, f)
	}
}

// onEtcd injects a fault of an etcd that runs.
func (m *Mesh) onEtcd(strike func(*replica, *etcd.Server, *fault.Fault) deploy.Effect) func(int, *fault.Fault) deploy.Effect {
	return func(_ int, f *fault.Fault) deploy.Effect {
		r := m.replica(f.Target)
		server := r.Etcd.Server()
		if server == nil {
			return deploy.Void("there was no etcd in " + f.Target)
		}
		return strike(r, server, f)
	}
}

func replicaLoss(r *replica, f *fault.Fault) deploy.Effect {
	return r.m.loss([]*replica{r}, f.How)
}

func replicaGone(r *replica, f *fault.Fault) deploy.Effect {
	if len(r.m.existing()) == 1 && !r.m.Plan.InMode().HandsOver() { // agents have no other source
		return deploy.Void(f.Target + " was the only replica")
	}
	r.gone = true
	e := r.m.loss([]*replica{r}, f.How)
	e.Stays = true
	return e
}

func (m *Mesh) allReplicasLoss(_ int, f *fault.Fault) deploy.Effect {
	return m.loss(m.existing(), f.How)
}

// loss ends the pods of replicas; new ones start when it is lifted.
func (m *Mesh) loss(lost []*replica, how string) deploy.Effect {
	var effects []deploy.Effect
	keys := int64(0)
	for _, r := range lost {
		processes, lostKeys := r.lose(how)
		effects = append(effects, deploy.HeldDown(processes, func() { r.replace(how) }, func() bool { return r.podDown == 0 && !r.gone }))
		keys += lostKeys
	}
	e := deploy.All(effects).And(func() int64 { return keys })
	e.Hosts = names(lost)
	return e
}

func names(replicas []*replica) (all []string) {
	for _, r := range replicas {
		all = append(all, r.name)
	}
	return all
}

func (m *Mesh) scaleUp(_ int, f *fault.Fault) deploy.Effect {
	var added []*replica
	for range f.Count {
		added = append(added, m.addReplica())
	}
	return deploy.Effect{Stays: f.For == 0, Hosts: names(added), Did: deploy.Did(int64(len(added))), Lift: func() {
		for _, r := range added {
			r.latest().remove()
		}
	}}
}

// scaleDown takes the youngest replicas away, as a ReplicaSet does with pods that
// are alike otherwise.
func (m *Mesh) scaleDown(_ int, f *fault.Fault) deploy.Effect {
	left := m.existing()
	if f.For == 0 {
		left = left[1:] // one stays, whatever triggers have done
	}
	taken := left[max(0, len(left)-f.Count):]
	if len(taken) == 0 {
		return deploy.Void("no replica could be taken")
	}
	for _, r := range taken {
		r.gone = f.For == 0
	}
	e := m.loss(taken, fault.Graceful)
	e.Stays = f.For == 0
	return e
}

// rollingUpgrade replaces replica after replica by a new one that is ready, as a
// Deployment does with maxSurge 1 and maxUnavailable 0.
func (m *Mesh) rollingUpgrade(_ int, _ *fault.Fault) deploy.Effect {
	if m.upgrading {
		return deploy.Void("an upgrade was under way")
	}
	m.upgrading = true
	old := m.existing()
	over := make(chan struct{})
	var added, processes, keys int64
	go func() {
		defer close(over)
		for _, r := range old {
			m.upgrade(r)
			if r.successor != nil {
				added++
			}
			processes, keys = processes+r.endedProcesses, keys+r.lostKeys
		}
		m.Step(func() { m.upgrading = false })
	}()
	return deploy.Effect{Hosts: names(old), Over: over, Did: func() []int64 { return []int64{added, processes, keys} }}
}

func (m *Mesh) upgrade(old *replica) {
	m.Step(func() {
		if !m.Ended() && old.exists() { // else the run has ended meanwhile
			old.successor = m.addReplica()
		}
	})
	if old.successor == nil {
		return
	}
	for !old.successor.ready.Load() {
		if m.Ended() {
			return // the run has ended before it was ready
		}
		time.Sleep(time.Second)
	}
	m.Step(old.remove)
}

func writerRestart(r *replica, _ *fault.Fault) deploy.Effect {
	return deploy.HeldDown(r.stopWriter(), r.startWriter, func() bool { return r.podDown+r.writerDown == 0 })
}

// writerClusterID starts the writer again, with a cluster ID that is not the cluster's; of
// several that overlap the last counts.
func writerClusterID(r *replica, f *fault.Fault) deploy.Effect {
	ended := r.restartWriter(func() { r.clusterIDs = append(r.clusterIDs, f.ClusterID) })
	ran := int64(0)
	if r.podDown+r.writerDown == 0 {
		ran = 1
	}
	return deploy.Effect{
		Lift: func() {
			ended += r.restartWriter(func() {
				i := slices.Index(r.clusterIDs, f.ClusterID)
				r.clusterIDs = slices.Delete(r.clusterIDs, i, i+1)
			})
		},
		Did: func() []int64 { return []int64{ended, ran} },
	}
}

// agentClusterID starts agents again with the cluster ID of the cluster that they read.
func (m *Mesh) agentClusterID(_ int, f *fault.Fault) deploy.Effect {
	var ended, ran int64
	restart := func(shares int) {
		for _, agent := range f.Hosts() {
			m.sharesID[agent] += shares
			processes, running := m.Restart(agent)
			ended += processes
			if shares > 0 && running {
				ran++
			}
		}
	}
	restart(1)
	return deploy.Effect{Lift: func() { restart(-1) }, Did: func() []int64 { return []int64{ended, ran} }}
}

func writerPause(r *replica, f *fault.Fault) deploy.Effect {
	if r.podDown+r.writerDown > 0 {
		return deploy.Void("there was no writer in " + f.Target)
	}
	return deploy.Lasting(r.PauseWriter())
}

func etcdRestart(r *replica, f *fault.Fault) deploy.Effect {
	processes, keys := r.stopEtcd(f.Empty)
	e := deploy.HeldDown(processes, r.startEtcd, func() bool { return r.Etcd.Server() != nil })
	if f.Empty {
		e = e.And(func() int64 { return keys })
	}
	return e
}

// etcdQuota raises an alarm, which is data and so outlives a restart of the
// etcd: the one that runs at the end has to be told that it is over.
func etcdQuota(r *replica, _ *etcd.Server, _ *fault.Fault) deploy.Effect {
	r.noSpace++
	r.updateAlarm()
	return deploy.Effect{Did: deploy.Since(r.refused.Load), Lift: func() {
		if r.noSpace--; r.noSpace == 0 { // else two changes of one instant, in no order
			r.updateAlarm()
		}
	}}
}

// etcdDeletions makes the etcd that runs fail deletions; one that starts later does not.
func (m *Mesh) etcdDeletions(n int, f *fault.Fault) deploy.Effect {
	how := etcd.Refused
	switch {
	case f.Applied:
		how = etcd.TimedOutApplied
	case f.Kind == fault.EtcdDeletesTimeOut:
		how = etcd.TimedOut
	}
	return m.onEtcd(func(_ *replica, server *etcd.Server, f *fault.Fault) deploy.Effect {
		return deploy.Lasting(server.FailDeletions(how, f.Share, m.Plan.Seed, "fault "+strconv.Itoa(n)))
	})(n, f)
}

// endpointsUnready makes the Service of the replicas name some that are not ready.
func (m *Mesh) endpointsUnready(_ int, f *fault.Fault) deploy.Effect {
	named := []string{f.Peer}
	if f.Peer == "" {
		named = names(m.replicas)
	}
	var struck []string     // if not those that the fault names
	if m.publisher != nil { // all agents read the same
		for i := range m.Plan.Topology.Agents {
			struck = append(struck, mode.Agent.Host(i))
		}
	}
	var misled []deploy.Effect
	agents := f.Hosts()
	if struck != nil {
		agents = struck
	}
	for _, agent := range agents {
		misled = append(misled, deploy.Lasting(m.service.Name(agent, named)))
	}
	e := deploy.All(misled)
	e.Hosts = struck
	return e
}

// move makes the load balancer send an agent to another replica. What the agent
// then sends on its connections arrives at a host that does not know them.
func (m *Mesh) move(_ int, f *fault.Fault) deploy.Effect {
	from, to := m.service.Move(f.Target, f.Peer)
	if to == "" {
		return deploy.Void("no other replica is ready")
	}
	if from != "" {
		m.Net.Reset(f.Target, from)
	}
	return deploy.Effect{Did: deploy.Did(1)}
}
