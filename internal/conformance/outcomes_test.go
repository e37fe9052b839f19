package conformance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mesh"
)

func TestOutcomesAreReadBack(t *testing.T) {
	o := &Outcomes{
		Version: OutcomesVersion, Code: map[string]string{"cilium": "v1.20.2"}, Bounds: mesh.Default, Seeds: "1-5",
		Cells: []Cell{
			{Mode: "clustermesh", Property: "agree", Steps: 2, Outcome: Reproduced, Plan: "a.json", Runs: 5, Broke: []uint64{1, 2}, Sentence: "<p0> & so on"},
			{Mode: "clustermesh", Property: "owner", Steps: 6, Outcome: Refuted, Plan: "b.json", Runs: 4, Sentence: "held"},
			{Mode: "crd", Property: "agree", Steps: 1, Outcome: Inexpressible, Because: "there is none"},
			{Mode: "clustermesh+token", Property: "owner", Of: "clustermesh", Steps: 6, Outcome: Repaired, Plan: "c.json", Runs: 5, Sentence: "held"},
		},
	}
	text := o.Encode()
	got, err := ReadOutcomes(text)
	require.NoError(t, err)
	require.Equal(t, o, got)
	require.Contains(t, string(text), "<p0> & so on")
	require.Equal(t, 12, strings.Count(string(text), "\n"), "one cell to a line")

	got, err = ReadOutcomes([]byte(strings.Replace(string(text), `"repaired"`, `"mended"`, 1)))
	require.NoError(t, err)
	require.Equal(t, o, got, "earlier names are read")
}

func TestOutcomesThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                       "outcomes: unexpected EOF",
		`{"version":7}`:           "outcomes: version 7, this program reads version 1",
		`{"version":1,"speed":1}`: `outcomes: json: unknown field "speed"`,
		`{"version":1,"cells":[{"mode":"crd","property":"agree","outcome":"reproduced","plan":"a.json"}]}`: "outcomes: agree in mode crd: want an outcome with what belongs to it",
		`{"version":1,"cells":[{"mode":"crd","property":"agree","outcome":"fine"}]}`:                       "outcomes: agree in mode crd: want an outcome with what belongs to it",
		`{"version":1,"cells":[{"mode":"crd","property":"agree","outcome":"repaired","plan":"a.json"}]}`:   "outcomes: agree in mode crd: want an outcome with what belongs to it",
	} {
		_, err := ReadOutcomes([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
