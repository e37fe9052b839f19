package load

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// growthOf is the load from which one thing at a time grows.
func growthOf(m string) Shape {
	return Shape{Mode: m, Nodes: 100, Agents: 10, Replicas: 2, Slices: true, Deployments: 40, Pods: 400, PerSecond: 10, Cycles: 1, WriterQPS: Unlimited}
}

// An axis is what grows.
type axis struct {
	name   string
	values []int
	set    func(*Shape, int)
}

var axes = []axis{
	{"agents", []int{5, 10, 20, 40, 80}, func(s *Shape, n int) { s.Agents = n }},
	{"pods", []int{200, 400, 800, 1600}, func(s *Shape, n int) { s.Pods, s.Deployments = n, n/10 }},
	{"rate", []int{1, 2, 5, 10}, func(s *Shape, n int) { s.PerSecond = n }},
	{"replicas", []int{1, 2, 4}, func(s *Shape, n int) { s.Replicas = n }},
}

// runs are those of an axis in a mode.
func (a *axis) runs(m string) (all []Run) {
	for _, n := range a.values {
		s := growthOf(m)
		a.set(&s, n)
		all = append(all, Run{fmt.Sprintf("growth-%s-%s-%d", m, a.name, n), s})
	}
	return all
}

// applies tells whether a mode has what grows.
func (a *axis) applies(m string) bool {
	md, _ := mode.InWorld(m)
	return a.name != "replicas" || md.Runs(mode.Replica)
}

// GrowthRuns are those that show how cost grows, in some modes.
func GrowthRuns(modes []string) (all []Run) {
	for _, m := range modes {
		for i := range axes {
			if axes[i].applies(m) {
				all = append(all, axes[i].runs(m)...)
			}
		}
	}
	return all
}

// grown are what is looked at, as sums over a run.
var grown = []struct {
	name string
	of   func(*Result) float64
}{
	{"kube-apiserver: requests", func(r *Result) float64 { c := r.of(mode.APIServer); return float64(c.Total() + c.Watches) }},
	{"kube-apiserver: open watches", func(r *Result) float64 { return r.of(mode.APIServer).WatchTime.Seconds() / r.Virtual.Seconds() }},
	{"kube-apiserver: watch events", func(r *Result) float64 { return float64(r.of(mode.APIServer).Events) }},
	{"kube-apiserver: bytes sent", func(r *Result) float64 { return float64(r.of(mode.APIServer).Bytes) }},
	{"etcds: requests", func(r *Result) float64 { c := r.of(mode.Stores()...); return float64(c.Total() + c.Watches) }},
	{"etcds: watch events", func(r *Result) float64 { return float64(r.of(mode.Stores()...).Events) }},
	{"etcds: bytes sent", func(r *Result) float64 { return float64(r.of(mode.Stores()...).Bytes) }},
	{"lag of agents, p99 in ms", func(r *Result) float64 { return 1000 * r.Lag[mode.Agent].P99 }},
	{"this program: records", func(r *Result) float64 { return float64(r.Records) }},
	{"this program: CPU, s", func(r *Result) float64 { return r.CPU.Seconds() }},
}

// of is what servers of some roles did for all clients.
func (r *Result) of(servers ...mode.Role) *Cost { return SumOf(r.Costs, servers, "") }

// WriteGrowth writes how cost grows with each thing, from results in the order of
// [GrowthRuns].
func WriteGrowth(w io.Writer, modes []string, results []*Result) error {
	var tables []*table
	for _, m := range modes {
		for i := range axes {
			a := &axes[i]
			if !a.applies(m) {
				continue
			}
			t := &table{title: fmt.Sprintf("%s: what a run costs with so many %s", m, a.plural())}
			head := []string{"what"}
			for _, n := range a.values {
				head = append(head, text.Thousands(n))
			}
			t.add(append(head, "slope")...)
			var of []*Result
			of, results = results[:len(a.values)], results[len(a.values):]
			for _, g := range grown {
				cells, y, some := []string{g.name}, []float64{}, false
				for _, r := range of {
					y = append(y, g.of(r))
					cells = append(cells, text.Number(g.of(r)))
					some = some || g.of(r) != 0
				}
				if some {
					t.add(append(cells, slope(a.values, y))...)
				}
			}
			tables = append(tables, t)
		}
	}
	last := tables[len(tables)-1]
	last.note = "a slope of 1 is linear, of 0 is no growth, and of 2 the square: fitted by least squares through the logarithms. " +
		"What has a part that does not grow has a slope below 1. All else is as in: 100 nodes, 10 agents, 2 replicas, 400 pods at 10/s that come and go once, and no limit of the writer"
	return writeTables(w, tables...)
}

func (a *axis) plural() string {
	if a.name == "rate" {
		return "pods per second"
	}
	return a.name
}

// slope is that of the line through the logarithms.
func slope(x []int, y []float64) string {
	var n, sx, sy, sxx, sxy float64
	for i := range x {
		if y[i] <= 0 {
			return "-"
		}
		lx, ly := math.Log(float64(x[i])), math.Log(y[i])
		n, sx, sy, sxx, sxy = n+1, sx+lx, sy+ly, sxx+lx*lx, sxy+lx*ly
	}
	s := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return strconv.FormatFloat(math.Round(s*100)/100+0, 'f', 2, 64)
}
