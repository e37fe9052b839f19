package planted

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
)

// Table writes what came of bugs as it is known, and what they have in common, as text
// or as JSON, one object a line.
type Table struct {
	Out  io.Writer
	JSON bool
	Bugs []*Bug // all that will be added
	// Replay returns the command line that shows a bug which was caught, or nothing.
	Replay func(*Trial) string

	trials []*Trial
}

// Add writes what came of a bug.
func (t *Table) Add(trial *Trial) error {
	t.trials = append(t.trials, trial)
	if t.JSON {
		return report.WriteLine(t.Out, trial.form())
	}
	width := len("bug")
	for _, bug := range t.Bugs {
		width = max(width, len(bug.Name))
	}
	if len(t.trials) == 1 {
		fmt.Fprintf(t.Out, "%-*s  %-6s  %5s  %8s  %s\n", width, "bug", "caught", "seeds", "after", "shrunk to")
	}
	caught, after := "NO", "-"
	if trial.Caught {
		caught, after = "yes", fmt.Sprintf("%.1fs", trial.Violation.At.Seconds())
	}
	fmt.Fprintf(t.Out, "%-*s  %-6s  %5d  %8s  %s\n", width, trial.Bug.Name, caught, trial.Seeds, after, cmp.Or(trial.size(), "-"))
	for _, line := range t.details(trial) {
		if _, err := fmt.Fprintf(t.Out, "    %-8s %s\n", line[0], line[1]); err != nil {
			return err
		}
	}
	return nil
}

// size tells how small the plan became.
func (t *Trial) size() string {
	if t.Shrunk == nil {
		return ""
	}
	after := t.Shrunk.After
	text := fmt.Sprintf("%s (faults %d, ops %d, pods %d), agents %d, replicas %d; %.0f s, %d runs",
		text.Count(after.Decisions(), "decision"), after.Faults, after.Ops, after.Pods, after.Agents, after.Replicas, t.Shrunk.Elapsed.Seconds(), t.Shrunk.Runs)
	if !t.Shrunk.Minimal {
		text += "; " + t.Shrunk.Note
	}
	return text
}

// details are the lines below a row, each with a word that names it.
func (t *Table) details(trial *Trial) (lines [][2]string) {
	add := func(word, format string, args ...any) {
		lines = append(lines, [2]string{word, fmt.Sprintf(format, args...)})
	}
	finding := trial.Bug.Finding()
	if trial.Known > 0 {
		add("known", "%d of the seeds break %s without the bug too, which is no catch", trial.Known, finding)
	}
	if len(trial.Taken) > 0 {
		first := trial.Taken[0]
		add("taken", "%d of the seeds break %s only with the bug, but perhaps by chance; seed %d: %s", len(trial.Taken), finding, first.Seed, first.says(first.Mechanism))
	}
	if first := trial.Failure; first != nil {
		add("failed", "%d of the seeds gave no history; seed %d (%s): %s; its plan and output are kept in %s",
			len(trial.Failed), first.Seed, first.Kind, first.Message, first.Kept)
	}
	if !trial.Caught {
		add("wanted", "%s", &trial.Bug.Catch)
		return lines
	}
	add("by", "%s: %s", finding, trial.sentence())
	if trial.Measured != nil {
		add("measured", "%s", trial.Measured.says(trial.Violation.Cause.Name()))
	}
	if trial.Differs() {
		add("replays", "NO: another process gave another history of the shrunk plan; this is an error of the harness")
	}
	if command := t.Replay(trial); command != "" {
		add("replay", "%s", command)
	}
	return lines
}

// Finish sums up.
func (t *Table) Finish() error {
	var seeds, decisions []int
	var seconds []float64
	for _, trial := range t.trials {
		if trial.Caught {
			seeds = append(seeds, trial.Seeds)
		}
		if trial.Shrunk != nil {
			decisions = append(decisions, trial.Shrunk.After.Decisions())
			seconds = append(seconds, trial.Shrunk.Elapsed.Seconds())
		}
	}
	sum := Sum{report.Head("planted"), len(t.trials), len(seeds), median(seeds), highest(seeds), median(decisions), median(seconds)}
	if t.JSON {
		return report.WriteLine(t.Out, sum)
	}
	if sum.Bugs == 0 {
		return nil
	}
	text := fmt.Sprintf("\nbugs      %d: %d caught", sum.Bugs, sum.Caught)
	if len(seeds) > 0 {
		text += fmt.Sprintf("; seeds to catch one: median %v, most %d", sum.MedianSeeds, sum.MostSeeds)
	}
	if len(decisions) > 0 {
		text += fmt.Sprintf("\nshrunk    %d: median %v decisions, %.0f s", len(decisions), sum.MedianDecisions, sum.MedianSeconds)
	}
	_, err := fmt.Fprintln(t.Out, text)
	return err
}

// median is the middle of some numbers, or of the two in the middle; zero of none.
func median[N int | float64](numbers []N) float64 {
	if len(numbers) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(numbers))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return float64(sorted[half])
	}
	return (float64(sorted[half-1]) + float64(sorted[half])) / 2
}

func highest(numbers []int) int {
	if len(numbers) == 0 {
		return 0
	}
	return slices.Max(numbers)
}

// The objects that a Table writes as JSON.
type (
	Line struct {
		report.Header
		Name     string          `json:"name"`
		Upstream string          `json:"upstream,omitempty"`
		Finding  checker.Finding `json:"finding"` // that must catch it
		Caught   bool            `json:"caught"`
		Seeds    int             `json:"seeds"` // up to the one that catches it, or all of the budget
		Known    int             `json:"known"`
		Taken    []Taken         `json:"taken,omitempty"`
		Failed   int             `json:"failed"`
		Elapsed  float64         `json:"elapsedSeconds"` // of the hunt
		Worker   string          `json:"worker"`

		// Of a bug that is caught.
		Seed         uint64          `json:"seed"`
		AfterSeconds float64         `json:"afterSeconds"`       // of virtual time, with the seed's plan
		Measured     *Measured       `json:"measured,omitempty"` // if what it breaks looks like a finding
		Sentence     string          `json:"sentence,omitempty"`
		Plan         json.RawMessage `json:"plan,omitempty"` // as small as it is known
		Shrunk       *ShrunkLine     `json:"shrunk,omitempty"`
	}
	ShrunkLine struct {
		Decisions int `json:"decisions"`
		shrink.Size
		Elapsed float64        `json:"elapsedSeconds"`
		Runs    int            `json:"runs"`
		Minimal bool           `json:"minimal"`
		Replays report.Replays `json:"replays"`
	}
	Sum struct {
		report.Header
		Bugs            int     `json:"bugs"`
		Caught          int     `json:"caught"`
		MedianSeeds     float64 `json:"medianSeeds"`
		MostSeeds       int     `json:"mostSeeds"`
		MedianDecisions float64 `json:"medianDecisions"`
		MedianSeconds   float64 `json:"medianShrinkSeconds"`
	}
)

func (t *Trial) form() Line {
	line := Line{
		Header: report.Head("planted-bug"), Name: t.Bug.Name, Upstream: t.Bug.Upstream, Finding: t.Bug.Finding(),
		Caught: t.Caught, Seeds: t.Seeds, Known: t.Known, Taken: t.Taken, Failed: len(t.Failed),
		Elapsed: t.Elapsed.Seconds(), Worker: t.Worker,
	}
	if !t.Caught {
		return line
	}
	line.Seed, line.AfterSeconds, line.Sentence = t.Seed, t.Violation.At.Seconds(), t.sentence()
	line.Measured = t.Measured
	line.Plan = json.RawMessage(t.Smallest().Line())
	if s := t.Shrunk; s != nil {
		line.Shrunk = &ShrunkLine{s.After.Decisions(), s.After, s.Elapsed.Seconds(), s.Runs, s.Minimal, s.Replays}
	}
	return line
}
