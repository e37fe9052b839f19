package sim

import (
	"context"
	"time"

	"github.com/meshcheck/meshcheck/fault"
)

func replicaLoss(w *world, _ int, f *fault.Fault) effect {
	r := w.replica(f.Target)
	if !r.exists() {
		return void(f.Target + " did not exist")
	}
	r.lose(f.How)
	return effect{lift: func() { r.replace(f.How) }}
}

func replicaGone(w *world, _ int, f *fault.Fault) effect {
	r := w.replica(f.Target)
	if !r.exists() {
		return void(f.Target + " did not exist")
	}
	if len(w.existing()) == 1 {
		return void(f.Target + " was the only replica")
	}
	r.gone = true
	r.lose(f.How)
	return effect{stays: true}
}

func allReplicasLoss(w *world, _ int, f *fault.Fault) effect {
	lost := w.existing()
	for _, r := range lost {
		r.lose(f.How)
	}
	return effect{lift: func() {
		for _, r := range lost {
			r.replace(f.How)
		}
	}}
}

func scaleUp(w *world, _ int, f *fault.Fault) effect {
	var added []*replica
	for range f.Count {
		added = append(added, w.addReplica())
	}
	return effect{stays: f.For == 0, lift: func() {
		for _, r := range added {
			r.latest().remove()
		}
	}}
}

// scaleDown takes the youngest replicas away, as a ReplicaSet does with pods that
// are alike otherwise.
func scaleDown(w *world, _ int, f *fault.Fault) effect {
	left := w.existing()
	if f.For == 0 {
		left = left[1:] // one stays, whatever triggers have done
	}
	taken := left[max(0, len(left)-f.Count):]
	if len(taken) == 0 {
		return void("no replica could be taken")
	}
	for _, r := range taken {
		r.gone = f.For == 0
		r.lose(fault.Graceful)
	}
	return effect{stays: f.For == 0, lift: func() {
		for _, r := range taken {
			r.replace(fault.Graceful)
		}
	}}
}

// rollingUpgrade replaces replica after replica by a new one that is ready, as a
// Deployment does with maxSurge 1 and maxUnavailable 0.
func rollingUpgrade(w *world, _ int, _ *fault.Fault) effect {
	if w.upgrading {
		return void("an upgrade was under way")
	}
	w.upgrading = true
	old := w.existing()
	over := make(chan struct{})
	go func() {
		defer close(over)
		for _, r := range old {
			w.upgrade(r)
		}
		w.do(func() { w.upgrading = false })
	}()
	return effect{over: over}
}

func (w *world) upgrade(old *replica) {
	w.do(func() {
		if w.ctx.Err() == nil && old.exists() { // else the run has ended meanwhile
			old.successor = w.addReplica()
		}
	})
	if old.successor == nil {
		return
	}
	for !old.successor.ready.Load() {
		if w.ctx.Err() != nil {
			return // the run has ended before it was ready
		}
		time.Sleep(time.Second)
	}
	w.do(old.remove)
}

func writerRestart(w *world, _ int, f *fault.Fault) effect {
	r := w.replica(f.Target)
	if !r.exists() {
		return void(f.Target + " did not exist")
	}
	r.stopWriter()
	return effect{lift: r.startWriter}
}

func writerPause(w *world, _ int, f *fault.Fault) effect {
	r := w.replica(f.Target)
	if r.podDown+r.writerDown > 0 || !r.exists() {
		return void("there was no writer in " + f.Target)
	}
	return effect{lift: r.PauseWriter()}
}

func etcdRestart(w *world, _ int, f *fault.Fault) effect {
	r := w.replica(f.Target)
	if !r.exists() {
		return void(f.Target + " did not exist")
	}
	r.stopEtcd(f.Empty)
	return effect{lift: r.startEtcd}
}

func etcdSlow(w *world, _ int, f *fault.Fault) effect {
	r := w.replica(f.Target)
	if r.Etcd() == nil {
		return void("there was no etcd in " + f.Target)
	}
	return effect{lift: r.Etcd().StallApply(f.Delay.Std())}
}

// etcdQuota raises an alarm, which is data and so outlives a restart of the
// etcd: the one that runs at the end has to be told that it is over.
func etcdQuota(w *world, _ int, f *fault.Fault) effect {
	r := w.replica(f.Target)
	if r.Etcd() == nil {
		return void("there was no etcd in " + f.Target)
	}
	r.noSpace++
	r.updateAlarm()
	return effect{lift: func() {
		if r.noSpace--; r.noSpace == 0 { // else two changes of one instant, in no order
			r.updateAlarm()
		}
	}}
}

// A change of the etcd goes through its log, which may be stalled: nobody waits
// for it. It fails if the etcd ends before it is applied.
func etcdCompaction(w *world, _ int, f *fault.Fault) effect {
	server := w.replica(f.Target).Etcd()
	if server == nil {
		return void("there was no etcd in " + f.Target)
	}
	go server.Compact(context.Background()) //nolint:errcheck
	return effect{}
}

func etcdClock(w *world, _ int, f *fault.Fault) effect {
	server := w.replica(f.Target).Etcd()
	if server == nil {
		return void("there was no etcd in " + f.Target)
	}
	server.AdvanceLeases(f.Ahead.Std())
	return effect{}
}
