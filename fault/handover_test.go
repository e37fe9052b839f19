package fault

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mode"
)

func TestHandoverOptions(t *testing.T) {
	p, err := Read("p.json", []byte(withServices))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		edit func(*Plan)
		says string
	}{
		"a policy":           {func(p *Plan) { p.Options.Handover = mode.ByMerge }, ""},
		"another time":       {func(p *Plan) { p.Options.HandoverAfter = 5_000_000_000 }, ""},
		"no such policy":     {func(p *Plan) { p.Options.Handover = "both" }, `options.handover: found "both"; want one of "cutover", "merge", "precedence"`},
		"at once":            {func(p *Plan) { p.Options.HandoverAfter = 1 }, "options.handoverAfter: found 1ns; want 1s to 600s, or nothing for 30s"},
		"in another mode":    {func(p *Plan) { p.Mode, p.Options.Handover = string(mode.CRD), mode.ByMerge }, "options.handover: in the mode crd agents have one source; want the mode handover, or no policy"},
		"a time in another":  {func(p *Plan) { p.Mode, p.Options.HandoverAfter = string(mode.CRD), 5_000_000_000 }, "options.handoverAfter: in the mode crd agents have one source; want the mode handover, or no time"},
		"discovery in there": {func(p *Plan) { p.Options.Discovery = mode.ByDialer }, "options.discovery: in the mode handover agents have no choice of how to find replicas; want the mode clustermesh, or no discovery"},
	} {
		plan := Project(p, string(mode.Handover))
		c.edit(plan)
		if err := plan.Validate(); c.says == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, c.says, name)
		}
	}
	require.Empty(t, Project(Project(p, "handover/merge"), string(mode.CRD)).Options.Handover)
	require.Equal(t, mode.ByMerge, Project(p, "handover/merge").Options.Handover)
}
