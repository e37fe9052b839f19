package conformance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
)

func TestRepair(t *testing.T) {
	gone := deleted(2)
	orphan := []mesh.Step{befalls(mesh.WriterRestarts, 0), gone, befalls(mesh.WriterListsNow, 0), delivers(1, gone)}
	emptied := []mesh.Step{gone, befalls(mesh.EtcdEmptied, 0), delivers(1, gone), befalls(mesh.ReplicaStarts, 0)}
	for name, c := range map[string]struct {
		from, to string
		steps    []mesh.Step
		changed  bool
	}{
		"a sweep":                     {"clustermesh", "clustermesh+sweep", orphan, true},
		"a sweep, another repair too": {"clustermesh+token", "clustermesh+sweep+token", orphan, true},
		"nothing to sweep":            {"clustermesh", "clustermesh+sweep", emptied, false},
		"a token":                     {"clustermesh+sweep", "clustermesh+sweep+token", emptied, true},
		"nothing is emptied":          {"clustermesh", "clustermesh+token", orphan, false},
		"it has it already":           {"clustermesh+sweep", "clustermesh+sweep", orphan, false},
		"it has one that is not kept": {"clustermesh+sweep", "clustermesh+token", emptied, false},
		"a repair that is not there":  {"clustermesh", "clustermesh+sweep+fence", orphan, false},
		"another base":                {"handover", "handover+sweep", orphan, false},
	} {
		md, err := mode.Parse(c.to)
		require.NoError(t, err)
		before := ce(t, c.from, "convergence", c.steps...)
		repaired, changed := WithRepairs(before, md)
		require.Equal(t, c.changed, changed, name)
		if !changed {
			continue
		}
		require.Equal(t, c.to, repaired.Mode.String(), name)
		require.Equal(t, strings.Contains(c.to, "sweep") && c.steps[0].Name == mesh.WriterRestarts, Sweeps(repaired), name)
		require.False(t, strings.Contains(c.to, "token") && does(repaired, mesh.EtcdEmptied), name)
		require.Equal(t, c.steps, before.Steps, "%s: the given one stays as it is", name)
		_, err = Export(repaired)
		require.NoError(t, err, name)
	}
}
