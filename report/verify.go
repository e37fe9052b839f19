package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/internal/text"
)

// Comparison is what running a seed twice, in separate processes, showed.
type Comparison struct {
	Seed     uint64 `json:"seed"`
	Line     int    `json:"line"`     // of the histories' files, that differs first; 0: they are equal
	First    string `json:"first"`    // the first run's line
	Second   string `json:"second"`   // the second run's line
	Reruns   int    `json:"reruns"`   // runs discarded because the seed had not determined every event
	Unseeded uint64 `json:"unseeded"` // such events in the runs compared: above 0, a difference proves nothing
}

// Verification counts comparisons. The zero value is empty.
type Verification struct {
	Seeds   int           // asked for
	Elapsed time.Duration // wall time
	Note    string        // if not empty, why not all seeds were compared
	Code    *Code         // what ran; nil if that is not known

	equal    int
	reruns   int
	virtual  time.Duration
	differ   []Comparison
	unsure   []Comparison // a run was not determined by its seed, even when repeated
	failures []Failure
}

// Add counts a comparison of two runs of a length in virtual time.
func (v *Verification) Add(c Comparison, virtual time.Duration) {
	v.reruns += c.Reruns
	v.virtual += 2 * virtual
	switch {
	case c.Unseeded > 0:
		v.unsure = append(v.unsure, c)
	case c.Line > 0:
		v.differ = append(v.differ, c)
	default:
		v.equal++
	}
}

// AddFailure counts a seed of which a run failed.
func (v *Verification) AddFailure(f Failure) { v.failures = append(v.failures, f) }

// Done is how many seeds were counted, Differing how many gave two histories,
// Unsure how many could not be decided, and Failed how many gave no history.
func (v *Verification) Done() int      { return v.equal + len(v.differ) + len(v.unsure) + len(v.failures) }
func (v *Verification) Differing() int { return len(v.differ) }
func (v *Verification) Unsure() int    { return len(v.unsure) }
func (v *Verification) Failed() int    { return len(v.failures) }

// WriteText writes the differences, the failures and the totals.
func (v *Verification) WriteText(w io.Writer) error {
	out := bufio.NewWriter(w)
	bySeed := func(a, b Comparison) int { return cmp.Compare(a.Seed, b.Seed) }
	slices.SortFunc(v.differ, bySeed)
	slices.SortFunc(v.unsure, bySeed)
	slices.SortFunc(v.failures, func(a, b Failure) int { return cmp.Compare(a.Seed, b.Seed) })
	for _, c := range v.differ {
		fmt.Fprintf(out, "seed %d gave two histories, which differ first in line %d:\n  - %s\n  + %s\n", c.Seed, c.Line, orEnd(c.First), orEnd(c.Second))
	}
	for _, c := range v.unsure {
		fmt.Fprintf(out, "seed %d could not be decided: it did not determine %d events, even when run again %s\n", c.Seed, c.Unseeded, times(c.Reruns))
	}
	for _, f := range v.failures {
		fmt.Fprintf(out, "seed %d gave no history (%s): %s\n  kept in %s\n", f.Seed, f.Kind, f.Message, f.Kept)
	}
	fmt.Fprintf(out, "verify    %s of %s seeds: %s gave the same history twice, %s gave two, %s undecided, %s without a history\n",
		text.Thousands(v.Done()), text.Thousands(v.Seeds), text.Thousands(v.equal), text.Thousands(len(v.differ)), text.Thousands(len(v.unsure)), text.Thousands(len(v.failures)))
	fmt.Fprintf(out, "time      %s of virtual time in %s; runs repeated because a seed had not determined every event: %s\n",
		v.virtual.Round(time.Second), text.Rounded(v.Elapsed), text.Thousands(v.reruns))
	if v.Code != nil {
		fmt.Fprintf(out, "of        %s\n", v.Code)
	}
	if v.Note != "" {
		fmt.Fprintf(out, "note      %s\n", v.Note)
	}
	return out.Flush()
}

// orEnd shortens a line for the terminal, and names the missing line of a history
// that has ended.
func orEnd(line string) string {
	line = strings.TrimSuffix(line, "\n")
	if line == "" {
		return "(the history has ended)"
	}
	return text.Shorten(line, 400)
}

// WriteJSON writes the verification on one line.
func (v *Verification) WriteJSON(w io.Writer) error {
	return WriteLine(w, struct {
		Header
		Seeds          int          `json:"seeds"`
		Done           int          `json:"done"`
		Equal          int          `json:"equal"`
		Differ         []Comparison `json:"differ"`
		Unsure         []Comparison `json:"unsure"`
		Failures       []Failure    `json:"failures"`
		Reruns         int          `json:"reruns"`
		Code           *Code        `json:"code,omitempty"`
		Note           string       `json:"note,omitempty"`
		ElapsedSeconds float64      `json:"elapsedSeconds"`
		VirtualSeconds float64      `json:"virtualSeconds"`
	}{
		Head("verify"), v.Seeds, v.Done(), v.equal,
		append([]Comparison{}, v.differ...), append([]Comparison{}, v.unsure...), append([]Failure{}, v.failures...),
		v.reruns, v.Code, v.Note, v.Elapsed.Seconds(), v.virtual.Seconds(),
	})
}
