package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

// What courses are made of, with one pod p0 that has 10.0.0.1.
func deleted(rv int) mesh.Act {
	return mesh.Act{Name: mesh.Writes, Replica: -1, Agent: -1, RV: rv, Write: mesh.Write{Delete: true}}
}

func created(rv int) mesh.Act { return mesh.Act{Name: mesh.Writes, Replica: -1, Agent: -1, RV: rv} }

func delivers(r int, w mesh.Act) mesh.Act {
	return mesh.Act{Name: mesh.Delivers, Replica: r, Agent: -1, RV: w.RV, Write: w.Write}
}

func befalls(name mesh.ActName, r int) mesh.Act { return mesh.Act{Name: name, Replica: r, Agent: -1} }

func sees(a, r int) mesh.Act     { return mesh.Act{Name: mesh.AgentSees, Replica: r, Agent: a} }
func connects(a, r int) mesh.Act { return mesh.Act{Name: mesh.AgentConnects, Replica: r, Agent: a} }
func restarts(a int) mesh.Act    { return mesh.Act{Name: mesh.AgentRestarts, Replica: -1, Agent: a} }

// course is one of two replicas and an agent that reads r0.
func course(t *testing.T, in, property string, acts ...mesh.Act) *mesh.Course {
	t.Helper()
	m, err := mode.Parse(in)
	require.NoError(t, err)
	return &mesh.Course{
		Mode: m, Property: property, Bounds: mesh.Bounds{Replicas: 2, Agents: 1, Objects: 1, Reuses: 1, Faults: 2},
		Reads: []int{0}, Acts: acts,
	}
}

func TestHolds(t *testing.T) {
	first, second := deleted(2), created(3)
	for name, c := range map[string]struct {
		acts []mesh.Act
		want []hold
		why  string
	}{
		"both deliver at once":        {[]mesh.Act{first, delivers(1, first), delivers(0, first)}, nil, ""},
		"late, and nobody looks":      {[]mesh.Act{first, delivers(0, first), sees(0, 0), delivers(1, first)}, nil, ""},
		"never":                       {[]mesh.Act{first, delivers(0, first)}, []hold{{1, 0, 2}}, ""},
		"late, and an agent looks":    {[]mesh.Act{first, delivers(0, first), connects(0, 1), delivers(1, first)}, []hold{{1, 0, 3}}, ""},
		"one after the other":         {[]mesh.Act{first, delivers(0, first), second, delivers(0, second), delivers(1, first), connects(0, 1)}, []hold{{1, 2, 6}}, ""},
		"both late together":          {[]mesh.Act{first, delivers(0, first), second, delivers(0, second), connects(0, 1), delivers(1, first), delivers(1, second)}, []hold{{1, 0, 5}}, ""},
		"until the watch is gone":     {[]mesh.Act{first, befalls(mesh.ReplicaCrashes, 1), befalls(mesh.ReplicaStarts, 1), delivers(0, first)}, []hold{{1, 0, 1}}, ""},
		"no watch, nothing to hear":   {[]mesh.Act{befalls(mesh.WriterRestarts, 1), first, befalls(mesh.WriterListsNow, 1), delivers(0, first)}, nil, ""},
		"one of two that were late":   {[]mesh.Act{first, delivers(0, first), second, delivers(0, second), connects(0, 1), delivers(1, first), sees(0, 1)}, nil, "r1's watch would have to deliver one of two writes and hold rv 3 back"},
		"one late, then one more":     {[]mesh.Act{first, delivers(0, first), connects(0, 1), delivers(1, first), second, delivers(0, second), delivers(1, second)}, []hold{{1, 0, 3}}, ""},
		"two that are late for look.": {[]mesh.Act{first, delivers(0, first), second, delivers(0, second), connects(0, 1), delivers(1, first), sees(0, 1), delivers(1, second)}, nil, "r1's watch would have to deliver one of two writes and hold rv 3 back"},
	} {
		got, err := holds(course(t, "clustermesh", "monotonic", c.acts...))
		if c.why != "" {
			require.EqualError(t, err, c.why, name)
			require.ErrorAs(t, err, new(Obstacle), name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}
