package load

import (
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// reading is what an agent that hands over has of the kube-apiservers while it reads CRDs.
type reading struct {
	since                 time.Duration
	lists, watches, bytes int64
}

// measureHandover returns, of each time that an agent began to read CRDs and stopped again, as
// it could read an etcd, how long that was and what the kube-apiservers answered and sent it of
// the kinds that it could have read there: what informers cost that are started only to be
// stopped. A watch that asks for the state first counts as a list and as a watch. Of those that
// still read CRDs when the agent or the run ended there is the time only.
func measureHandover(records []history.Record) (all []property.Measure) {
	open := map[string]*reading{}
	watches := map[int64]string{} // of agents that read CRDs, by number
	var stopped []reading
	var took, others []time.Duration
	end := func(agent string, at time.Duration, goesOver bool) {
		r := open[agent]
		if r == nil {
			return
		}
		delete(open, agent)
		if !goesOver {
			others = append(others, at-r.since)
			return
		}
		stopped, took = append(stopped, *r), append(took, at-r.since)
	}
	for i := range records {
		switch r := &records[i]; {
		case r.Verb == history.Reading:
			reads := slices.Contains(strings.Split(r.Key, ","), string(mode.FromAPIServer))
			if reads && open[r.Actor] == nil {
				open[r.Actor] = &reading{since: r.At}
			} else if !reads {
				end(r.Actor, r.At, r.Op == history.GoesOver)
			}
		case r.Verb == history.Down && r.Kind == "agent", r.Verb == history.Phase && r.Key == "end":
			for _, agent := range sortedKeys(open) {
				if agent == r.Actor || r.Verb == history.Phase {
					end(agent, r.At, false)
				}
			}
		case r.Verb == history.Request && r.Op == "list" && open[r.Peer] != nil && schema.MakesStored(r.Kind):
			open[r.Peer].lists++
			open[r.Peer].bytes += r.Bytes
		case r.Verb == history.Watch && r.Store == "" && open[r.Peer] != nil && schema.MakesStored(r.Kind):
			watches[r.ID] = r.Peer
			open[r.Peer].watches++
			if strings.HasPrefix(r.Ask, "initial:") {
				open[r.Peer].lists++
			}
		case r.Verb == history.Event && watches[r.ID] != "" && open[watches[r.ID]] != nil:
			open[watches[r.ID]].bytes += r.Bytes
		}
	}
	if len(took) > 0 {
		all = append(all, property.NewMeasure("CRDs read", "until the etcd was read", took))
		for _, of := range []struct {
			name, unit string
			value      func(reading) int64
		}{
			{"lists of CRDs", "", func(r reading) int64 { return r.lists }},
			{"watches of CRDs", "", func(r reading) int64 { return r.watches }},
			{"bytes of CRDs", "B", func(r reading) int64 { return r.bytes }},
		} {
			var samples []int64
			for _, r := range stopped {
				samples = append(samples, of.value(r))
			}
			all = appendMeasure(all, of.name, "until the etcd was read", of.unit, samples, 0)
		}
	}
	if len(others) > 0 {
		all = append(all, property.NewMeasure("CRDs read", "until the agent's or the run's end", others))
	}
	return all
}

func sortedKeys[T any](m map[string]T) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
