package conformance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/model/mesh"
)

func TestOutcomesAreReadBack(t *testing.T) {
	o := &Outcomes{
		Version: OutcomesVersion, Code: map[string]string{"cilium": "v1.20.2"}, Bounds: mesh.Default, Seeds: "1-5",
		Cells: []Cell{
			{Mode: "clustermesh", Property: "agree", Steps: 2, Outcome: Reproduced, Plan: "a.json", Runs: 5, Broke: []uint64{1, 2}, Sentence: "<p0> & so on", Seed: 1, Did: []Did{{"1.000s", 3, "a"}, {"2.000s", 9, "b"}}},
			{Mode: "clustermesh", Property: "owner", Steps: 6, Outcome: Refuted, Plan: "b.json", Runs: 4, Sentence: "held"},
			{Mode: "crd", Property: "agree", Steps: 1, Outcome: Inexpressible, Because: "there is none"},
			{Mode: "clustermesh+token", Property: "owner", Of: "clustermesh", Steps: 6, Outcome: Repaired, Plan: "c.json", Runs: 5, Sentence: "held"},
		},
	}
	text := o.Encode()
	got := new(Outcomes)
	form := strictjson.Form{What: "file of outcomes", Version: OutcomesVersion}
	require.NoError(t, strictjson.Read("o", text, got, form, nil))
	require.Equal(t, o, got)
	require.Contains(t, string(text), "<p0> & so on")
	require.Equal(t, 12, strings.Count(string(text), "\n"), "one cell to a line")
}
