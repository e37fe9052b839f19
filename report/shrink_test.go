package report

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/shrink"
)

func TestShrunk(t *testing.T) {
	plan, err := fault.ReadFile("../testdata/plans/quick.json")
	require.NoError(t, err)
	s := &Shrunk{
		Name:      "seed 7",
		Finding:   checker.Finding{Property: "monotonic", Kind: "node"},
		Others:    []checker.Finding{{Property: "monotonic", Kind: "endpoint"}, {Property: "convergence"}},
		Chosen:    "it is the first that the mode promises",
		Before:    shrink.Size{Faults: 6, Ops: 1300, Pods: 40, Agents: 6, Replicas: 2, APIServers: 1, Nodes: 20, Churn: 300e9},
		After:     shrink.Size{Faults: 2, Ops: 8, Agents: 2, Replicas: 1, APIServers: 1, Nodes: 3, Churn: 20e9},
		Run:       &Run{Plan: plan, Hash: "abc"},
		Violation: checker.Violation{Rule: says("agent a0 went back in time"), Facts: checker.Facts{At: 12500 * time.Millisecond}, Records: []int{4, 7}},
		Elapsed:   61 * time.Second, Runs: 1234, Failed: 3, Note: "interrupted", Replays: NotTested,
		File:     "small.json",
		Commands: []Command{{"replay", "simrun -plan small.json"}},
	}
	var out bytes.Buffer
	require.NoError(t, s.WriteText(&out, Style{}))
	_, text, _ := bytes.Cut(out.Bytes(), []byte("\n\n"))
	require.Equal(t, `breaks      monotonic of node, at 12.500s: agent a0 went back in time
not followed: the given plan breaks monotonic of endpoint, convergence too; monotonic of node is followed: it is the first that the mode promises; -property and -kind choose

size        1,346 decisions to 10, faults 6 to 2, ops 1300 to 8, pods 40 to 0, agents 6 to 2, replicas 2 to 1, nodes 20 to 3, churn 300s to 20s
search      1,234 runs in 1m1s; interrupted
failed      3 of the runs gave no history, which does not count as the finding
replays     not tested
plan        small.json
replay      simrun -plan small.json
`, string(text))

	out.Reset()
	require.NoError(t, s.WriteJSON(&out))
	require.JSONEq(t, `{
		"version": 1, "kind": "shrink", "name": "seed 7",
		"finding": {"property": "monotonic", "kind": "node"},
		"others": [{"property": "monotonic", "kind": "endpoint"}, {"property": "convergence"}],
		"violation": {"atSeconds": 12.5, "rule": "says", "sentence": "agent a0 went back in time"},
		"before": {"decisions": 1346, "faults": 6, "ops": 1300, "pods": 40, "objects": 0, "apiservers": 1, "replicas": 2, "agents": 6, "operators": 0, "nodes": 20, "churn": "300s"},
		"after": {"decisions": 10, "faults": 2, "ops": 8, "pods": 0, "objects": 0, "apiservers": 1, "replicas": 1, "agents": 2, "operators": 0, "nodes": 3, "churn": "20s"},
		"plan": `+plan.Line()+`,
		"file": "small.json", "hash": "abc", "replays": "untested", "minimal": false, "note": "interrupted",
		"runs": 1234, "failed": 3, "elapsedSeconds": 61
	}`, out.String())
}
