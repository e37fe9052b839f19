package fault

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// worldOfWhole is a plan that whole agents can have.
func worldOfWhole(t *testing.T, agents Agents) *Plan {
	t.Helper()
	p, err := Read("plan.json", []byte(`{"version": 2, "seed": 1, "mode": "crd",
		"topology": {"apiservers": 1, "replicas": 0, "agents": 2, "nodes": 3}, "network": {"latencyMin": "1ms", "latencyMax": "2ms"},
		"options": {"writerQPS": 50, "writerBootstrapQPS": 100, "agentQPS": 20, "endpointSlices": false, "clusterID": 1, "clusterName": "", "preempt": 0},
		"churn": "10s", "settle": "60s"}`))
	require.NoError(t, err)
	p.Options.Agents = agents
	return p
}

func TestAgents(t *testing.T) {
	for agents, want := range map[Agents][]bool{
		"": {false, false}, "assembled": {false, false}, "whole": {true, true},
		"whole,assembled": {true, false}, "assembled,whole": {false, true},
	} {
		p := worldOfWhole(t, agents)
		require.NoError(t, p.Validate(), agents)
		require.Equal(t, want, []bool{p.Whole(0), p.Whole(1)}, agents)
		require.Equal(t, want[0] || want[1], p.HasWhole(), agents)
		require.False(t, p.Whole(2), "a node without an agent")
	}
}

func TestAgentsThatCannotBe(t *testing.T) {
	for want, change := range map[string]func(*Plan){
		`options.agents: found "half"; want "assembled" or "whole" for all agents, or one of these words for each, joined by commas`: func(p *Plan) { p.Options.Agents = "half" },
		`options.agents: found 3 words; want one, or one for each of the 2 agents`:                                                   func(p *Plan) { p.Options.Agents = "whole,whole,whole" },
		`options.agents: in the mode kvstore agents are put together from Cilium's readers; a whole cilium-agent reads the kube-apiservers, as in the mode crd, and nothing else yet`: func(p *Plan) {
			p.Mode, p.Topology.Etcds = "kvstore", 1
		},
		`nodes[0].name: the cilium-agent of n1 is whole and writes its CiliumNode itself; want a node without a whole agent`: func(p *Plan) {
			p.Nodes = []Node{{Name: "n1", EncryptionKey: 3}}
		},
		`ops[0].name: the cilium-agent of n0 is whole and writes its CiliumNode itself; want a node without a whole agent`: func(p *Plan) {
			p.Ops = []Op{{Op: NodeUpdate, Name: "n0", Node: &Node{EncryptionKey: 3}}}
		},
	} {
		p := worldOfWhole(t, "whole")
		change(p)
		require.EqualError(t, p.Validate(), want)
	}
}

// A plan can be made one of whole agents, and one of another mode again, whatever it does.
func TestWithAgents(t *testing.T) {
	p := worldOfWhole(t, "")
	p.Nodes = []Node{{Name: "n0", EncryptionKey: 3}, {Name: "n2", EncryptionKey: 4}}
	p.Ops = []Op{{Op: NodeUpdate, Name: "n1", Node: &Node{EncryptionKey: 3}}, {At: second, Op: NodeDelete, Name: "n2"}}
	p.Pods = []Pod{{Namespace: "ns", Name: "p", App: "a", Node: "n0", IP: "10.0.0.1", Ports: []Port{"http:80/TCP"}}}
	p.Ops = append(p.Ops,
		Op{At: 2 * second, Op: PodUpdate, Pod: &Pod{Namespace: "ns", Name: "p", Ports: []Port{"http:81/TCP"}}},
		Op{At: 3 * second, Op: PodUpdate, Pod: &Pod{Namespace: "ns", Name: "p", IP: "10.0.0.2", Ports: []Port{"http:82/TCP"}}})
	before := p.Line()
	whole := WithAgents(p, "whole")
	require.NoError(t, whole.Validate())
	require.Len(t, whole.Nodes, 1)
	require.Len(t, whole.Ops, 2)
	require.NotContains(t, whole.Line(), "http:", "of which nobody makes an identity")
	require.Equal(t, before, p.Line(), "the plan itself is as it was")
	require.Empty(t, Project(whole, "kvstore").Options.Agents)
	require.Equal(t, Agents("whole"), Project(whole, "crd").Options.Agents)
}

func TestWithoutAgents(t *testing.T) {
	require.Equal(t, Agents("whole"), Agents("whole").WithoutAgents(0, 1), "the word is for all")
	require.Equal(t, Agents("whole,assembled"), Agents("whole,whole,assembled").WithoutAgents(0, 1))
	require.Equal(t, Agents("assembled"), Agents("whole,whole,assembled").WithoutAgents(0, 2))
}
