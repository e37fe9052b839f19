package sim

import (
	"cmp"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/hosts"
	"github.com/meshcheck/meshcheck/sim/stall"
)

const (
	bootBound   = 2 * time.Minute // of virtual time that the start may take before the churn begins regardless
	checkPeriod = time.Second     // between two looks at whether all views have converged

	// quietPeriod is how long all views must have stayed right for the run to end:
	// longer than an agent can take to notice that its replica is dead (without a
	// heartbeat for two minutes, pkg/kvstore/etcd.go) and to list another one, which
	// is when a view that was right goes wrong again.
	quietPeriod = 3 * time.Minute
)

// live is the run: start, churn, heal, end.
func (w *world) live() {
	w.phase("start", "")
	stall.Begin(w.plan, w.stalled)
	w.boot()
	w.phase("churn", "")
	start := w.rec.now()
	go func() {
		defer close(w.worked)
		deploy.Must(hosts.Run(mode.Client.Host(0), func() error { return w.workload.Run(w.ctx, start) }))
	}()
	w.schedule.run()
	stall.End()
	w.phase("heal", time.Duration(w.plan.Settle).String())
	close(w.healed)
	why := w.settle()
	w.workload.End()
	w.phase("end", why)
}

func (w *world) phase(name, value string) {
	w.rec.record(history.Record{Actor: "world", Verb: history.Phase, Key: name, Value: value})
}

// stalled records a stall that is over.
func (w *world) stalled(e stall.Event) {
	host, _ := hosts.Current() // none, of what is the world's and not a process's
	w.rec.record(history.Record{
		Actor: cmp.Or(host, "world"), Verb: history.Stall, Key: e.Function, Value: e.Line, Owner: e.Starter,
		Rev: int64(e.Visit), From: w.rec.now() - time.Duration(e.For), Bytes: int64(e.Offset),
	})
}

// boot starts every process and waits until every agent knows everything.
func (w *world) boot() {
	for _, k := range w.apis {
		k.start()
	}
	for _, o := range w.operators {
		deploy.Must(o.Start())
	}
	w.mode.Start()
	for _, a := range w.agents {
		deploy.Must(a.Start())
	}
	deploy.Must(hosts.Run(mode.Client.Host(0), func() error { w.workload.Begin(w.ctx); return nil }))
	for waited := time.Duration(0); waited < bootBound && (w.workload.Starting() > 0 || !w.converged()); waited += checkPeriod {
		time.Sleep(checkPeriod)
	}
}

// settle waits until all views have stayed as they should be for a while, or for
// as long as the plan allows, and says which.
func (w *world) settle() string {
	bound := time.Duration(w.plan.Settle) + quietPeriod
	quiet := time.Duration(0)
	for waited := time.Duration(0); waited < bound; waited += checkPeriod {
		time.Sleep(checkPeriod)
		quiet += checkPeriod
		if !w.workloadDone() || !w.converged() {
			quiet = 0
		}
		if quiet >= quietPeriod {
			return "settled"
		}
	}
	return "bound"
}

func (w *world) workloadDone() bool {
	select {
	case <-w.worked:
		return true
	default:
		return false
	}
}

// converged reports whether every agent is up and its view is what is true, which agents
// have made known if that is theirs to do.
func (w *world) converged() bool {
	if shared := w.mode.Truth(); shared != nil && shared.Pending() > 0 {
		return false
	}
	for _, a := range w.agents {
		if !a.Running() || !a.View().Equal(w.ledger) {
			return false
		}
	}
	return true
}
