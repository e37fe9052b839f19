package index

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Fault is a fault that took effect.
type Fault struct {
	Number   int64
	Begin    int32 // the record
	Kind     string
	Disturbs []disturb.Kind
	Hosts    []string
	Peers    []string
	Members  []string      // other members of an etcd of which it strikes one, who do without it
	From, To time.Duration // one instant if it was never lifted

	Effect string // what it did, as history.Effect says it; "" if the history does not
	Did    bool   // it did something; true if the history does not say
}

// Is reports whether the fault disturbs one of these.
func (f *Fault) Is(kinds ...disturb.Kind) bool {
	return slices.ContainsFunc(f.Disturbs, func(k disturb.Kind) bool { return slices.Contains(kinds, k) })
}

// Misconfigured returns the fault by which the writer of a store ran with a configuration that is
// not the cluster's when it asked for a put; nil if it ran with the cluster's.
func (x *Index) Misconfigured(s *Store, put *history.Record) *Fault {
	for _, f := range slices.Backward(x.Faults) {
		if !f.Is(disturb.ConfigWrong) || !slices.Contains(f.Hosts, s.Actor) {
			continue
		}
		if asked := s.AskedAt(x.Records, put); f.From <= asked && asked <= f.To {
			return f
		}
	}
	return nil
}

// indexFaults returns the faults in order of their beginning.
func indexFaults(records []history.Record) (all []*Fault) {
	begun := map[int64]*Fault{}
	members := members(records)
	for i := range records {
		r := &records[i]
		switch f := begun[r.Rev]; {
		case r.Verb == history.Fault:
			f = &Fault{Number: r.Rev, Begin: int32(i), Kind: r.Kind, Hosts: list(r.Key), Peers: list(r.Peer), From: r.At, To: r.At, Did: true}
			for _, what := range list(r.Op) {
				f.Disturbs = append(f.Disturbs, disturb.Kind(what))
			}
			if r.Op == "" {
				f.Disturbs = guessed[r.Kind]
			}
			for _, host := range f.Hosts {
				for _, m := range members[host] {
					if !f.Strikes(m) {
						f.Members = append(f.Members, m)
					}
				}
			}
			begun[r.Rev] = f
			all = append(all, f)
		case f == nil:
		case r.Verb == history.Heal:
			f.To = r.At
		case r.Verb == history.Effect:
			f.Effect, f.Did = r.Value, did(r.Value)
		}
	}
	return all
}

// members returns those who share an etcd that agents share, by each of their hosts.
func members(records []history.Record) map[string][]string {
	stores := map[string][]string{}
	for i := range records {
		r := &records[i]
		if r.Verb == history.Up && r.Kind == processEtcd && mode.Etcd.Is(r.Actor) && !slices.Contains(stores[r.Store], r.Actor) {
			stores[r.Store] = append(stores[r.Store], r.Actor)
		}
	}
	all := map[string][]string{}
	for _, store := range slices.Sorted(maps.Keys(stores)) {
		for _, host := range stores[store] {
			all[host] = stores[store]
		}
	}
	return all
}

// list takes names apart that are joined by commas.
func list(names string) []string {
	if names == "" {
		return nil
	}
	return strings.Split(names, ",")
}

// did reports whether one of the counts of an effect is not zero.
func did(effect string) bool {
	for count := range strings.FieldsSeq(effect) {
		_, number, _ := strings.Cut(count, ":")
		if n, err := strconv.ParseInt(number, 10, 64); err != nil || n != 0 {
			return true
		}
	}
	return false
}

// guessed is what faults disturb in histories that do not say so: those of versions 1
// and 2 of the file form. This is the only place that concludes it from a fault's kind.
var guessed = map[string][]disturb.Kind{
	"writer-pause":    {disturb.WriterFrozen},
	"etcd-slow":       {disturb.EtcdLate},
	"etcd-stall":      {disturb.EtcdLate},
	"etcd-quota":      {disturb.EtcdFull},
	"etcd-compaction": {disturb.RevisionsLost},
	"etcd-clock":      {disturb.LeasesAged},
	"kube-restart":    {disturb.ProcessEnded, disturb.CacheBehind},
	"kube-lag":        {disturb.CacheBehind},
	"kube-freeze":     {disturb.CacheBehind},
	"pause":           {disturb.Cut},
	"partition":       {disturb.Cut},
	"partition-group": {disturb.Cut},
	"partition-ring":  {disturb.CutRing},
	"black-hole":      {disturb.ConnectionsDead, disturb.Cut},
}

// Phase returns the record with which a phase begins, the last one if there are several;
// -1 if it does not.
func (x *Index) Phase(name string) int {
	return x.Last(0, len(x.Records), func(r *history.Record) bool { return r.Verb == history.Phase && r.Key == name })
}

// Churn returns the records of the churn phase.
func (x *Index) Churn() (from, to int) {
	from, to = x.Phase("churn"), x.Phase("heal")
	if to < 0 {
		to = len(x.Records)
	}
	if from < 0 {
		from = to
	}
	return from, to
}

// Horizon is when the plan's bound after the heal has passed.
type Horizon struct {
	Heal     int           // record of the heal
	End      int           // the run's last record
	Bound    time.Duration // that the heal gives
	Deadline time.Duration // instant of the heal plus the bound
	Over     bool          // the run went on until then
	Passed   time.Duration // from the heal to the run's end
	Problem  string        // why there is no horizon, if there is none
}

// Horizon returns when the bound after the heal has passed.
func (x *Index) Horizon() Horizon {
	heal := x.Phase("heal")
	if heal < 0 {
		return Horizon{Problem: "the run has no heal phase"}
	}
	r := &x.Records[heal]
	bound, err := time.ParseDuration(r.Value)
	if err != nil {
		return Horizon{Problem: fmt.Sprintf("the bound of the heal phase, %q, is not a duration such as 5m0s", r.Value)}
	}
	h := Horizon{Heal: heal, End: len(x.Records) - 1, Bound: bound, Deadline: r.At + bound}
	h.Passed = x.Records[h.End].At - r.At
	h.Over = h.Passed >= bound
	return h
}
