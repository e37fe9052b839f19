package main_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/det"
)

// simulator runs plans in the worker of this module, which it builds, or finds built. The
// module that it is built from is the one above.
var simulator = sync.OnceValues(func() (*drive.Simulator, error) {
	if err := os.Chdir("../.."); err != nil {
		return nil, err
	}
	path, err := det.Build(context.Background(), det.BuildConfig{Whole: true, Progress: func(line string) {
		if !strings.Contains(line, "compiled") {
			os.Stderr.WriteString(line + "\n")
		}
	}})
	return &drive.Simulator{Worker: det.Worker{Path: path}}, err
})

func run(t *testing.T, p *fault.Plan) *drive.Judged {
	t.Helper()
	require.NoError(t, p.Validate())
	s, err := simulator()
	require.NoError(t, err)
	r, err := s.Run(t.Context(), p)
	require.NoError(t, err)
	require.True(t, r.Deterministic)
	require.Zero(t, r.Unseeded)
	return r
}

func requireHolds(t *testing.T, r *drive.Judged) {
	t.Helper()
	for _, result := range r.Verdict.Results {
		require.NotEqual(t, checker.Fail, result.Outcome, "%s: %v", result.Property, result.Violations)
	}
}

// twins is a world in which a0 is whole and a1 assembled, on nodes that are alike.
func twins(seed uint64) *fault.Plan {
	second := fault.Duration(time.Second)
	return &fault.Plan{
		Version: fault.Version, Seed: seed, Mode: string(mode.CRD),
		Topology: fault.Topology{APIServers: 1, Agents: 2, Nodes: 3},
		Network:  fault.Network{LatencyMin: second / 1000, LatencyMax: second / 500},
		Options:  fault.Options{WriterQPS: 50, WriterBootstrapQPS: 10000, AgentQPS: 20, ClusterID: 1, ClusterName: "c1", Agents: "whole,assembled"},
		Churn:    30 * second, Settle: 360 * second,
		Pods: []fault.Pod{
			{Namespace: "ns0", Name: "p0", App: "a", Node: "n0", IP: "10.0.0.1"},
			{Namespace: "ns0", Name: "p1", App: "b", Node: "n2", IP: "10.0.0.2", Ports: []fault.Port{"http:8080/TCP"}},
			{Namespace: "ns1", Name: "p2", App: "b", Node: "n1", IP: "fd00::2"},
		},
		Services: []fault.Service{{Namespace: "svc0", Name: "web", IPs: []string{"10.96.0.1"}, Ports: []fault.Port{"http:80/TCP"}, Backends: []fault.Backend{{IP: "10.0.0.2", Node: "n2"}}}},
		Ops: []fault.Op{
			{At: 2 * second, Op: fault.PodCreate, Pod: &fault.Pod{Namespace: "ns1", Name: "p3", App: "c", Node: "n2", IP: "10.0.0.3"}},
			{At: 4 * second, Op: fault.PodDelete, Pod: &fault.Pod{Namespace: "ns0", Name: "p1"}},
			{At: 6 * second, Op: fault.NodeUpdate, Name: "n2", Node: &fault.Node{EncryptionKey: 3}},
			{At: 8 * second, Op: fault.PodRelabel, Pod: &fault.Pod{Namespace: "ns0", Name: "p0", App: "d"}},
		},
	}
}

// atRest is what an agent believes at the end.
func atRest(h *history.History, agent string) map[string]string {
	view := map[string]string{}
	for _, r := range h.Records {
		if r.Actor != agent {
			continue
		}
		switch key := r.Kind + "/" + r.Key; r.Verb {
		case history.Up:
			clear(view)
		case history.See:
			view[key] = r.Value
		case history.Drop:
			delete(view, key)
		}
	}
	return view
}

func requireTwins(t *testing.T, r *drive.Judged) {
	t.Helper()
	whole, assembled := atRest(r.Index.History, "a0"), atRest(r.Index.History, "a1")
	require.NotEmpty(t, whole)
	require.Equal(t, assembled, whole)
}

func TestAWholeAgentSeesWhatAnAssembledOneDoes(t *testing.T) {
	for _, slices := range []bool{false, true} {
		p := twins(1)
		p.Options.EndpointSlices = slices
		r := run(t, p)
		requireHolds(t, r)
		requireTwins(t, r)
		kinds := map[string]bool{}
		for key := range atRest(r.Index.History, "a0") {
			kind, _, _ := strings.Cut(key, "/")
			kinds[kind] = true
		}
		for _, kind := range []string{history.Endpoint, history.Identity, history.Node, history.Service, history.Backend} {
			require.True(t, kinds[kind], kind)
		}
	}
}

// Restarts and crashes, while something changes, and the kube-apiserver away at the start.
func TestAWholeAgentComesBack(t *testing.T) {
	second := fault.Duration(time.Second)
	for _, f := range []fault.Fault{
		{Kind: fault.AgentRestart, At: 3 * second, For: 2 * second, Target: "a0"},
		{Kind: fault.AgentCrash, At: 3 * second, For: 2 * second, Target: "a0"},
	} {
		t.Run(string(f.Kind), func(t *testing.T) {
			p := twins(2)
			p.Faults = []fault.Fault{f}
			r := run(t, p)
			requireHolds(t, r)
			requireTwins(t, r)
		})
	}
}

// Each of several whole agents is one of its own: what the process has once is each one's.
func TestSeveralWholeAgents(t *testing.T) {
	p := twins(3)
	p.Options.Agents = "whole"
	p.Topology.Agents = 3
	p.Ops = p.Ops[:2]
	r := run(t, p)
	requireHolds(t, r)
	for i := range 3 {
		view := atRest(r.Index.History, mode.Agent.Host(i))
		for n := range 3 {
			require.Contains(t, view, fmt.Sprintf("%s/n%d", history.Node, n), "of a%d", i)
		}
	}
}

// What one agent is told of slices no other hears of: one that is cut off learns of it later.
func TestEachWholeAgentReadsByItself(t *testing.T) {
	second := fault.Duration(time.Second)
	p := twins(6)
	p.Options.Agents, p.Options.EndpointSlices = "whole", true
	p.Ops = []fault.Op{{At: 5 * second, Op: fault.PodCreate, Pod: &fault.Pod{Namespace: "ns1", Name: "p3", App: "b", Node: "n2", IP: "10.0.0.3"}}}
	p.Faults = []fault.Fault{{Kind: fault.Partition, At: 3 * second, For: 20 * second, Target: "a0", Peer: "k0"}}
	r := run(t, p)
	requireHolds(t, r)
	seen := map[string]time.Duration{}
	for _, rec := range r.Index.History.Records {
		if rec.Verb == history.See && rec.Key == "10.0.0.3" {
			seen[rec.Actor] = rec.At
		}
	}
	require.Len(t, seen, 2)
	require.Greater(t, seen["a0"], seen["a1"]+10*time.Second)
}

// Policies are enforced, as they change, and over a crash: the policy maps outlive the agent.
func TestPoliciesAreEnforced(t *testing.T) {
	_, err := simulator() // which is in the repository's folder from then on
	require.NoError(t, err)
	second := fault.Duration(time.Second)
	for _, faults := range [][]fault.Fault{nil, {{Kind: fault.AgentCrash, At: 70 * second, For: 20 * second, Target: "a0"}}} {
		p, err := fault.ReadFile("testdata/planted/policies.json")
		require.NoError(t, err)
		p.Faults = faults
		r := run(t, p)
		requireHolds(t, r)
		enforced, _ := r.Verdict.Result(mode.Enforced)
		require.Equal(t, checker.Pass, enforced.Outcome, enforced.Evidence)
		maps, entries := map[string]int{}, map[string]int{}
		for _, rec := range r.Index.History.Records {
			if rec.Verb == history.Enforce {
				maps[rec.Key+" "+rec.Op]++
				entries[rec.Key+" "+rec.Kind+" "+rec.Op]++
			}
		}
		require.Equal(t, 1, maps["ns0/web "+history.Begins], "over restarts")
		require.Zero(t, maps["ns0/web "+history.Ends])
		require.Equal(t, 1, maps["ns0/late "+history.Ends], "with the endpoint")
		require.NotZero(t, entries["ns0/web "+history.Ingress+" "+history.Allowed])
		require.NotZero(t, entries["ns0/web "+history.Egress+" "+history.Removed])
		require.NotZero(t, entries["ns0/api "+history.Ingress+" "+history.Denied])
	}
}

// The plans in testdata/findings that need whole agents break what their pages say.
func TestFindings(t *testing.T) {
	for name, broken := range map[string]string{"named-port-waits-for-an-identity": mode.Started} {
		_, err := simulator() // which is in the repository's folder from then on
		require.NoError(t, err)
		p, err := fault.ReadFile("testdata/findings/" + name + ".json")
		require.NoError(t, err)
		found := run(t, p).Verdict.Findings()
		require.Len(t, found, 1)
		require.Equal(t, broken, found[0].Property)
		require.Equal(t, name, found[0].Cause)
	}
}

// The same plan gives the same history.
func TestTwice(t *testing.T) {
	for seed := range uint64(3) {
		p, err := draw.Plan(seed, draw.Config{Mode: string(mode.CRD), Agents: fault.WholeAgent})
		require.NoError(t, err)
		require.Equal(t, run(t, p).Hash, run(t, p).Hash, "seed %d", seed)
	}
}

// writes are those of an object, each as "who op".
func writes(h *history.History, kind, key string) (all []string) {
	for _, r := range h.Records {
		if r.Verb == history.Write && r.Kind == kind && r.Key == key {
			all = append(all, r.Peer+" "+r.Op)
		}
	}
	return all
}

// An agent gives the pods of its node their addresses, writes their endpoints, and has them again
// after a crash. What it is asked for while it is away it does when it is back.
func TestPodsOfAWholeAgent(t *testing.T) {
	second := fault.Duration(time.Second)
	p := twins(4)
	p.Pods = append(p.Pods, fault.Pod{Namespace: "ns0", Name: "goes", App: "b", Node: "n0", IP: "10.0.0.8"})
	p.Ops = []fault.Op{
		{At: 5 * second, Op: fault.PodCreate, Pod: &fault.Pod{Namespace: "ns0", Name: "comes", App: "b", Node: "n0", IP: "10.0.0.9"}},
		{At: 6 * second, Op: fault.PodDelete, Pod: &fault.Pod{Namespace: "ns0", Name: "goes"}},
	}
	p.Faults = []fault.Fault{{Kind: fault.AgentCrash, At: 3 * second, For: 20 * second, Target: "a0"}}
	r := run(t, p)
	requireHolds(t, r)
	requireTwins(t, r)
	h := r.Index.History
	require.NotContains(t, writes(h, "CiliumEndpoint", "ns0/p0"), "a0 delete")
	require.Contains(t, writes(h, "CiliumEndpoint", "ns0/p0"), "a0 create")
	require.Contains(t, writes(h, "CiliumEndpoint", "ns0/comes"), "a0 create")
	require.Contains(t, writes(h, "CiliumEndpoint", "ns0/goes"), "a0 delete")
	own := 0
	for key, value := range atRest(h, "a1") {
		if strings.HasPrefix(key, history.Endpoint+"/10.128.0.") && (strings.Contains(value, "pod=ns0/p0") || strings.Contains(value, "pod=ns0/comes")) {
			own++
		}
	}
	require.Equal(t, 2, own, "addresses of n0")
}

// Agents that make identities make those of their pods.
func TestWholeAgentsMakeIdentities(t *testing.T) {
	p := twins(5)
	p.Topology.Operators = 1
	p.Options.IdentityManagement = fault.AgentIdentities
	p.Ops = append(p.Ops, fault.Op{At: fault.Duration(10 * time.Second), Op: fault.PodCreate, Pod: &fault.Pod{Namespace: "ns0", Name: "new", App: "new", Node: "n0", IP: "10.0.0.9"}})
	r := run(t, p)
	requireHolds(t, r)
	made := 0
	for _, rec := range r.Index.History.Records {
		if rec.Verb == history.Write && rec.Kind == "CiliumIdentity" && rec.Peer == "a0" && rec.Op == "create" {
			made++
		}
	}
	require.NotZero(t, made)
}
