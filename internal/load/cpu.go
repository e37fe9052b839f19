package load

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/capacity"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report/plot"
)

// CPU is what the servers of a cost take for it, by prices of what was counted. Writes of a replica by itself are its
// writer's, whose work counts, too.
func (c *Cost) CPU(prices *fault.Capacity) time.Duration {
	p := prices.Of(c.Server)
	if p == nil {
		return 0
	}
	sum := time.Duration(c.Watches)*p.Read.Std() + time.Duration(c.Events)*p.Event.Std() + time.Duration(c.ListBytes)*p.Kilobyte.Std()/1024
	for verb, n := range c.Requests {
		sum += time.Duration(n) * priceOf(p, verb, c.Server == c.Client)
	}
	return sum
}

// priceOf is that of a request; that of a renewal of a lease was not measured.
func priceOf(p *fault.Prices, verb string, own bool) time.Duration {
	switch {
	case verb == "lease keepalive":
		return 0
	case reads(verb):
		return p.Read.Std()
	case own:
		return p.Write.Std() + p.Change.Std()
	}
	return p.Write.Std()
}

// reads reports whether a request changes nothing.
func reads(verb string) bool {
	return verb == "get" || verb == "list" || verb == "discovery" || verb == "range"
}

// priced are prices as they were measured, and the two pairs of extremes: events at their least beside requests at
// their most, and the other way round.
type priced struct{ median, few, many *fault.Capacity }

func pricedAt(slices bool) priced {
	least, most := capacity.Measured(1, slices, capacity.Least), capacity.Measured(1, slices, capacity.Most)
	mix := func(requests, events *fault.Prices) *fault.Prices {
		p := *requests
		p.Event, p.Kilobyte = events.Event, events.Kilobyte
		return &p
	}
	return priced{
		median: capacity.Measured(1, slices, capacity.Median),
		few:    &fault.Capacity{APIServers: mix(most.APIServers, least.APIServers), Replicas: mix(most.Replicas, least.Replicas)},
		many:   &fault.Capacity{APIServers: mix(least.APIServers, most.APIServers), Replicas: mix(least.Replicas, most.Replicas)},
	}
}

// seconds is how many seconds of a core a cost takes with some prices.
func seconds(prices *fault.Capacity) func(*Cost) float64 {
	return func(c *Cost) float64 { return c.CPU(prices).Seconds() }
}

// work adds up what each server's CPU was busy with, by the prices of the plan or, if it has none, by those that were
// measured, in equal parts of a run.
type work struct {
	prices *fault.Capacity
	first  map[int64]bool // watches that are sent what they begin with
	series *series
	busy   map[string][]time.Duration // of each host, in each second
}

func newWork(s *series, plan *fault.Plan) *work {
	w := &work{prices: plan.Capacity, first: map[int64]bool{}, series: s, busy: map[string][]time.Duration{}}
	if w.prices == nil {
		w.prices = capacity.Measured(1, plan.Options.EndpointSlices, capacity.Median)
	}
	return w
}

func (w *work) add(r *history.Record) {
	if r.Peer == "" {
		return
	}
	p := w.prices.Of(mode.RoleOf(r.Actor))
	if p == nil {
		return
	}
	took := time.Duration(0)
	switch r.Verb {
	case history.Request, history.Call:
		took = priceOf(p, r.Op, r.Actor == r.Peer)
		if ranges(r) {
			took += time.Duration(r.Bytes) * p.Kilobyte.Std() / 1024
		}
	case history.Lease:
		took = priceOf(p, "lease "+r.Op, r.Actor == r.Peer)
	case history.Watch:
		took = p.Read.Std()
		w.first[r.ID] = AsksInitial(r)
	case history.Event:
		if w.first[r.ID] {
			took = time.Duration(r.Bytes) * p.Kilobyte.Std() / 1024
			delete(w.first, r.ID)
		} else {
			took = time.Duration(Changes(r.Value)) * p.Event.Std()
		}
	default:
		return
	}
	second := int(r.At / time.Second)
	for len(w.busy[r.Actor]) <= second {
		w.busy[r.Actor] = append(w.busy[r.Actor], 0)
	}
	w.busy[r.Actor][second] += took
	w.series.add(labels{metric: cpu, host: r.Actor, client: r.Peer}, took.Seconds())
}

// parts is in how many equal parts of a run a result has what servers were busy with.
const parts = 120

// cores are how many cores each host was busy with, in the mean of each part of a run.
func (w *work) cores(end time.Duration) map[string][]float64 {
	length := max(1, int(end/time.Second)/parts)
	all := map[string][]float64{}
	for host, busy := range w.busy {
		for second := 0; second < len(busy); second += length {
			sum := time.Duration(0)
			for _, d := range busy[second:min(second+length, len(busy))] {
				sum += d
			}
			all[host] = append(all[host], math.Round(sum.Seconds()/float64(length)*1e5)/1e5)
		}
	}
	return all
}

// PlotGrowth draws that of the runs of growth that have the most agents.
func PlotGrowth(results []*Result) string {
	most := slices.Max(axes[0].values)
	return PlotBusy(slices.DeleteFunc(slices.Clone(results), func(r *Result) bool { return r.Agents != most }))
}

// PlotBusy draws how many cores the servers of runs were busy with, over time.
func PlotBusy(results []*Result) string {
	var curves []plot.Curve
	for i, r := range results {
		for _, host := range slices.Sorted(maps.Keys(r.Busy)) {
			c := plot.Curve{Name: r.Mode + ": " + host, Color: 1 + i*3 + mode.Number(host)}
			if mode.RoleOf(host) != mode.APIServer {
				c.Color++
			}
			length := max(1, int(r.Virtual/time.Second)/parts)
			for part, n := range r.Busy[host] {
				c.Points = append(c.Points, [2]float64{float64(part*length) / 60, n})
			}
			curves = append(curves, c)
		}
	}
	return plot.OverTime("minutes", "cores that are busy", curves)
}
