package sources

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

var FirstSync = property.Property{
	Name: mode.FirstSync,
	Promise: "A process whose servers can be reached is ready within a bound from its start: an agent has its complete initial lists within half a minute, which is half of what Cilium waits for them (clustermesh-sync-timeout), or within three minutes where it reads kube-apiservers or a shared etcd itself (k8s-sync-timeout, and as long for the identities); " +
		"a replica's writer has brought everything into its etcd within two minutes, which is for how long Cilium tries to connect with one, and what its rate limit takes for the keys; one operator leads within two durations of its lease, of 15 s. " +
		"What counts is the time in which no fault strikes the process or one of its servers, nor has within the last 125 s, and for an agent a replica is ready and has been for as long as its back-off may be.",
	Why:   "a process that is never ready, or late, is an outage without a fault; cilium 26192, kubernetes 140890",
	Rules: []*property.Rule{neverReady, readyLate},
	Check: checkFirstSync,
	Step: func(v *property.Violation) property.Step {
		return property.Step{Host: v.Client, Part: v.Note, What: "its start: nothing kept it from being ready"}
	},
}

const (
	// pkg/defaults/defaults.go, K8sSyncTimeout; pkg/allocator/allocator.go, start.
	listTimeout = 3 * time.Minute
	// pkg/defaults/defaults.go, KVstoreConnectivityTimeout.
	connectTimeout = 2 * time.Minute
	// operator/option/config.go, LeaderElectionLeaseDuration: one that has died is waited for, and as
	// long again covers the pace at which the lease is asked for.
	leaseDuration = 15 * time.Second
	// For how long a fault that has ended still is a reason: a client of a kube-apiserver notices that
	// nothing comes, and tries again; and the like of an etcd takes no longer.
	recovery = ping + reflectorBackOff + attempt
)

func checkFirstSync(in *property.Input) property.Result {
	if len(in.Records) == 0 {
		return property.Undecided("the history is empty")
	}
	f := firstSync{in: in, base: baseOf(in), qps: bootstrapQPS(in), open: map[string]*boot{}, told: map[string]bool{}, disturbed: in.Disturbances(func(*index.Fault) bool { return true }, "kube", "etcd", "writer")}
	end := len(in.Records) - 1
	if over := in.Phase("end"); over >= 0 { // then every process is stopped
		end = over
	}
	for i := range in.Records[:end] {
		if kind := readyOf(&in.Records[i]); kind != "" {
			f.told[kind] = true
		}
	}
	for i := range in.Records[:end] {
		f.record(i, &in.Records[i])
	}
	for _, who := range slices.Sorted(maps.Keys(f.open)) {
		f.end(f.open[who], end, false)
	}
	var measures []property.Measure
	ready := 0
	for _, kind := range slices.Sorted(maps.Keys(f.took)) {
		ready += len(f.took[kind])
		measures = append(measures, property.NewMeasure(mode.FirstSync, "start to ready, "+kind, f.took[kind]))
	}
	if ready == 0 && len(f.violations) == 0 {
		return property.Undecided(fmt.Sprintf("of none of %s of agents, writers and operators the history says that the process was ready", text.Count(f.starts, "start"))).Measured(measures...)
	}
	return property.Judged(fmt.Sprintf("%s of agents, writers and operators, after %s of which the process was ready", text.Count(f.starts, "start"), text.Thousands(ready)), f.violations).Measured(measures...)
}

// boot is a process that has started and is not ready yet. Of operators, of which one leads, it is the time
// in which none does.
type boot struct {
	kind, host string
	record     int32
	at         time.Duration
}

type firstSync struct {
	in        *property.Input
	base      mode.Base
	qps       int
	disturbed map[string][]index.Disturbance

	told    map[string]bool  // kinds of which the history says anywhere that one is ready, or has waited in vain
	open    map[string]*boot // by kind and host
	ready   []string         // replicas that are
	without []index.Disturbance
	leads   map[string]bool
	running map[string]bool // operators
	keys    int

	starts     int
	took       map[string][]time.Duration
	violations []property.Violation
}

const operatorProcess = "operator"

func (f *firstSync) record(i int, r *history.Record) {
	switch {
	case r.Verb == history.Truth && r.Op == "put":
		f.keys++
	case r.Verb == history.Up && (r.Kind == "agent" || r.Kind == "writer"):
		f.starts++
		f.close(r.Kind+" "+r.Actor, i)
		f.open[r.Kind+" "+r.Actor] = &boot{r.Kind, r.Actor, int32(i), r.At}
		if r.Kind == "writer" && len(f.without) == 0 {
			f.without = append(f.without, index.Disturbance{To: index.Forever})
		}
	case r.Verb == history.Down && (r.Kind == "agent" || r.Kind == "writer"):
		f.close(r.Kind+" "+r.Actor, i)
	case r.Verb == history.Synced:
		if b := f.open["agent "+r.Actor]; b != nil {
			f.end(b, i, r.Value == "synced")
		}
	case r.Kind == operatorProcess && (r.Verb == history.Up || r.Verb == history.Down || r.Verb == history.Ready || r.Verb == history.Unready):
		f.operator(i, r)
	case r.Kind == "" && mode.Replica.Is(r.Actor) && (r.Verb == history.Ready || r.Verb == history.Unready):
		f.replica(i, r)
	}
}

// readyOf is the kind of process of which a record says that it is ready, or has stopped waiting.
func readyOf(r *history.Record) string {
	switch {
	case r.Verb == history.Synced:
		return "agent"
	case r.Verb == history.Ready && r.Kind == operatorProcess:
		return operatorProcess
	case r.Verb == history.Ready && mode.Replica.Is(r.Actor):
		return "writer"
	}
	return ""
}

// replica takes note of a replica that has become ready, or ceased to be.
func (f *firstSync) replica(i int, r *history.Record) {
	f.ready = slices.DeleteFunc(f.ready, func(name string) bool { return name == r.Actor })
	if r.Verb == history.Ready {
		if b := f.open["writer "+r.Actor]; b != nil {
			f.end(b, i, true)
		}
		f.ready = append(f.ready, r.Actor)
	}
	last := len(f.without) - 1
	switch open := last >= 0 && f.without[last].To == index.Forever; {
	case open && len(f.ready) > 0:
		f.without[last].To = r.At
	case !open && len(f.ready) == 0:
		f.without = append(f.without, index.Disturbance{From: r.At, To: index.Forever})
	}
}

// operator takes note of which operators run and lead.
func (f *firstSync) operator(i int, r *history.Record) {
	if f.leads == nil {
		f.leads, f.running = map[string]bool{}, map[string]bool{}
	}
	switch r.Verb {
	case history.Up:
		f.starts++
		f.running[r.Actor] = true
	case history.Down:
		delete(f.running, r.Actor)
		delete(f.leads, r.Actor)
	case history.Ready:
		f.leads[r.Actor] = true
	case history.Unready:
		delete(f.leads, r.Actor)
	}
	b := f.open[operatorProcess]
	switch {
	case b != nil && len(f.leads) > 0:
		f.end(b, i, true)
	case b != nil && !f.running[b.host]:
		f.close(operatorProcess, i)
	}
	if f.open[operatorProcess] == nil && len(f.leads) == 0 && len(f.running) > 0 {
		first := slices.Sorted(maps.Keys(f.running))[0]
		f.open[operatorProcess] = &boot{operatorProcess, first, int32(i), r.At}
	}
}

// close ends the time of a process that was not ready when it ended, if there is one.
func (f *firstSync) close(who string, i int) {
	if b := f.open[who]; b != nil {
		f.end(b, i, false)
	}
}

// end judges the time until a record, at which a process became ready or ceased to wait.
func (f *firstSync) end(b *boot, i int, ready bool) {
	who := b.kind + " " + b.host
	if b.kind == operatorProcess {
		who = b.kind
	}
	delete(f.open, who)
	at := f.in.Records[i].At
	if ready {
		if f.took == nil {
			f.took = map[string][]time.Duration{}
		}
		f.took[b.kind] = append(f.took[b.kind], at-b.at)
	}
	if !f.told[b.kind] {
		return
	}
	bound := f.bound(b.kind)
	calm := f.calm(b, at)
	if calm < bound {
		return
	}
	rule := neverReady
	if ready {
		rule = readyLate
	}
	f.violations = append(f.violations, property.NewViolation(rule, property.Facts{Client: b.host, Note: b.kind, At: at, Since: b.at, After: calm, Allowed: bound}, b.record, int32(i)))
}

func (f *firstSync) bound(kind string) time.Duration {
	switch {
	case kind == operatorProcess:
		return 2 * leaseDuration
	case kind == "writer":
		return connectTimeout + time.Duration(f.keys)*time.Second/time.Duration(f.qps)
	case f.base == mode.CRD || f.base == mode.KVStore:
		return listTimeout
	}
	return syncTimeout / 2
}

// calm is how much of the time from a process's start on nothing kept it from being ready.
func (f *firstSync) calm(b *boot, until time.Duration) (total time.Duration) {
	var faults []index.Disturbance
	for host, all := range f.disturbed {
		own := host == b.host
		server := mode.APIServer.Is(host) || b.kind == "agent" && (mode.Replica.Is(host) || mode.Etcd.Is(host))
		for _, d := range all {
			switch {
			case server && !own && d.To != index.Forever:
				d.To += recovery
			case own && d.To <= b.at, !server && !own: // what it starts after
				continue
			case own && d.To != index.Forever:
				d.To += recovery
			}
			faults = append(faults, d)
		}
	}
	if b.kind == "agent" && f.base.Replicated() {
		for _, d := range f.without {
			if d.To != index.Forever {
				d.To += backOff(d.To - max(d.From, b.at))
			}
			faults = append(faults, d)
		}
	}
	slices.SortFunc(faults, func(x, y index.Disturbance) int { return cmp.Compare(x.From, y.From) })
	from := b.at
	for _, d := range faults {
		if d.To <= from {
			continue
		}
		if d.From >= until {
			break
		}
		total += max(d.From-from, 0)
		from = max(from, d.To)
		if from >= until {
			return total
		}
	}
	return total + max(until-from, 0)
}

var (
	neverReady = firstSyncRule("never", func(f *property.Facts) string { return "was not ready at " + text.Seconds(f.At) })
	readyLate  = firstSyncRule("late", func(f *property.Facts) string { return "was ready only at " + text.Seconds(f.At) })
)

func firstSyncRule(name string, what func(*property.Facts) string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		who := "the " + f.Note + " of " + f.Client + ", which started at "
		if f.Note == operatorProcess {
			who = "one of the operators, of which none led from "
		}
		return fmt.Sprintf("%s%s, %s: nothing disturbed it for %s of that, and %s are enough", who, text.Seconds(f.Since), what(f), text.Seconds(f.After), text.Seconds(f.Allowed))
	}}
}

// baseOf is how agents read by the history's plan.
func baseOf(in *property.Input) mode.Base {
	var plan struct{ Mode string }
	if json.Unmarshal([]byte(in.History.Plan), &plan) != nil {
		return ""
	}
	m, err := mode.Parse(plan.Mode)
	if err != nil {
		return ""
	}
	return m.Base
}

// bootstrapQPS is the limit of a writer's requests until it has written everything once.
func bootstrapQPS(in *property.Input) int {
	var plan struct {
		Options struct{ WriterBootstrapQPS int }
	}
	if json.Unmarshal([]byte(in.History.Plan), &plan) != nil || plan.Options.WriterBootstrapQPS <= 0 {
		return 10_000
	}
	return plan.Options.WriterBootstrapQPS
}
