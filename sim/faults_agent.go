package sim

import (
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/deploy"
)

func agentRestart(w *world, _ int, f *fault.Fault) deploy.Effect {
	var lifts []func()
	for _, name := range f.Hosts() {
		a := w.agent(name)
		a.stop(f.Kind == fault.AgentRestart)
		lifts = append(lifts, a.start)
	}
	return deploy.Effect{Lift: deploy.Together(lifts)}
}

func agentSlow(w *world, _ int, f *fault.Fault) deploy.Effect {
	return deploy.Effect{Lift: w.agent(f.Target).slowDown(f.Bandwidth)}
}

func operatorRestart(w *world, _ int, f *fault.Fault) deploy.Effect {
	o := w.operator(f.Target)
	o.stop(f.Kind == fault.OperatorRestart)
	return deploy.Effect{Lift: o.start}
}

func leaderChange(w *world, _ int, _ *fault.Fault) deploy.Effect {
	for _, o := range w.operators {
		if !o.Leads() {
			continue
		}
		var lifts []func()
		for _, k := range w.apis {
			lifts = append(lifts, w.net.Partition(o.name, k.name, false))
		}
		return deploy.Effect{Lift: deploy.Together(lifts)}
	}
	return deploy.Void("no operator was the leader")
}
