package sim

import (
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/deploy"
)

func agentRestart(w *world, _ int, f *fault.Fault) deploy.Effect {
	var lifts []func()
	ended := int64(0)
	for _, name := range f.Hosts() {
		a := w.agent(name)
		ended += a.stop(f.Kind == fault.AgentRestart)
		lifts = append(lifts, a.start)
	}
	return deploy.Effect{Lift: deploy.Together(lifts), Did: deploy.Did(ended)}
}

func agentSlow(w *world, _ int, f *fault.Fault) deploy.Effect {
	return deploy.Lasting(w.agent(f.Target).slowDown(f.Bandwidth))
}

func operatorRestart(w *world, _ int, f *fault.Fault) deploy.Effect {
	o := w.operator(f.Target)
	ended := o.stop(f.Kind == fault.OperatorRestart)
	return deploy.Effect{Lift: o.start, Did: deploy.Did(ended)}
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
