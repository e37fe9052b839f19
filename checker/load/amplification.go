package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

var Amplification = property.Property{
	Name: mode.Amplification,
	Promise: "What a user changes is not multiplied: in a time of half a minute or more in which no fault is in force, nor has been for 125 s, the kube-apiservers acknowledge at most 8 writes for each operation of the workload in it and the minute before, two for each pod on the node that one changes, and 8 for each in the namespace that one deletes, and two for each identity that there is (its mark and its deletion), and 20; leases do not count. " +
		"And each replica's etcd applies at most two changes for each change of what is true, likewise, and two for each key that there is and each time that its writer has started; what ends with its lease does not count, nor that its writer puts it back. Requests, events and bytes for each operation are measured.",
	Why:   "a change of one pod is a write or more to a server, and an event to each of its clients: what is multiplied there is multiplied once more by the number of agents; cilium 38030",
	Rules: []*property.Rule{manyWrites, manyPuts},
	Check: checkAmplification,
	Step:  amplificationStep,
}

// amplificationStep is that of a replica's writer, or of those who write to kube-apiservers.
func amplificationStep(v *property.Violation) property.Step {
	if v.Rule.Name == manyPuts.Name {
		return property.Step{Host: v.Server, Part: "writer", What: "it put more than there was to put"}
	}
	return property.Step{Part: "agents and operators", What: "they wrote more than there was to write"}
}

const (
	writesPerOperation = 8 // Pod, its status, CiliumEndpoint, namespace, two slices and identity; and one more
	writesPerObject    = 2
	putsPerTruth       = 2
	slack              = 20
	carried            = time.Minute      // how long what was changed before may still be written
	least              = 30 * time.Second // that is judged
	// For how long a fault that has ended still is a reason (sources.FirstSync).
	recovers = 125 * time.Second
)

func checkAmplification(in *property.Input) property.Result {
	churn, end := in.Phase("churn"), in.Phase("end")
	if churn < 0 || end < 0 {
		return property.Undecided("the history has no churn, or no end")
	}
	a := amplification{in: in, puts: map[string]int{}, starts: map[string]int{}, nodes: map[string]string{}, onNode: map[string]int{}, pods: map[string]int{}, identities: map[string]bool{}, expired: map[string]bool{}}
	measures := a.measures(churn, end)
	times := a.calm(in.Records[churn].At, in.Records[end].At)
	if len(times) == 0 {
		return property.Undecided(fmt.Sprintf("there was no %v without a fault, and none for %v after one", least, recovers)).Measured(measures...)
	}
	var total time.Duration
	for i := range in.Records[:end] {
		for len(times) > 0 && in.Records[i].At >= times[0].to {
			a.judge(times[0], i)
			total += times[0].to - times[0].from
			times = times[1:]
		}
		if len(times) > 0 {
			a.record(&in.Records[i], times[0])
		}
	}
	if len(times) > 0 {
		a.judge(times[0], end)
		total += times[0].to - times[0].from
	}
	if a.told == 0 {
		return property.Undecided("the history has no write").Measured(measures...)
	}
	return property.Judged(fmt.Sprintf("%s and %s of replicas' etcds in %s without a fault, for %s and %s of what is true",
		text.Count(a.allWrites, "write"), text.Count(a.allPuts, "change"), text.Seconds(total), text.Count(a.allOperations, "operation"), text.Count(a.allTruths, "change")), a.violations).Measured(measures...)
}

// calmTime is a time without a fault.
type calmTime struct{ from, to time.Duration }

type amplification struct {
	in         *property.Input
	nodes      map[string]string // of pods
	onNode     map[string]int    // pods
	pods       map[string]int    // that were made, by namespace
	identities map[string]bool
	expired    map[string]bool // keys of stores that went with their lease
	keys       int             // that there are

	operations, truths, writes, most int
	puts, starts                     map[string]int // by replica
	told                             int

	allWrites, allPuts, allOperations, allTruths int
	violations                                   []property.Violation
}

// calm are the times in which no fault is in force, and has not been for a while.
func (a *amplification) calm(from, to time.Duration) (times []calmTime) {
	faults := slices.Clone(a.in.Faults)
	slices.SortStableFunc(faults, func(x, y *index.Fault) int { return int(x.From - y.From) })
	add := func(until time.Duration) {
		if until-from >= least {
			times = append(times, calmTime{from, until})
		}
	}
	for _, f := range faults {
		add(min(f.From, to))
		if f.To == index.Forever {
			return times
		}
		from = max(from, f.To+recovers)
	}
	add(to)
	return times
}

func (a *amplification) record(r *history.Record, t calmTime) {
	counts, within := r.At >= t.from-carried, r.At >= t.from
	switch {
	case r.Verb == history.Write:
		a.told++
		a.follow(r)
		if within && r.Kind != object.LeaseKind {
			a.writes++
		}
	case r.Verb == history.Truth:
		if counts {
			a.truths++
		}
	case (r.Verb == history.Put || r.Verb == history.Del) && mode.Replica.Is(r.Actor) && r.Kind != history.Meta:
		if r.Verb == history.Put {
			a.keys++
		}
		if !a.ofLease(r) && within {
			a.puts[r.Actor]++
		}
	case r.Verb == history.Up && r.Kind == "writer" && counts:
		a.starts[r.Actor]++
	case r.Verb == history.Operation && counts:
		a.operation(r)
	}
}

func (a *amplification) operation(r *history.Record) {
	a.operations++
	if r.Kind == "CiliumNode" {
		a.most += writesPerObject * a.onNode[r.Key]
	}
	if r.Kind == "Namespace" {
		a.most += writesPerOperation * a.pods[r.Key]
	}
}

// ofLease reports whether nobody asked for the deletion of a key, which its lease took with it, or the key is put back
// after that, once. That may be long after the fault that left the key with it.
func (a *amplification) ofLease(r *history.Record) bool {
	key := r.Store + r.Key
	was := a.expired[key]
	a.expired[key] = r.Verb == history.Del && !a.in.Store(r.Store).Requested(a.in.Records, r.Key, r.Rev)
	return a.expired[key] || was && r.Verb == history.Put
}

// follow keeps which pods are on which node, and which identities there are.
func (a *amplification) follow(r *history.Record) {
	switch r.Kind {
	case object.IdentityKind:
		if r.Op == "delete" {
			delete(a.identities, r.Key)
		} else {
			a.identities[r.Key] = true
		}
		if r.Op == "create" {
			a.most += writesPerObject
		}
	case object.PodKind:
		node := ""
		if r.Op != "delete" {
			if p, err := object.ParsePod(r.Value); err == nil {
				node = p.Node
			}
		}
		if r.Op == "create" {
			namespace, _, _ := strings.Cut(r.Key, "/")
			a.pods[namespace]++
		}
		if was := a.nodes[r.Key]; was != node {
			a.onNode[was]--
			a.onNode[node]++
			a.nodes[r.Key] = node
		}
	}
}

// judge judges a time that is over, and begins the next. An operation that had begun counts, though it ends after it.
func (a *amplification) judge(t calmTime, i int) {
	a.allWrites, a.allOperations, a.allTruths = a.allWrites+a.writes, a.allOperations+a.operations, a.allTruths+a.truths
	for j := i; j < len(a.in.Records); j++ {
		if r := &a.in.Records[j]; r.Verb == history.Operation && r.From < t.to {
			a.operation(r)
		}
	}
	bound := slack + writesPerOperation*a.operations + a.most + writesPerObject*len(a.identities)
	facts := property.Facts{At: t.to, Since: t.from, After: t.to - t.from}
	if a.writes > bound {
		f := facts
		f.Counts = map[string]int{"done": a.writes, "bound": bound, "for": a.operations}
		a.violations = append(a.violations, property.NewViolation(manyWrites, f, int32(i)))
	}
	for _, host := range slices.Sorted(maps.Keys(a.puts)) {
		bound := slack + putsPerTruth*a.truths + putsPerTruth*a.starts[host]*a.keys
		a.allPuts += a.puts[host]
		if a.puts[host] > bound {
			f := facts
			f.Server, f.Counts = host, map[string]int{"done": a.puts[host], "bound": bound, "for": a.truths}
			a.violations = append(a.violations, property.NewViolation(manyPuts, f, int32(i)))
		}
	}
	a.operations, a.truths, a.writes, a.most = 0, 0, 0, 0
	clear(a.puts)
	clear(a.starts)
}

// measures are what there was in the churn and after it for each operation.
func (a *amplification) measures(churn, end int) []property.Measure {
	var operations, requests, events, bytes int64
	for i := range a.in.Records[:end] {
		r := &a.in.Records[i]
		if i < churn {
			continue
		}
		switch r.Verb {
		case history.Operation:
			operations++
		case history.Request, history.Call:
			requests++
			bytes += r.Bytes
		case history.Event:
			events++
			bytes += r.Bytes
		}
	}
	if operations == 0 {
		return nil
	}
	var all []property.Measure
	for _, m := range []struct {
		name, unit string
		n          int64
	}{{"requests for each operation", "", requests}, {"events for each operation", "", events}, {"bytes for each operation", "B", bytes}} {
		all = appendMeasure(all, m.name, "churn and heal", m.unit, []int64{m.n / operations}, 0)
	}
	return all
}

func amplified(name, what, of string) *property.Rule {
	return &property.Rule{Name: name, Text: func(f *property.Facts) string {
		server := "the kube-apiservers"
		if f.Server != "" {
			server = "the etcd of " + f.Server
		}
		return fmt.Sprintf("%s had %s from %s to %s, in which no fault was a reason, for %s; the bound is %s",
			server, text.Count(f.Counts["done"], what), text.Seconds(f.Since), text.Seconds(f.At), fmt.Sprintf(of, text.Thousands(f.Counts["for"])), text.Thousands(f.Counts["bound"]))
	}}
}

var (
	manyWrites = amplified("writes", "write", "%s operations of the workload")
	manyPuts   = amplified("changes", "change", "%s changes of what is true")
)
