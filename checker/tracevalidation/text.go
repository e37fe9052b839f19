package tracevalidation

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/internal/text"
)

// Holds reports whether the history is a behaviour of the model. One of which a
// key could not be judged, or in which nothing changes, is not known to be.
func (v *Verdict) Holds() bool {
	return len(v.Unexplained) == 0 && len(v.Unjudged) == 0 && v.Explained > 0
}

// recordsBefore is how many lines of a history's file come before its records.
const recordsBefore = 2

// Text tells the verdict: a line, and then as many of the records that nothing
// explains as shown says, each with its line in the history's file.
func (v *Verdict) Text(shown int) string {
	var b strings.Builder
	word := "a behaviour of the model"
	switch {
	case len(v.Unexplained) > 0:
		word = "not a behaviour of the model"
	case !v.Holds():
		word = "unknown"
	}
	fmt.Fprintf(&b, "%s: explained %s of %s, in %s", word,
		text.Count(v.Explained, "change"), text.Count(v.Keys, "key"), text.Count(v.Projections, "projection"))
	for _, n := range v.Needed {
		fmt.Fprintf(&b, "\n  %d by %s: %s", n.Count, n.Name, n.What)
	}
	for _, key := range v.Unjudged {
		fmt.Fprintf(&b, "\n  %s has more than %d writes or contents and was not judged", key, most)
	}
	for _, u := range v.Unexplained[:shown] {
		fmt.Fprintf(&b, "\n  line %d: %s", u.Record+recordsBefore+1, u.Sentence)
		for _, c := range u.Candidates {
			fmt.Fprintf(&b, "\n    %s: %s", c.Action, c.Why)
		}
	}
	if more := len(v.Unexplained) - shown; more > 0 {
		fmt.Fprintf(&b, "\n  and %s with such a record", text.Count(more, "more projection"))
	}
	return b.String()
}
