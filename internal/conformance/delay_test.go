package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

// What counterexamples are made of, with one pod p0 that has 10.0.0.1.
func deleted(rv int) mesh.Step {
	return mesh.Step{Name: mesh.Writes, Replica: -1, Agent: -1, RV: rv, Write: mesh.Write{Delete: true}}
}

func created(rv int) mesh.Step { return mesh.Step{Name: mesh.Writes, Replica: -1, Agent: -1, RV: rv} }

func delivers(r int, w mesh.Step) mesh.Step {
	return mesh.Step{Name: mesh.Delivers, Replica: r, Agent: -1, RV: w.RV, Write: w.Write}
}

func befalls(name mesh.ActionName, r int) mesh.Step {
	return mesh.Step{Name: name, Replica: r, Agent: -1}
}

func sees(a, r int) mesh.Step     { return mesh.Step{Name: mesh.AgentSees, Replica: r, Agent: a} }
func connects(a, r int) mesh.Step { return mesh.Step{Name: mesh.AgentConnects, Replica: r, Agent: a} }
func restarts(a int) mesh.Step    { return mesh.Step{Name: mesh.AgentRestarts, Replica: -1, Agent: a} }

// counterexample is one of two replicas and an agent that reads r0.
func ce(t *testing.T, in, property string, steps ...mesh.Step) *mesh.Counterexample {
	t.Helper()
	m, err := mode.Parse(in)
	require.NoError(t, err)
	return &mesh.Counterexample{
		Mode: m, Property: property, Bounds: mesh.Bounds{Replicas: 2, Agents: 1, Objects: 1, Reuses: 1, Faults: 2},
		Reads: []int{0}, Steps: steps,
	}
}

func TestDelays(t *testing.T) {
	first, second := deleted(2), created(3)
	for name, c := range map[string]struct {
		steps []mesh.Step
		want  []delay
		why   string
	}{
		"both deliver at once":        {[]mesh.Step{first, delivers(1, first), delivers(0, first)}, nil, ""},
		"late, and nobody looks":      {[]mesh.Step{first, delivers(0, first), sees(0, 0), delivers(1, first)}, nil, ""},
		"never":                       {[]mesh.Step{first, delivers(0, first)}, []delay{{"r1", 0, 2}}, ""},
		"late, and an agent looks":    {[]mesh.Step{first, delivers(0, first), connects(0, 1), delivers(1, first)}, []delay{{"r1", 0, 3}}, ""},
		"one after the other":         {[]mesh.Step{first, delivers(0, first), second, delivers(0, second), delivers(1, first), connects(0, 1)}, []delay{{"r1", 2, 6}}, ""},
		"both late together":          {[]mesh.Step{first, delivers(0, first), second, delivers(0, second), connects(0, 1), delivers(1, first), delivers(1, second)}, []delay{{"r1", 0, 5}}, ""},
		"until the watch is gone":     {[]mesh.Step{first, befalls(mesh.ReplicaCrashes, 1), befalls(mesh.ReplicaStarts, 1), delivers(0, first)}, []delay{{"r1", 0, 1}}, ""},
		"no watch, nothing to hear":   {[]mesh.Step{befalls(mesh.WriterRestarts, 1), first, befalls(mesh.WriterListsNow, 1), delivers(0, first)}, nil, ""},
		"one of two that were late":   {[]mesh.Step{first, delivers(0, first), second, delivers(0, second), connects(0, 1), delivers(1, first), sees(0, 1)}, nil, "r1's watch would have to deliver one of two writes and hold rv 3 back"},
		"one late, then one more":     {[]mesh.Step{first, delivers(0, first), connects(0, 1), delivers(1, first), second, delivers(0, second), delivers(1, second)}, []delay{{"r1", 0, 3}}, ""},
		"two that are late for look.": {[]mesh.Step{first, delivers(0, first), second, delivers(0, second), connects(0, 1), delivers(1, first), sees(0, 1), delivers(1, second)}, nil, "r1's watch would have to deliver one of two writes and hold rv 3 back"},
	} {
		got, err := delays(ce(t, "clustermesh", "monotonic", c.steps...))
		if c.why != "" {
			require.EqualError(t, err, c.why, name)
			require.ErrorAs(t, err, new(Obstacle), name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}
