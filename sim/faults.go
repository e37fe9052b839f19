package sim

import (
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/service"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

// An injection makes the n-th fault of the plan, counted from 1, take effect. It
// returns at once.
type injection func(w *world, n int, f *fault.Fault) deploy.Effect

var injections map[fault.Kind]injection

func init() {
	injections = map[fault.Kind]injection{

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
		fault.DNSFailure:     resolution,
		fault.ServiceFailure: resolution,
	}
}

// inject makes a fault of the plan take effect: the world's own injections come first,
// then those of what the mode has.
func (w *world) inject(n int, f *fault.Fault) deploy.Effect {
	if own, known := injections[f.Kind]; known {
		return own(w, n, f)
	}
	return w.mode.Injection(f.Kind)(n, f) // there is one, or the fault is not applicable
}

func pause(w *world, _ int, f *fault.Fault) deploy.Effect {
	return deploy.Effect{Lift: w.net.Pause(f.Target)}
}

func partition(w *world, _ int, f *fault.Fault) deploy.Effect {
	return deploy.Effect{Lift: w.net.Partition(f.Target, f.Peer, f.OneWay)}
}

// partitionGroup cuts each target off from every host that is none.
func partitionGroup(w *world, _ int, f *fault.Fault) deploy.Effect {
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
	return deploy.Effect{Lift: deploy.Together(lifts)}
}

// partitionRing cuts each pair of targets that are not neighbours.
func partitionRing(w *world, _ int, f *fault.Fault) deploy.Effect {
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
	return deploy.Effect{Lift: deploy.Together(lifts)}
}

func blackHole(w *world, _ int, f *fault.Fault) deploy.Effect {
	w.net.BlackHole(f.Target, f.Peer)
	return deploy.Effect{Lift: w.net.Partition(f.Target, f.Peer, false)}
}

func reset(w *world, _ int, f *fault.Fault) deploy.Effect {
	w.net.Reset(f.Target, f.Peer)
	return deploy.Effect{}
}

func slowLink(w *world, _ int, f *fault.Fault) deploy.Effect {
	link := simnet.LinkConfig{LatencyMin: f.Delay.Std(), LatencyMax: f.Delay.Std(), Bandwidth: f.Bandwidth}
	if f.Kind == fault.Clog {
		link.LatencyMin = 0
	}
	return deploy.Effect{Lift: w.net.Slow(f.Target, f.Peer, link)}
}

func resolution(w *world, _ int, f *fault.Fault) deploy.Effect {
	service := w.serviceOf(f.Target)
	if f.Kind == fault.DNSFailure {
		return deploy.Effect{Lift: service.Unresolve(f.Target)}
	}
	return deploy.Effect{Lift: service.Withhold(f.Target)}
}

// serviceOf returns the Service by which a client finds its servers.
func (w *world) serviceOf(client string) *service.Service {
	if s := w.mode.Service(); s != nil && mode.Agent.Is(client) {
		return s
	}
	return w.kubeSvc
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
