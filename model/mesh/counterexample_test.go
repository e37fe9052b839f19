package mesh

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/meshcheck/meshcheck/model/mode"
)

func TestCounterexample(t *testing.T) {
	row := run(t, "clustermesh", small)
	ce, err := row.Counterexample(row.cell(t, monotonic))
	require.NoError(t, err)
	require.Equal(t, monotonic, ce.Property)
	require.Equal(t, "clustermesh", ce.Mode.String())
	require.Len(t, ce.Reads, 1)
	first := ce.Reads[0]
	gone := Write{Pod: 0, Address: 0, Delete: true}
	require.Equal(t, []Step{
		{Name: Writes, Replica: -1, Agent: -1, RV: 3, Write: gone},
		{Name: Delivers, Replica: first, Agent: -1, RV: 3, Write: gone},
		{Name: AgentSees, Replica: first, Agent: 0},
	}, ce.Steps[:3], "a pod goes, one replica and its agent know")
	last := ce.Steps[4]
	require.Equal(t, AgentConnects, last.Name)
	require.Equal(t, 1-first, last.Replica, "the agent comes to the other one, which does not")
}

// Every counterexample of the matrix can be taken apart, and the actions of the
// proposal's mode are those that have names here.
func TestCounterexampleOfEachCell(t *testing.T) {
	known := map[ActionName]bool{
		Writes: true, Delivers: true, WriterRestarts: true, WriterListsNow: true, ReplicaStarts: true,
		ReplicaCrashes: true, EtcdEmptied: true, AgentSees: true, AgentConnects: true, AgentRestarts: true,
	}
	counterexamples := 0
	for _, md := range MatrixModes() {
		row := run(t, md.String(), small)
		for _, c := range row.Cells {
			if c.Verdict != explore.Broken {
				continue
			}
			ce, err := row.Counterexample(c)
			require.NoError(t, err)
			require.Len(t, ce.Steps, len(c.Trace.Steps))
			counterexamples++
			for _, step := range ce.Steps {
				if md.Base == mode.ClusterMesh {
					require.True(t, known[step.Name], step.Name)
				}
				require.True(t, step.Agent < small.Agents && step.Replica < small.Replicas)
			}
		}
	}
	require.Greater(t, counterexamples, 50)
	m := newForTest(t, mode.Mode{Base: mode.ClusterMesh}, small)
	start := m.starts()[0]
	for _, a := range m.actions {
		require.True(t, known[m.taken(a.name, &start, &start, 0).Name], a.name)
	}
}

func TestCounterexampleRefusesAStrangeTrace(t *testing.T) {
	row := run(t, "clustermesh", small)
	c := row.cell(t, monotonic)
	tr := *c.Trace
	c.Trace = &tr
	tr.Steps = append([]trace.Step{{Action: "Fly(r0) [r0 flies]"}}, tr.Steps...)
	_, err := row.Counterexample(c)
	require.EqualError(t, err, `mode clustermesh, step 1 of the counterexample of monotonic: "Fly(r0) [r0 flies]" is not possible there`)
	tr.Start = nil
	_, err = row.Counterexample(c)
	require.ErrorContains(t, err, "no initial state is the one with which")
}
