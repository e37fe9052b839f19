package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/planted"
	"github.com/meshcheck/meshcheck/report"
)

// plantedRow is what came of one bug.
type plantedRow struct {
	bug     *planted.Bug
	worker  string // path
	result  planted.Result
	elapsed time.Duration   // of the hunt, in wall time
	failure *report.Failure // of the first seed whose worker failed; nil if none did
	shrunk  *report.Shrunk  // nil if it was not shrunk
}

// plantedTable writes the rows as they come, and what they have in common.
type plantedTable struct {
	console *console
	flags   *plantedFlags
	bugs    []chosen
	rows    []*plantedRow
}

func (t *plantedTable) add(row *plantedRow) error {
	t.rows = append(t.rows, row)
	if t.flags.out != "" && row.result.Caught {
		if err := files.Write(t.flags.file(row), row.plan().Encode()); err != nil {
			return err
		}
	}
	if t.flags.json {
		return t.console.writeLine(row.form())
	}
	out, width := t.console.stdout, len("bug")
	for _, bug := range t.bugs {
		width = max(width, len(bug.Name))
	}
	if len(t.rows) == 1 {
		fmt.Fprintf(out, "%-*s  %-6s  %5s  %8s  %s\n", width, "bug", "caught", "seeds", "after", "shrunk to")
	}
	caught, after := "NO", "-"
	if row.result.Caught {
		caught, after = "yes", fmt.Sprintf("%.1fs", row.result.Violation.At.Seconds())
	}
	fmt.Fprintf(out, "%-*s  %-6s  %5d  %8s  %s\n", width, row.bug.Name, caught, row.result.Seeds, after, cmp.Or(row.size(), "-"))
	for _, line := range t.details(row) {
		if _, err := fmt.Fprintf(out, "    %-8s %s\n", line[0], line[1]); err != nil {
			return err
		}
	}
	return nil
}

// size tells how small the plan became.
func (r *plantedRow) size() string {
	if r.shrunk == nil {
		return ""
	}
	after := r.shrunk.After
	noun := "decisions"
	if after.Decisions() == 1 {
		noun = "decision"
	}
	text := fmt.Sprintf("%d %s (faults %d, ops %d, pods %d), agents %d, replicas %d; %.0f s, %d runs",
		after.Decisions(), noun, after.Faults, after.Ops, after.Pods, after.Agents, after.Replicas, r.shrunk.Elapsed.Seconds(), r.shrunk.Runs)
	if !r.shrunk.Minimal {
		text += "; " + r.shrunk.Note
	}
	return text
}

// details are the lines below a row, each with a word that names it.
func (t *plantedTable) details(row *plantedRow) (lines [][2]string) {
	r := row.result
	if r.Known > 0 {
		lines = append(lines, [2]string{"known", fmt.Sprintf("%d of the seeds break %s without the bug too, which is no catch", r.Known, row.bug.Finding())})
	}
	if first := row.failure; first != nil {
		lines = append(lines, [2]string{"failed", fmt.Sprintf("%d of the seeds gave no history; seed %d (%s): %s; its plan and output are kept in %s",
			len(r.Failed), first.Seed, first.Kind, first.Message, first.Kept)})
	}
	if !r.Caught {
		return append(lines, [2]string{"wanted", fmt.Sprintf("%s with a sentence that matches %q", row.bug.Finding(), row.bug.Catch.Says)})
	}
	lines = append(lines, [2]string{"by", row.bug.Finding().String() + ": " + row.sentence()})
	if row.shrunk != nil && row.shrunk.Replays == report.Differs {
		lines = append(lines, [2]string{"replays", "NO: another process gave another history of the shrunk plan; this is an error of the harness"})
	}
	if args := t.replay(row); args != nil {
		lines = append(lines, [2]string{"replay", commandLine(t.console.name, args)})
	}
	return lines
}

// sentence is the violation of the smallest plan that is known.
func (r *plantedRow) sentence() string {
	if r.shrunk != nil {
		if violation, shown := r.bug.By(r.shrunk.Run.Verdict); shown {
			return violation.Sentence
		}
	}
	return r.result.Violation.Sentence
}

// replay is the command line that runs what caught the bug: the plan if it was
// written, else the seed. A bug with a plan of its own has no seed that simrun -seed
// takes.
func (t *plantedTable) replay(r *plantedRow) (args []string) {
	seed := strconv.FormatUint(r.result.Seed, 10)
	switch family := r.bug.Hunt.Family; {
	case t.flags.out != "":
		args = []string{"-plan", t.flags.file(r)}
	case family == planted.Swarm:
		args = []string{"-seed", seed}
	case family != "":
		args = []string{"-scenario", family, "-seed", seed}
	default:
		return nil
	}
	return append(args, "-worker", r.worker)
}

// status is the exit status.
func (t *plantedTable) status() int {
	status := statusHold
	for _, row := range t.rows {
		if row.shrunk != nil && row.shrunk.Replays == report.Differs {
			return statusHarness
		}
		if !row.result.Caught {
			status = statusBroken
		}
	}
	return status
}

// finish sums up.
func (t *plantedTable) finish() error {
	var seeds, decisions []int
	var seconds []float64
	for _, row := range t.rows {
		if row.result.Caught {
			seeds = append(seeds, row.result.Seeds)
		}
		if row.shrunk != nil {
			decisions = append(decisions, row.shrunk.After.Decisions())
			seconds = append(seconds, row.shrunk.Elapsed.Seconds())
		}
	}
	if t.flags.json {
		return t.console.writeLine(plantedSumLine{header("planted"), len(t.rows), len(seeds), median(seeds), highest(seeds), median(decisions), median(seconds)})
	}
	if len(t.rows) == 0 {
		return nil
	}
	text := fmt.Sprintf("\nbugs      %d: %d caught", len(t.rows), len(seeds))
	if len(seeds) > 0 {
		text += fmt.Sprintf("; seeds to catch one: median %v, most %d", median(seeds), highest(seeds))
	}
	if len(decisions) > 0 {
		text += fmt.Sprintf("\nshrunk    %d: median %v decisions, %.0f s", len(decisions), median(decisions), median(seconds))
	}
	_, err := fmt.Fprintln(t.console.stdout, text)
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

// What planted writes as JSON.
type (
	plantedLine struct {
		lineHeader
		Name     string          `json:"name"`
		Upstream string          `json:"upstream,omitempty"`
		Finding  checker.Finding `json:"finding"` // that must catch it
		Caught   bool            `json:"caught"`
		Seeds    int             `json:"seeds"` // up to the one that catches it, or all of the budget
		Known    int             `json:"known"`
		Failed   int             `json:"failed"`
		Elapsed  float64         `json:"elapsedSeconds"` // of the hunt
		Worker   string          `json:"worker"`

		// Of a bug that is caught.
		Seed         uint64          `json:"seed"`
		AfterSeconds float64         `json:"afterSeconds"` // of virtual time, with the seed's plan
		Sentence     string          `json:"sentence,omitempty"`
		Plan         json.RawMessage `json:"plan,omitempty"` // as small as it is known
		Shrunk       *plantedShrunk  `json:"shrunk,omitempty"`
	}
	plantedShrunk struct {
		Decisions int `json:"decisions"`
		shrink.Size
		Elapsed float64        `json:"elapsedSeconds"`
		Runs    int            `json:"runs"`
		Minimal bool           `json:"minimal"`
		Replays report.Replays `json:"replays"`
	}
	plantedSumLine struct {
		lineHeader
		Bugs            int     `json:"bugs"`
		Caught          int     `json:"caught"`
		MedianSeeds     float64 `json:"medianSeeds"`
		MostSeeds       int     `json:"mostSeeds"`
		MedianDecisions float64 `json:"medianDecisions"`
		MedianSeconds   float64 `json:"medianShrinkSeconds"`
	}
)

func (r *plantedRow) form() plantedLine {
	line := plantedLine{
		lineHeader: header("planted-bug"), Name: r.bug.Name, Upstream: r.bug.Upstream, Finding: r.bug.Finding(),
		Caught: r.result.Caught, Seeds: r.result.Seeds, Known: r.result.Known, Failed: len(r.result.Failed),
		Elapsed: r.elapsed.Seconds(), Worker: r.worker,
	}
	if !r.result.Caught {
		return line
	}
	line.Seed, line.AfterSeconds, line.Sentence = r.result.Seed, r.result.Violation.At.Seconds(), r.sentence()
	line.Plan = json.RawMessage(r.plan().Line())
	if s := r.shrunk; s != nil {
		line.Shrunk = &plantedShrunk{s.After.Decisions(), s.After, s.Elapsed.Seconds(), s.Runs, s.Minimal, s.Replays}
	}
	return line
}

// plan is the smallest plan that is known to show the bug.
func (r *plantedRow) plan() *fault.Plan {
	if r.shrunk != nil {
		return r.shrunk.Run.Plan
	}
	return r.result.Plan
}
