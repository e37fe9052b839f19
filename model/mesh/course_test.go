package mesh

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/explore/trace"
	"github.com/meshcheck/meshcheck/model/mode"
)

func TestCourse(t *testing.T) {
	row := run(t, "clustermesh", small)
	course, err := row.Course(row.cell(t, monotonic))
	require.NoError(t, err)
	require.Equal(t, monotonic, course.Property)
	require.Equal(t, "clustermesh", course.Mode.String())
	require.Len(t, course.Reads, 1)
	first := course.Reads[0]
	gone := Write{Pod: 0, Address: 0, Delete: true}
	require.Equal(t, []Act{
		{Name: Writes, Replica: -1, Agent: -1, RV: 3, Write: gone},
		{Name: Delivers, Replica: first, Agent: -1, RV: 3, Write: gone},
		{Name: AgentSees, Replica: first, Agent: 0},
	}, course.Acts[:3], "a pod goes, one replica and its agent know")
	last := course.Acts[4]
	require.Equal(t, AgentConnects, last.Name)
	require.Equal(t, 1-first, last.Replica, "the agent comes to the other one, which does not")
}

// Every counterexample of the matrix can be taken apart, and the actions of the
// proposal's mode are those that have names here.
func TestCourseOfEachCell(t *testing.T) {
	known := map[ActName]bool{
		Writes: true, Delivers: true, WriterRestarts: true, WriterListsNow: true, ReplicaStarts: true,
		ReplicaCrashes: true, EtcdEmptied: true, AgentSees: true, AgentConnects: true, AgentRestarts: true,
	}
	courses := 0
	for _, md := range MatrixModes() {
		row := run(t, md.String(), small)
		for _, c := range row.Cells {
			if c.Verdict != explore.Broken {
				continue
			}
			course, err := row.Course(c)
			require.NoError(t, err)
			require.Len(t, course.Acts, len(c.Trace.Steps))
			courses++
			for _, act := range course.Acts {
				if md.Base == mode.ClusterMesh {
					require.True(t, known[act.Name], act.Name)
				}
				require.True(t, act.Agent < small.Agents && act.Replica < small.Replicas)
			}
		}
	}
	require.Greater(t, courses, 50)
	m := newForTest(t, mode.Mode{Base: mode.ClusterMesh}, small)
	start := m.starts()[0]
	for _, a := range m.actions {
		require.True(t, known[m.act(a.name, &start, &start, 0).Name], a.name)
	}
}

func TestCourseRefusesAStrangeTrace(t *testing.T) {
	row := run(t, "clustermesh", small)
	c := row.cell(t, monotonic)
	tr := *c.Trace
	c.Trace = &tr
	tr.Steps = append([]trace.Step{{Action: "Fly(r0) [r0 flies]"}}, tr.Steps...)
	_, err := row.Course(c)
	require.EqualError(t, err, `mode clustermesh, step 1 of the counterexample of monotonic: "Fly(r0) [r0 flies]" is not possible there`)
	tr.Start = nil
	_, err = row.Course(c)
	require.ErrorContains(t, err, "no initial state is the one with which")
}
