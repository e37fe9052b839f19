package sim

import (
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

// effect is what has become of a fault that was to begin.
type effect struct {
	void  string          // why nothing happened, or empty
	lift  func()          // what ends it; nil if there is nothing to end
	stays bool            // it is never lifted
	over  <-chan struct{} // closed when it ends by itself
}

// An injection makes the n-th fault of the plan, counted from 1, take effect. It
// returns at once.
type injection func(w *world, n int, f *fault.Fault) effect

var injections map[fault.Kind]injection

func init() {
	injections = map[fault.Kind]injection{
		fault.ReplicaLoss:     replicaLoss,
		fault.ReplicaGone:     replicaGone,
		fault.AllReplicasLoss: allReplicasLoss,
		fault.RollingUpgrade:  rollingUpgrade,
		fault.ScaleUp:         scaleUp,
		fault.ScaleDown:       scaleDown,
		fault.WriterRestart:   writerRestart,
		fault.WriterPause:     writerPause,
		fault.EtcdRestart:     etcdRestart,
		fault.EtcdSlow:        etcdSlow,
		fault.EtcdStall:       etcdSlow,
		fault.EtcdQuota:       etcdQuota,
		fault.EtcdCompaction:  etcdCompaction,
		fault.EtcdClock:       etcdClock,

		fault.AgentRestart: agentRestart,
		fault.AgentCrash:   agentRestart,
		fault.AgentSlow:    agentSlow,

		fault.KubeRestart:      kubeRestart,
		fault.KubeLoss:         kubeLoss,
		fault.KubeLag:          kubeLag,
		fault.KubeFreeze:       kubeLag,
		fault.KubeExpire:       kubeWatches,
		fault.KubeCloseWatches: kubeWatches,
		fault.KubeThrottle:     kubeRule,
		fault.KubeErrors:       kubeRule,
		fault.KubeSlowLists:    kubeRule,
		fault.KubeConflicts:    kubeRule,

		fault.OperatorRestart: operatorRestart,
		fault.OperatorCrash:   operatorRestart,
		fault.LeaderChange:    leaderChange,

		fault.Pause:          pause,
		fault.Partition:      partition,
		fault.PartitionGroup: partitionGroup,
		fault.PartitionRing:  partitionRing,
		fault.BlackHole:      blackHole,
		fault.Reset:          reset,
		fault.SlowLink:       slowLink,
		fault.Clog:           slowLink,
		fault.Move:           move,
		fault.DNSFailure:     resolution,
		fault.ServiceFailure: resolution,
	}
}

func void(why string) effect { return effect{void: why} }

// together ends several things.
func together(lifts []func()) func() {
	return func() {
		for _, lift := range lifts {
			lift()
		}
	}
}

func pause(w *world, _ int, f *fault.Fault) effect {
	return effect{lift: w.net.Pause(f.Target)}
}

func partition(w *world, _ int, f *fault.Fault) effect {
	return effect{lift: w.net.Partition(f.Target, f.Peer, f.OneWay)}
}

// partitionGroup cuts each target off from every host that is none.
func partitionGroup(w *world, _ int, f *fault.Fault) effect {
	inside := map[string]bool{}
	targets := w.plan.Present(f.Targets)
	for _, host := range targets {
		inside[host] = true
	}
	var lifts []func()
	for _, from := range targets {
		for _, to := range w.hosts() {
			if !inside[to] {
				lifts = append(lifts, w.net.Partition(from, to, f.OneWay))
			}
		}
	}
	return effect{lift: together(lifts)}
}

// partitionRing cuts each pair of targets that are not neighbours.
func partitionRing(w *world, _ int, f *fault.Fault) effect {
	var lifts []func()
	targets := w.plan.Present(f.Targets)
	n := len(targets)
	for i, a := range targets {
		for j := i + 1; j < n; j++ {
			if neighbours := j == i+1 || i == 0 && j == n-1; !neighbours {
				lifts = append(lifts, w.net.Partition(a, targets[j], false))
			}
		}
	}
	return effect{lift: together(lifts)}
}

func blackHole(w *world, _ int, f *fault.Fault) effect {
	w.net.BlackHole(f.Target, f.Peer)
	return effect{lift: w.net.Partition(f.Target, f.Peer, false)}
}

func reset(w *world, _ int, f *fault.Fault) effect {
	w.net.Reset(f.Target, f.Peer)
	return effect{}
}

func slowLink(w *world, _ int, f *fault.Fault) effect {
	link := simnet.LinkConfig{LatencyMin: f.Delay.Std(), LatencyMax: f.Delay.Std(), Bandwidth: f.Bandwidth}
	if f.Kind == fault.Clog {
		link.LatencyMin = 0
	}
	return effect{lift: w.net.Slow(f.Target, f.Peer, link)}
}

// move makes the load balancer send an agent to another replica. What the agent
// then sends on its connections arrives at a host that does not know them.
func move(w *world, _ int, f *fault.Fault) effect {
	from, to := w.meshSvc.move(f.Target, f.Peer)
	if to == "" {
		return void("no other replica is ready")
	}
	if from != "" {
		w.net.Reset(f.Target, from)
	}
	return effect{}
}

func resolution(w *world, _ int, f *fault.Fault) effect {
	service := w.kubeSvc
	if mode.Agent.Is(f.Target) && w.plan.InMode().Runs(mode.Replica) {
		service = w.meshSvc
	}
	if f.Kind == fault.DNSFailure {
		return effect{lift: service.unresolve(f.Target)}
	}
	return effect{lift: service.withhold(f.Target)}
}

// hosts are the names of all hosts.
func (w *world) hosts() (names []string) {
	for _, role := range w.plan.InMode().Roles() {
		for i := range w.hostsOf(role) {
			names = append(names, role.Host(i))
		}
	}
	return names
}

// hostsOf is how many hosts of a role there are, faults' included.
func (w *world) hostsOf(role mode.Role) int {
	if !w.plan.InMode().Runs(role) {
		return 0
	}
	return w.plan.Hosts(role)
}
