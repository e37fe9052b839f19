package sim_test

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/fault/objects"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/det"
)

// simulator runs plans and judges them, in the worker that it builds, or finds built:
// these tests are about whole worlds, each of which is a process. (The tests of sim/det
// start workers themselves: drive stands on sim/det. So does TestRefusedPlan, whose
// plan is none.)
var simulator = sync.OnceValues(func() (*drive.Simulator, error) {
	path, err := det.Build(context.Background(), det.BuildConfig{Progress: func(line string) {
		if !strings.Contains(line, "compiled") {
			os.Stderr.WriteString(line + "\n")
		}
	}})
	return &drive.Simulator{Worker: det.Worker{Path: path}}, err
})

func run(t *testing.T, p *fault.Plan) *drive.Judged {
	t.Helper()
	s, err := simulator()
	require.NoError(t, err)
	r, err := s.Run(t.Context(), p)
	require.NoError(t, err)
	require.True(t, r.Deterministic)
	return r
}

// play is run for who wants the history.
func play(t *testing.T, p *fault.Plan) *history.History {
	t.Helper()
	return run(t, p).Index.History
}

// quiet is a small world in which nothing happens unless the test adds it: two
// replicas, three agents, a pod.
func quiet(t *testing.T, seed uint64) *fault.Plan {
	t.Helper()
	return &fault.Plan{
		Version:  fault.Version,
		Seed:     seed,
		Mode:     "clustermesh",
		Topology: fault.Topology{APIServers: 1, Replicas: 2, Agents: 3, Nodes: 3},
		Network:  fault.Network{LatencyMin: ms(1), LatencyMax: ms(2)},
		Options:  fault.Options{WriterQPS: 50, WriterBootstrapQPS: 10000, AgentQPS: 20, EndpointSlices: true, ClusterID: 1, ClusterName: "c1"},
		Churn:    seconds(20),
		Settle:   seconds(360),
		Pods:     []fault.Pod{{Namespace: "ns", Name: "p0", App: "a", Node: "n0", IP: "10.0.0.1"}},
	}
}

func ms(n int) fault.Duration      { return fault.Duration(time.Duration(n) * time.Millisecond) }
func seconds(n int) fault.Duration { return fault.Duration(time.Duration(n) * time.Second) }

func podCreate(at int, name, ip string) fault.Op {
	return fault.Op{At: seconds(at), Op: fault.PodCreate, Pod: &fault.Pod{Namespace: "ns", Name: name, App: "a", Node: "n0", IP: ip}}
}

// times returns the instants of the records that match, since the churn began.
func times(h *history.History, match func(history.Record) bool) []time.Duration {
	var churn time.Duration
	var at []time.Duration
	for _, r := range h.Records {
		if r.Verb == history.Phase && r.Key == "churn" {
			churn = r.At
		}
	}
	for _, r := range h.Records {
		if match(r) {
			at = append(at, r.At-churn)
		}
	}
	return at
}

func sees(agent, ip string) func(history.Record) bool {
	return func(r history.Record) bool { return r.Verb == history.See && r.Actor == agent && r.Key == ip }
}

// ends returns why the run ended; what follows is only what is left of it.
func ends(t *testing.T, h *history.History) string {
	t.Helper()
	i := len(h.Records) - 1
	for i > 0 && h.Records[i].Verb == history.Left {
		i--
	}
	require.Equal(t, history.Phase, h.Records[i].Verb)
	require.Equal(t, "end", h.Records[i].Key)
	return h.Records[i].Value
}

func TestSameSeedSameHistory(t *testing.T) {
	traces := map[string]uint64{}
	for seed := range uint64(4) {
		p, err := draw.Plan(seed, draw.Config{})
		require.NoError(t, err)
		p.Options.Preempt = []int{0, 10, 50, 200}[seed] // also where goroutines are preempted
		first := run(t, p)
		again := runBesideABusyCore(t, p)
		d, err := history.Diff(bytes.NewReader(first.File), bytes.NewReader(again.File))
		require.NoError(t, err)
		require.Nil(t, d, "seed %d: the histories of two processes differ, first in %v", seed, d)
		require.Equal(t, string(first.Said), string(again.Said), "seed %d: what Cilium says of itself", seed)
		for _, r := range []*drive.Judged{first, again} {
			require.Zero(t, r.Unseeded+uint64(r.Reruns), "seed %d: something outside the seed had a say", seed)
		}
		require.NotContains(t, traces, first.Hash, "seeds %d and %d give the same history", seed, traces[first.Hash])
		traces[first.Hash] = seed
	}
}

func runBesideABusyCore(t *testing.T, p *fault.Plan) *drive.Judged {
	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	defer busy.Wait()
	defer close(stop)
	return run(t, p)
}

func TestAgentsAreSeparate(t *testing.T) {
	p := quiet(t, 1)
	p.Faults = []fault.Fault{
		{At: seconds(1), Kind: fault.Partition, Target: "a0", Peer: "r0", For: seconds(15)},
		{At: seconds(1), Kind: fault.Partition, Target: "a0", Peer: "r1", For: seconds(15)},
	}
	p.Ops = []fault.Op{podCreate(5, "p1", "10.0.0.2")}
	h := play(t, p)
	require.Equal(t, "settled", ends(t, h))
	a0, a1 := times(h, sees("a0", "10.0.0.2")), times(h, sees("a1", "10.0.0.2"))
	require.Len(t, a1, 1)
	require.Less(t, a1[0], 6*time.Second)
	require.Len(t, a0, 1)
	require.Greater(t, a0[0], 15*time.Second, "what other agents in the process know never reaches the view of one that is cut off")
}

func TestSampleObjects(t *testing.T) {
	loaded, _, err := objects.Load(objects.Config{}, "../testdata/objects/sample.yaml")
	require.NoError(t, err)
	p, err := draw.Plan(3, draw.Config{Objects: loaded})
	require.NoError(t, err)
	p.Faults = nil
	h := play(t, p)
	require.Equal(t, "settled", ends(t, h))
	seen := times(h, func(r history.Record) bool {
		return r.Verb == history.See && r.Actor == "a0" && r.Kind == history.Endpoint
	})
	require.Greater(t, len(seen), 200, "the sample's pods are seen")
}

func TestRefusedPlan(t *testing.T) {
	s, err := simulator()
	require.NoError(t, err)
	_, err = s.Worker.Run(t.Context(), []byte(`{"version": 1, "seed": 1, "mode": "nonsense"}`), det.RunConfig{})
	var f *det.Failure
	require.ErrorAs(t, err, &f)
	require.Equal(t, det.Input, f.Kind)
	require.Contains(t, f.Message, "plan.json:1: ")
}

// Whole agents are in a worker of their own (sim/whole), and this one says so.
func TestNoWholeAgents(t *testing.T) {
	p := quiet(t, 1)
	p.Mode, p.Topology.Replicas, p.Options.Agents = string(mode.CRD), 0, fault.WholeAgent
	s, err := simulator()
	require.NoError(t, err)
	_, err = s.Run(t.Context(), p)
	var f *det.Failure
	require.ErrorAs(t, err, &f)
	require.Equal(t, det.Input, f.Kind)
	require.Equal(t, "options.agents: this worker has no whole agents; simrun build-worker -whole -o FILE makes one that has, and without -worker simrun does so itself", f.Message)
}

// Above 255 Cilium runs with maxConnectedClusters: 511, and has other numbers for
// identities; otherwise the world is the same. All who number or check identities must
// agree: the operators or the workload, the writers, and the agents of both modes.
func TestClusterIDAbove255(t *testing.T) {
	for _, inMode := range mode.Simulated() {
		for _, operators := range []int{0, 2} {
			p := quiet(t, 1)
			p.Mode = inMode.String()
			if !inMode.Runs(mode.Replica) {
				p.Topology.Replicas = 0
			}
			if inMode.Runs(mode.Etcd) {
				p.Topology.Etcds = 1
			}
			p.Topology.Operators = operators
			p.Options.ClusterID = 300
			p.Ops = []fault.Op{podCreate(5, "p1", "10.0.0.2")}
			r := run(t, p)
			numberedFor300(t, r, p.Topology.Agents)
			require.Equal(t, "settled", ends(t, r.Index.History))
			require.Empty(t, r.Verdict.Broken())
			for _, name := range []string{"convergence", "integrity"} {
				result, _ := r.Verdict.Result(name)
				require.Equal(t, checker.Pass, result.Outcome, "%s: %v", name, result)
			}
		}
	}
}

// The objects of a cluster 300 start a world of cluster 300.
func TestObjectsOfClusterIDAbove255(t *testing.T) {
	loaded, summary, err := objects.Load(objects.Config{}, "../fault/objects/testdata/cluster-300.json")
	require.NoError(t, err)
	p, err := draw.Plan(1, draw.Config{Objects: loaded, ClusterID: summary.ClusterID})
	require.NoError(t, err)
	p.Faults = nil
	r := run(t, p)
	require.Positive(t, len(times(r.Index.History, func(r history.Record) bool {
		return r.Verb == history.See && r.Kind == history.Identity && r.Key == "9831400"
	})), "what the dump brings is seen")
	numberedFor300(t, r, p.Topology.Agents)
	require.Equal(t, "settled", ends(t, r.Index.History))
}

// numberedFor300 checks that all agents have seen identities, and each identity is where
// Cilium has those of cluster 300 of up to 511.
func numberedFor300(t *testing.T, r *drive.Judged, agents int) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range r.Index.History.Records {
		if r.Kind != history.Identity || r.Verb != history.Truth && r.Verb != history.See {
			continue
		}
		id, err := strconv.Atoi(r.Key)
		require.NoError(t, err)
		require.True(t, 300<<15 <= id && id < 301<<15, "%v", r)
		if r.Verb == history.See {
			seen[r.Actor] = true
		}
	}
	require.Len(t, seen, agents)
}
