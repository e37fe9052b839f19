package campaign

import (
	"fmt"
	"io"

	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/report"
)

// Writer writes what a campaign finds, as text or as JSON.
type Writer struct {
	Out    io.Writer
	JSON   bool
	Dir    string                   // of the corpus
	Replay func(plan string) string // the command line that runs the file of a plan
}

// What a Writer writes as JSON, one object to a line.
type (
	foundLine struct {
		report.Header
		Name    string          `json:"name"` // of its folder
		Plan    string          `json:"plan"` // the file
		Drawn   string          `json:"drawn,omitempty"`
		Finding *corpus.Finding `json:"finding"`
	}
	campaignLine struct {
		report.Header
		Seeds          int           `json:"seeds"`
		ElapsedSeconds float64       `json:"elapsedSeconds"`
		Findings       []string      `json:"findings"`
		New            []string      `json:"new"`
		State          *corpus.State `json:"state"`

		Judged []report.Judged `json:"judged,omitempty"` // what repairs tell of what the seeds broke, if it was measured
	}
	replayLine struct {
		report.Header
		Name  string `json:"name"`
		Plan  string `json:"plan"`
		Shows bool   `json:"shows"`
		Says  string `json:"says"`
	}
)

// Found tells of a new finding when it is found.
func (w *Writer) Found(e Event) error {
	path := corpus.PlanPath(w.Dir, e.Found)
	if w.JSON {
		return report.WriteLine(w.Out, foundLine{report.Head("finding"), e.Found.Name(), path, e.Kept, e.Found})
	}
	label, explained := "new", ""
	if e.Found.Cause != "" {
		label, explained = "suspected", fmt.Sprintf("          looks like %s: see testdata/findings\n", e.Found.Cause)
	}
	_, err := fmt.Fprintf(w.Out, "%-9s %s\n          by seed %d: %s\n%s          replay: %s\n", label, e.Found.Name(), e.Found.Seeds[0].Seed,
		e.Found.Sentence, explained, w.Replay(path))
	if e.Kept != "" && err == nil {
		_, err = fmt.Fprintf(w.Out, "          kept as it was drawn: %s\n", e.Kept)
	}
	return err
}

// Campaign sums up: the findings, the coverage marks, where it goes on and, if the summary has
// that, what was measured to be known.
func (w *Writer) Campaign(kept *corpus.Corpus, state *corpus.State, result Result, summary *report.Summary) error {
	if w.JSON {
		line := campaignLine{report.Head("campaign"), result.Seeds, result.Elapsed.Seconds(), []string{}, []string{}, state, summary.Judged}
		for _, finding := range kept.Findings() {
			line.Findings = append(line.Findings, finding.Name())
		}
		for _, finding := range result.New {
			line.New = append(line.New, finding.Name())
		}
		return report.WriteLine(w.Out, line)
	}
	if len(result.New) > 0 {
		fmt.Fprintln(w.Out)
	}
	explained := 0
	for _, finding := range result.New {
		if finding.Cause != "" {
			explained++
		}
	}
	_, err := fmt.Fprintf(w.Out, "%s\nseeds     %d in %.1fs: %.1f seeds/s; %d findings are new to the corpus, %d of them look like one of testdata/findings\ncorpus    %s; the next seed is %d\n",
		corpus.Summary(kept.Findings(), state), result.Seeds, result.Elapsed.Seconds(), float64(result.Seeds)/max(1e-9, result.Elapsed.Seconds()),
		len(result.New), explained, kept.Dir(), state.Next)
	if !summary.Measured || err != nil {
		return err
	}
	out := report.NewOutput(w.Out, report.Style{})
	out.Row("measured  ", "%s", report.Measured(summary.Judged, result.Seeds))
	report.WriteJudged(out, summary.Judged, summary.Replay)
	return out.Flush()
}

// Replays says of each finding whether its plan still shows it.
func (w *Writer) Replays(all []Replayed) error {
	lost := 0
	for _, r := range all {
		word := "shows"
		if !r.Shows {
			word = "LOST"
			lost++
		}
		var err error
		if w.JSON {
			err = report.WriteLine(w.Out, replayLine{report.Head("replay"), r.Finding.Name(), corpus.PlanPath(w.Dir, r.Finding), r.Shows, r.Says})
		} else {
			_, err = fmt.Fprintf(w.Out, "%-9s %s: %s\n", word, r.Finding.Name(), r.Says)
		}
		if err != nil {
			return err
		}
	}
	if w.JSON {
		return nil
	}
	text := "every one still shows"
	if lost > 0 {
		text = fmt.Sprintf("%d of them no longer show: what they found is fixed, or the plan lost it when the code around it changed", lost)
	}
	_, err := fmt.Fprintf(w.Out, "\nfindings  %d: %s\n", len(all), text)
	return err
}
