package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/det"
)

func TestRepair(t *testing.T) {
	gone := deleted(2)
	orphan := []mesh.Step{befalls(mesh.WriterRestarts, 0), gone, befalls(mesh.WriterListsNow, 0), delivers(1, gone)}
	behind := []mesh.Step{restarts(0), connects(0, 1)}
	emptied := []mesh.Step{gone, befalls(mesh.EtcdEmptied, 0), delivers(1, gone), befalls(mesh.ReplicaStarts, 0)}
	for name, c := range map[string]struct {
		from, to string
		steps    []mesh.Step
		changed  bool
		edits    string
	}{
		"a sweep":                     {"clustermesh", "clustermesh+sweep", orphan, true, "sweep"},
		"a sweep, another repair too": {"clustermesh+token", "clustermesh+sweep+token", orphan, true, "sweep"},
		"nothing to sweep":            {"clustermesh", "clustermesh+sweep", emptied, false, ""},
		"a token":                     {"clustermesh+sweep", "clustermesh+sweep+token", emptied, true, ""},
		"nothing is emptied":          {"clustermesh", "clustermesh+token", orphan, false, ""},
		"it has it already":           {"clustermesh+sweep", "clustermesh+sweep", orphan, false, ""},
		"it has one that is not kept": {"clustermesh+sweep", "clustermesh+token", emptied, false, ""},
		"a fence that is kept":        {"clustermesh", "clustermesh+fence+kept", behind, true, "fence"},
		"a fence, and a sweep":        {"clustermesh", "clustermesh+sweep+fence+kept", append(slices.Clone(orphan), behind...), true, "fence sweep"},
		"nobody connects":             {"clustermesh", "clustermesh+fence+kept", orphan, false, ""},
		"a fence that is not kept":    {"clustermesh", "clustermesh+fence", behind, true, "fence-without-kept"},
		"one that is, and was not":    {"clustermesh+fence", "clustermesh+fence+kept", behind, true, "fence"},
		"it is kept over nothing":     {"clustermesh+fence", "clustermesh+fence+kept", behind[1:], false, ""},
		"a repair that is not there":  {"clustermesh", "clustermesh+sweep+heartbeat", orphan, false, ""},
		"another base":                {"handover", "handover+sweep", orphan, false, ""},
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
		require.Equal(t, c.edits, strings.Join(Edits(repaired), " "), name)
		require.False(t, strings.Contains(c.to, "token") && does(repaired, mesh.EtcdEmptied), name)
		require.Equal(t, c.steps, before.Steps, "%s: the given one stays as it is", name)
		_, err = Export(repaired)
		require.NoError(t, err, name)
	}
}

// The edits of the harness are what has the world's agents keep a fence over their restarts: without kept, nothing
// else of the repair is missing.
func TestPlantOfAFenceThatIsForgotten(t *testing.T) {
	kept, err := Plant([]string{"fence", "sweep"})
	require.NoError(t, err)
	forgets, err := Plant([]string{"fence-without-kept", "sweep"})
	require.NoError(t, err)
	here := func(e det.SourceEdit) bool { return strings.HasPrefix(e.Module, "github.com/meshcheck/") }
	require.True(t, slices.ContainsFunc(kept.Edits, here))
	require.Equal(t, slices.DeleteFunc(kept.Edits, here), forgets.Edits)
}
