package load

import (
	"slices"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
)

// measureLoad returns what the servers did: in each second in which a server was up, by
// kind of server and phase, and how many lists all servers of a kind answered in ten
// seconds. Seconds without anything count.
func measureLoad(records []history.Record) (all []property.Measure) {
	t := newTimetable(records)
	for _, kind := range []string{"kube", "etcd"} {
		for _, phase := range []string{"start", "churn", "heal"} {
			busy, idle := t.secondsOf(kind, phase)
			group := kind + ", " + phase
			for _, of := range []struct {
				name, unit string
				value      func(*second) int64
			}{
				{"requests per second", "", func(s *second) int64 { return s.requests }},
				{"watches opened per second", "", func(s *second) int64 { return s.watches }},
				{"events per second", "", func(s *second) int64 { return s.events }},
				{"bytes per second", "B", func(s *second) int64 { return s.bytes }},
			} {
				var samples []int64
				for _, s := range busy {
					samples = append(samples, of.value(s))
				}
				all = appendMeasure(all, of.name, group, of.unit, samples, idle)
			}
		}
		lists, bytes, none := t.relists(kind)
		all = appendMeasure(all, "lists in 10 s", kind, "", lists, none)
		all = appendMeasure(all, "bytes of lists in 10 s", kind, "B", bytes, none)
	}
	return all
}

// appendMeasure appends the distribution of samples, none of which is negative, and as
// many zeros as told, if there are any.
func appendMeasure(all []property.Measure, name, group, unit string, samples []int64, zeros int) []property.Measure {
	n := zeros + len(samples)
	if n == 0 {
		return all
	}
	slices.Sort(samples)
	nearestRank := func(percent int) float64 {
		if rank := max((n*percent+99)/100, 1); rank > zeros {
			return float64(samples[rank-zeros-1])
		}
		return 0
	}
	return append(all, property.Measure{Name: name, Group: group, Unit: unit, N: n, P50: nearestRank(50), P99: nearestRank(99), Max: nearestRank(100)})
}
