package clustermesh

import (
	"context"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/deploy"
)

// Injection returns how the faults of replicas and of their Service take effect.
func (m *Mesh) Injection(kind fault.Kind) func(int, *fault.Fault) deploy.Effect {
	switch kind {
	case fault.ReplicaLoss:
		return m.replicaLoss
	case fault.ReplicaGone:
		return m.replicaGone
	case fault.AllReplicasLoss:
		return m.allReplicasLoss
	case fault.RollingUpgrade:
		return m.rollingUpgrade
	case fault.ScaleUp:
		return m.scaleUp
	case fault.ScaleDown:
		return m.scaleDown
	case fault.WriterRestart:
		return m.writerRestart
	case fault.WriterPause:
		return m.writerPause
	case fault.EtcdRestart:
		return m.etcdRestart
	case fault.EtcdSlow, fault.EtcdStall:
		return m.etcdSlow
	case fault.EtcdQuota:
		return m.etcdQuota
	case fault.EtcdCompaction:
		return m.etcdCompaction
	case fault.EtcdClock:
		return m.etcdClock
	case fault.Move:
		return m.move
	}
	return nil
}

func (m *Mesh) replicaLoss(_ int, f *fault.Fault) deploy.Effect {
	r := m.replica(f.Target)
	if !r.exists() {
		return deploy.Void(f.Target + " did not exist")
	}
	r.lose(f.How)
	return deploy.Effect{Lift: func() { r.replace(f.How) }}
}

func (m *Mesh) replicaGone(_ int, f *fault.Fault) deploy.Effect {
	r := m.replica(f.Target)
	if !r.exists() {
		return deploy.Void(f.Target + " did not exist")
	}
	if len(m.existing()) == 1 {
		return deploy.Void(f.Target + " was the only replica")
	}
	r.gone = true
	r.lose(f.How)
	return deploy.Effect{Stays: true}
}

func (m *Mesh) allReplicasLoss(_ int, f *fault.Fault) deploy.Effect {
	lost := m.existing()
	for _, r := range lost {
		r.lose(f.How)
	}
	return deploy.Effect{Lift: func() {
		for _, r := range lost {
			r.replace(f.How)
		}
	}}
}

func (m *Mesh) scaleUp(_ int, f *fault.Fault) deploy.Effect {
	var added []*replica
	for range f.Count {
		added = append(added, m.addReplica())
	}
	return deploy.Effect{Stays: f.For == 0, Lift: func() {
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
		r.lose(fault.Graceful)
	}
	return deploy.Effect{Stays: f.For == 0, Lift: func() {
		for _, r := range taken {
			r.replace(fault.Graceful)
		}
	}}
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
	go func() {
		defer close(over)
		for _, r := range old {
			m.upgrade(r)
		}
		m.Step(func() { m.upgrading = false })
	}()
	return deploy.Effect{Over: over}
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

func (m *Mesh) writerRestart(_ int, f *fault.Fault) deploy.Effect {
	r := m.replica(f.Target)
	if !r.exists() {
		return deploy.Void(f.Target + " did not exist")
	}
	r.stopWriter()
	return deploy.Effect{Lift: r.startWriter}
}

func (m *Mesh) writerPause(_ int, f *fault.Fault) deploy.Effect {
	r := m.replica(f.Target)
	if r.podDown+r.writerDown > 0 || !r.exists() {
		return deploy.Void("there was no writer in " + f.Target)
	}
	return deploy.Effect{Lift: r.PauseWriter()}
}

func (m *Mesh) etcdRestart(_ int, f *fault.Fault) deploy.Effect {
	r := m.replica(f.Target)
	if !r.exists() {
		return deploy.Void(f.Target + " did not exist")
	}
	r.stopEtcd(f.Empty)
	return deploy.Effect{Lift: r.startEtcd}
}

func (m *Mesh) etcdSlow(_ int, f *fault.Fault) deploy.Effect {
	r := m.replica(f.Target)
	if r.Etcd.Server() == nil {
		return deploy.Void("there was no etcd in " + f.Target)
	}
	return deploy.Effect{Lift: r.Etcd.Server().StallApply(f.Delay.Std())}
}

// etcdQuota raises an alarm, which is data and so outlives a restart of the
// etcd: the one that runs at the end has to be told that it is over.
func (m *Mesh) etcdQuota(_ int, f *fault.Fault) deploy.Effect {
	r := m.replica(f.Target)
	if r.Etcd.Server() == nil {
		return deploy.Void("there was no etcd in " + f.Target)
	}
	r.noSpace++
	r.updateAlarm()
	return deploy.Effect{Lift: func() {
		if r.noSpace--; r.noSpace == 0 { // else two changes of one instant, in no order
			r.updateAlarm()
		}
	}}
}

// A change of the etcd goes through its log, which may be stalled: nobody waits
// for it. It fails if the etcd ends before it is applied.
func (m *Mesh) etcdCompaction(_ int, f *fault.Fault) deploy.Effect {
	server := m.replica(f.Target).Etcd.Server()
	if server == nil {
		return deploy.Void("there was no etcd in " + f.Target)
	}
	go server.Compact(context.Background()) //nolint:errcheck
	return deploy.Effect{}
}

func (m *Mesh) etcdClock(_ int, f *fault.Fault) deploy.Effect {
	server := m.replica(f.Target).Etcd.Server()
	if server == nil {
		return deploy.Void("there was no etcd in " + f.Target)
	}
	server.AdvanceLeases(f.Ahead.Std())
	return deploy.Effect{}
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
	return deploy.Effect{}
}
