// Package propertytest tells properties hand-written histories.
package propertytest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// Story is a hand-written history and what one property says of it.
type Story struct {
	Name    string
	History string
	Outcome property.Outcome
	Says    []string // the sentences of the violations, or the evidence if there are none
}

// Judge judges a history by one property.
func Judge(t *testing.T, p property.Property, fragment string) property.Result {
	t.Helper()
	records, err := history.Parse(fragment)
	require.NoError(t, err)
	r := p.Check(&property.Input{Index: index.New(&history.History{Records: records}), Deadline: 10 * time.Second})
	require.Equal(t, r.Outcome == property.Fail, len(r.Violations) > 0)
	require.NotEmpty(t, r.Evidence)
	for i := range r.Violations {
		require.NotEmpty(t, r.Violations[i].Records)
		require.Contains(t, p.Rules, r.Violations[i].Rule)
	}
	return r
}

// Tell judges each story.
func Tell(t *testing.T, p property.Property, stories []Story) {
	for _, s := range stories {
		t.Run(s.Name, func(t *testing.T) {
			r := Judge(t, p, s.History)
			said := []string{r.Evidence}
			if r.Outcome == property.Fail {
				said = nil
				for i := range r.Violations {
					said = append(said, r.Violations[i].Sentence())
				}
			}
			require.Equal(t, s.Says, said)
			require.Equal(t, s.Outcome, r.Outcome)
		})
	}
}

// InTime puts the lines of a history in order of time, so that a story can be told
// after its truth.
func InTime(t testing.TB, fragment string) string {
	at := func(line string) float64 {
		seconds, err := strconv.ParseFloat(strings.Fields(line)[0], 64)
		require.NoError(t, err)
		return seconds
	}
	lines := slices.DeleteFunc(strings.Split(fragment, "\n"), func(line string) bool { return line == "" })
	slices.SortStableFunc(lines, func(a, b string) int { return cmp.Compare(at(a), at(b)) })
	return strings.Join(lines, "\n")
}
