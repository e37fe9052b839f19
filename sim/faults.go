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
		fault.KubeEtcdLoss:     kubeEtcdLoss,
		fault.KubeThrottle:     kubeRule,
		fault.KubeErrors:       kubeRule,
		fault.KubeSlowLists:    kubeRule,
		fault.KubeListErrors:   kubeRule,
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
		fault.EndpointsLate:  endpointsLate,
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

// between says of links that they are between two hosts, or only that from one to the other.
func between(a, b string, oneWay bool) func(from, to string) bool {
	return func(from, to string) bool { return from == a && to == b || !oneWay && from == b && to == a }
}

// around says of links that they are between hosts and all others, or only those to others.
func around(hosts []string, oneWay bool) func(from, to string) bool {
	inside := map[string]bool{}
	for _, host := range hosts {
		inside[host] = true
	}
	return func(from, to string) bool {
		return inside[from] && !inside[to] || !oneWay && inside[to] && !inside[from]
	}
}

func pause(w *world, _ int, f *fault.Fault) deploy.Effect {
	return deploy.Cut(w.net, w.net.Pause(f.Target), around(f.Hosts(), false))
}

func partition(w *world, _ int, f *fault.Fault) deploy.Effect {
	return deploy.Cut(w.net, w.net.Partition(f.Target, f.Peer, f.OneWay), between(f.Target, f.Peer, f.OneWay))
}

// cut keeps messages from arriving on the links between hosts that it says, of pairs that
// are cut in both directions at once.
func (w *world) cut(from, to []string, oneWay bool, cuts func(from, to string) bool) deploy.Effect {
	var lifts []func()
	for _, a := range from {
		for _, b := range to {
			if cuts(a, b) {
				lifts = append(lifts, w.net.Partition(a, b, oneWay))
			}
		}
	}
	return deploy.Cut(w.net, deploy.Together(lifts), cuts)
}

// partitionGroup cuts each target off from every host that is none.
func partitionGroup(w *world, _ int, f *fault.Fault) deploy.Effect {
	targets := w.plan.Present(f.Targets)
	e := w.cut(targets, w.hosts(), f.OneWay, around(targets, f.OneWay))
	e.Hosts = targets
	return e
}

// partitionRing cuts each pair of targets that are not neighbours.
func partitionRing(w *world, _ int, f *fault.Fault) deploy.Effect {
	targets := w.plan.Present(f.Targets)
	place := map[string]int{}
	for i, host := range targets {
		place[host] = i + 1
	}
	n := len(targets)
	e := w.cut(targets, targets, true, func(from, to string) bool {
		i, j := place[from], place[to]
		return i > 0 && j > 0 && (i-j+n)%n > 1 && (j-i+n)%n > 1
	})
	e.Hosts = targets
	return e
}

func blackHole(w *world, _ int, f *fault.Fault) deploy.Effect {
	dead := deploy.Effect{Did: deploy.Did(w.net.BlackHole(f.Target, f.Peer))}
	e := partition(w, 0, f)
	dead.Lift = e.Lift
	return dead.And(func() int64 { return e.Did()[0] })
}

func reset(w *world, _ int, f *fault.Fault) deploy.Effect {
	return deploy.Effect{Did: deploy.Did(w.net.Reset(f.Target, f.Peer))}
}

func slowLink(w *world, _ int, f *fault.Fault) deploy.Effect {
	link := simnet.LinkConfig{LatencyMin: f.Delay.Std(), LatencyMax: f.Delay.Std(), Bandwidth: f.Bandwidth}
	if f.Kind == fault.Clog {
		link.LatencyMin = 0
	}
	return deploy.Effect{Lift: w.net.Slow(f.Target, f.Peer, link), Did: deploy.Since(func() int64 {
		sent, _ := w.net.Sent(between(f.Target, f.Peer, false))
		return sent
	})}
}

func resolution(w *world, _ int, f *fault.Fault) deploy.Effect {
	service := w.serviceOf(f.Target)
	fails := service.Withhold
	if f.Kind == fault.DNSFailure {
		fails = service.Unresolve
	}
	return deploy.Effect{Lift: fails(f.Target), Did: deploy.Since(func() int64 { return service.Failed(f.Target) })}
}

func endpointsLate(w *world, _ int, f *fault.Fault) deploy.Effect {
	var late []deploy.Effect
	for _, host := range f.Hosts() {
		late = append(late, deploy.Lasting(w.serviceOf(host).Delay(host, f.Lag.Std())))
	}
	return deploy.All(late)
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
