package conformance

import (
	"math"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every story has the same outcome in simnet as in Linux: the same words in the same order, at
// the same instants but for what the story allows.
func TestAsLinux(t *testing.T) {
	golden, err := ReadGolden("golden.json")
	require.NoError(t, err)
	require.Len(t, golden.Stories, len(Stories), "the stories have changed: record them again")
	for _, story := range Stories {
		t.Run(story.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, done := Simulated()
				got := Play(network, story)
				done()
				want := golden.Stories[story.Name]
				require.Equal(t, words(want), words(got))
				for i, o := range got {
					assert.LessOrEqual(t, math.Abs(o.At-want[i].At), story.Within.Seconds(), "%s: at %.3f s, and in Linux at %.3f s", o.What, o.At, want[i].At)
				}
			})
		})
	}
}

// words are what was observed, without the instants.
func words(all []Observation) (lines []string) {
	for _, o := range all {
		lines = append(lines, o.What+": "+o.Result)
	}
	return lines
}
