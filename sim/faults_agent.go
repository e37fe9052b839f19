package sim

import (
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/deploy"
)

func agentRestart(w *world, _ int, f *fault.Fault) deploy.Effect {
	var effects []deploy.Effect
	for _, name := range f.Hosts() {
		a := w.agent(name)
		effects = append(effects, deploy.HeldDown(a.stop(f.Kind == fault.AgentRestart), a.start, a.Running))
	}
	return deploy.All(effects)
}

func agentSlow(w *world, _ int, f *fault.Fault) deploy.Effect {
	return deploy.Lasting(w.agent(f.Target).slowDown(f.Bandwidth))
}

func operatorRestart(w *world, _ int, f *fault.Fault) deploy.Effect {
	o := w.operator(f.Target)
	return deploy.HeldDown(o.stop(f.Kind == fault.OperatorRestart), o.start, func() bool { return o.down == 0 })
}

func leaderChange(w *world, _ int, _ *fault.Fault) deploy.Effect {
	for _, o := range w.operators {
		if !o.Leads() {
			continue
		}
		var servers []string
		for _, k := range w.apis {
			servers = append(servers, k.name)
		}
		e := w.cut([]string{o.name}, servers, false, func(from, to string) bool {
			return from == o.name && mode.APIServer.Is(to) || to == o.name && mode.APIServer.Is(from)
		})
		e.Hosts, e.Peers = []string{o.name}, servers
		return e
	}
	return deploy.Void("no operator was the leader")
}
