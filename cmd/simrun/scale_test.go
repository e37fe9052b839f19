package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/det"
)

// scalePlan is a cluster of 1,000 nodes and 1,000 pods in which for a minute ten
// times a second a pod comes or goes, and nothing fails.
func scalePlan(agents int) *fault.Plan {
	const size, perSecond = 1000, 10
	pod := func(i int) fault.Pod {
		return fault.Pod{
			Namespace: fmt.Sprintf("ns%d", i%10), Name: fmt.Sprintf("web-%d", i), App: fmt.Sprintf("app%d", i/10%10),
			Node: fmt.Sprintf("n%d", i%size), IP: fmt.Sprintf("10.%d.%d.%d", i/62500, i/250%250, i%250+1),
		}
	}
	p := &fault.Plan{
		Version: fault.Version, Seed: 1, Mode: mode.Default.String(),
		Topology: fault.Topology{APIServers: 1, Replicas: 2, Agents: agents, Nodes: size},
		Network:  fault.Network{LatencyMin: fault.Duration(200 * time.Microsecond), LatencyMax: fault.Duration(time.Millisecond)},
		Options:  fault.Options{WriterQPS: 50, WriterBootstrapQPS: 10_000, AgentQPS: 20, ClusterID: 1, ClusterName: "c1"},
		Churn:    fault.Duration(time.Minute),
		Settle:   fault.Duration(6 * time.Minute),
	}
	for i := range size {
		p.Pods = append(p.Pods, pod(i))
	}
	for i := range 60 * perSecond {
		op := fault.Op{At: fault.Duration(i) * fault.Duration(time.Second/perSecond)}
		if i%2 == 0 {
			created := pod(size + i/2)
			op.Op, op.Pod = fault.PodCreate, &created
		} else {
			gone := pod(i / 2)
			op.Op, op.Pod = fault.PodDelete, &fault.Pod{Namespace: gone.Namespace, Name: gone.Name}
		}
		p.Ops = append(p.Ops, op)
	}
	return p
}

// reachPlan is a cluster of 200 nodes in which a hundred pods come each second for so
// many seconds, and nothing fails. The writer's limit is above that rate.
func reachPlan(seconds int) *fault.Plan {
	const nodes, perSecond = 200, 100
	p := &fault.Plan{
		Version: fault.Version, Seed: 1, Mode: mode.Default.String(),
		Topology: fault.Topology{APIServers: 1, Replicas: 1, Agents: 1, Nodes: nodes},
		Network:  fault.Network{LatencyMin: fault.Duration(200 * time.Microsecond), LatencyMax: fault.Duration(time.Millisecond)},
		Options:  fault.Options{WriterQPS: 1000, WriterBootstrapQPS: 10_000, AgentQPS: 20, ClusterID: 1, ClusterName: "c1"},
		Churn:    fault.Duration(seconds) * fault.Duration(time.Second),
		Settle:   fault.Duration(6 * time.Minute),
	}
	for i := range seconds * perSecond {
		p.Ops = append(p.Ops, fault.Op{At: fault.Duration(i) * fault.Duration(time.Second/perSecond), Op: fault.PodCreate, Pod: &fault.Pod{
			Namespace: fmt.Sprintf("ns%d", i%10), Name: fmt.Sprintf("web-%d", i), App: fmt.Sprintf("app%d", i/10%10),
			Node: fmt.Sprintf("n%d", i%nodes), IP: fmt.Sprintf("10.%d.%d.%d", i/62500, i/250%250, i%250+1),
		}})
	}
	return p
}

func TestScalePlansAreValid(t *testing.T) {
	require.NoError(t, scalePlan(300).Validate())
	require.NoError(t, reachPlan(400).Validate())
}

// BenchmarkReach runs reachPlan for 100 and 400 s, and says which rate was asked for and
// which was reached, and what both cost.
func BenchmarkReach(b *testing.B) {
	path, err := det.Build(b.Context(), det.BuildConfig{})
	require.NoError(b, err)
	worker := det.Worker{Path: path}
	for _, seconds := range []int{100, 400} {
		b.Run(fmt.Sprintf("seconds=%d", seconds), func(b *testing.B) {
			plan := []byte(reachPlan(seconds).Line())
			var cpu, check time.Duration
			for range b.N {
				r, err := worker.Run(b.Context(), plan, det.RunConfig{MemoryLimit: 8 << 30, WallLimit: time.Hour})
				require.NoError(b, err)
				cpu += r.CPU
				start := time.Now()
				h, err := history.Read(bytes.NewReader(r.History))
				require.NoError(b, err)
				v := checker.Check(index.New(h), checker.Config{Deadline: 10 * time.Minute})
				check += time.Since(start)
				load, _ := v.Result("load")
				for _, m := range load.Measures {
					switch m.Name + ", " + m.Group {
					case "operations asked for per second, churn":
						b.ReportMetric(m.P50, "asked/s")
					case "operations over per second, churn":
						b.ReportMetric(m.P50, "reached/s")
					case "operation, from its planned time on, pod-create":
						require.Equal(b, seconds*100, m.N, "operations that are over")
						b.ReportMetric(1000*m.P99, "p99-ms")
					}
				}
			}
			b.ReportMetric(0, "ns/op") // wall time, which depends on what else runs
			b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s")
			b.ReportMetric(check.Seconds()/float64(b.N), "check-s")
		})
	}
}

// BenchmarkScale runs scalePlan, and says what it costs the worker.
func BenchmarkScale(b *testing.B) {
	path, err := det.Build(b.Context(), det.BuildConfig{})
	require.NoError(b, err)
	worker := det.Worker{Path: path}
	for _, agents := range []int{50, 100, 300} {
		b.Run(fmt.Sprintf("agents=%d", agents), func(b *testing.B) {
			var cpu time.Duration
			var records int
			var peak int64
			plan := []byte(scalePlan(agents).Line())
			for range b.N {
				r, err := worker.Run(b.Context(), plan, det.RunConfig{MemoryLimit: 8 << 30})
				require.NoError(b, err)
				cpu += r.CPU
				records += r.Records
				peak = max(peak, r.PeakMemory)
			}
			b.ReportMetric(0, "ns/op") // wall time, which depends on what else runs
			b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s")
			b.ReportMetric(float64(records)/float64(b.N), "records")
			b.ReportMetric(float64(cpu.Microseconds())/float64(records), "cpu-µs/record")
			b.ReportMetric(float64(peak>>20), "peak-MiB")
		})
	}
}
