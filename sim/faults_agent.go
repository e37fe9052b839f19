package sim

import (
	"github.com/meshcheck/meshcheck/fault"
)

func agentRestart(w *world, _ int, f *fault.Fault) effect {
	var lifts []func()
	for _, name := range f.Hosts() {
		a := w.agent(name)
		a.stop(f.Kind == fault.AgentRestart)
		lifts = append(lifts, a.start)
	}
	return effect{lift: together(lifts)}
}

func agentSlow(w *world, _ int, f *fault.Fault) effect {
	return effect{lift: w.agent(f.Target).slowDown(f.Bandwidth)}
}

func operatorRestart(w *world, _ int, f *fault.Fault) effect {
	o := w.operator(f.Target)
	o.stop(f.Kind == fault.OperatorRestart)
	return effect{lift: o.start}
}

func leaderChange(w *world, _ int, _ *fault.Fault) effect {
	for _, o := range w.operators {
		if !o.Leads() {
			continue
		}
		var lifts []func()
		for _, k := range w.apis {
			lifts = append(lifts, w.net.Partition(o.name, k.name, false))
		}
		return effect{lift: together(lifts)}
	}
	return void("no operator was the leader")
}
