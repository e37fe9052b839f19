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
	got, err := ReadOutcomes("o", text)
	require.NoError(t, err)
	require.Equal(t, o, got)
	require.Contains(t, string(text), "<p0> & so on")
	require.Equal(t, 12, strings.Count(string(text), "\n"), "one cell to a line")

	got, err = ReadOutcomes("o", []byte(strings.Replace(string(text), `"repaired"`, `"mended"`, 1)))
	require.NoError(t, err)
	require.Equal(t, o, got, "earlier names are read")
}

func TestOutcomesThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                       "o:1: the file ends in the middle of the file of outcomes",
		`{"version":7}`:           "o:1: version: the file form has version 7; a file of outcomes that this program reads has version 1",
		`{"version":1,"speed":1}`: `o:1: a file of outcomes has no field "speed"; its fields are version, code,`,
		`{"version":1,"cells":[{"mode":"crd","property":"agree","outcome":"reproduced","plan":"a.json"}]}`: "o:1: cells[0]: want an outcome with what belongs to it",
		`{"version":1,"cells":[{"mode":"crd","property":"agree","outcome":"fine"}]}`:                       "o:1: cells[0]: want an outcome with what belongs to it",
		`{"version":1,"cells":[{"mode":"crd","property":"agree","outcome":"repaired","plan":"a.json"}]}`:   "o:1: cells[0]: want an outcome with what belongs to it",
	} {
		_, err := ReadOutcomes("o", []byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
