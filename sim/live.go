package sim

import (
	"context"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
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
	w.boot()
	w.phase("churn", "")
	churn := time.Now()
	go func() {
		defer close(w.worked)
		w.workload.Run(context.Background())
	}()
	w.runFaults(churn)
	w.phase("heal", time.Duration(w.plan.Settle).String())
	w.phase("end", w.settle())
}

func (w *world) phase(name, value string) {
	w.rec.record(history.Record{Actor: "world", Verb: history.Phase, Key: name, Value: value})
}

// boot starts every process and waits until every agent knows everything.
func (w *world) boot() {
	for _, k := range w.apis {
		k.start(0)
	}
	for _, r := range w.replicas {
		must(r.StartPod(true))
	}
	for _, a := range w.agents {
		must(a.Start())
	}
	for waited := time.Duration(0); waited < bootBound && !w.converged(); waited += checkPeriod {
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

// converged reports whether every agent is up and its view is what the
// kube-apiserver's objects make true.
func (w *world) converged() bool {
	for _, a := range w.agents {
		if !a.Running() || !a.View().Equal(w.scope.Ledger) {
			return false
		}
	}
	return true
}

// event is the begin or the end of a fault.
type event struct {
	at  time.Duration // since the start of the churn
	run func()
}

// runFaults makes the plan's faults begin and end; at the end of the churn all
// have ended.
func (w *world) runFaults(churn time.Time) {
	var events []event
	for i, f := range w.plan.Faults {
		begin, end := w.fault(i+1, f)
		events = append(events, event{time.Duration(f.At), begin})
		events = append(events, event{min(time.Duration(f.At+f.For), time.Duration(w.plan.Churn)), end})
	}
	slices.SortStableFunc(events, func(a, b event) int { return int(a.at - b.at) })
	for _, e := range events {
		time.Sleep(e.at - time.Since(churn))
		e.run()
	}
	time.Sleep(time.Duration(w.plan.Churn) - time.Since(churn))
}

// fault returns what begins and what ends the n-th fault.
func (w *world) fault(n int, f fault.Fault) (begin, end func()) {
	inject, lift := w.injection(f)
	record := func(verb history.Verb) {
		w.rec.record(history.Record{Actor: "world", Verb: verb, Kind: string(f.Kind), Key: f.Target, Peer: f.Peer, Rev: int64(n), Value: f.Sentence()})
	}
	begin = func() {
		record(history.Fault)
		inject()
	}
	end = func() {
		lift()
		record(history.Heal)
	}
	return begin, end
}

// injection returns what makes a fault and what undoes it.
func (w *world) injection(f fault.Fault) (inject, lift func()) {
	nothing := func() {}
	switch f.Kind {
	case fault.ReplicaLoss:
		r := w.replica(f.Target)
		return r.losePod, r.replacePod
	case fault.WriterRestart:
		r := w.replica(f.Target)
		return r.stopWriter, r.startWriter
	case fault.AgentRestart:
		a := w.agent(f.Target)
		return a.stop, a.start
	case fault.KubeRestart:
		k := w.apiserver(f.Target)
		return k.stop, func() { k.start(time.Duration(f.Lag)) }
	case fault.Partition:
		return lasting(func() func() { return w.net.Partition(f.Target, f.Peer, f.OneWay) })
	case fault.Pause:
		return lasting(func() func() { return w.net.Pause(f.Target) })
	case fault.BlackHole:
		return lasting(func() func() {
			w.net.BlackHole(f.Target, f.Peer)
			if f.For == 0 {
				return nothing
			}
			return w.net.Partition(f.Target, f.Peer, false)
		})
	case fault.Reset:
		return func() { w.net.Reset(f.Target, f.Peer) }, nothing
	}
	panic("fault of unknown kind " + f.Kind) // plans are validated
}

// lasting makes a pair of functions from one that begins something and returns
// what ends it.
func lasting(start func() (stop func())) (begin, end func()) {
	var stop func()
	return func() { stop = start() }, func() { stop() }
}
