package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/planted"
	"github.com/meshcheck/meshcheck/report"
)

// plantedRow is what came of one bug.
type plantedRow struct {
	bug     *planted.Bug
	worker  string // path
	result  planted.Result
	elapsed time.Duration  // of the hunt, in wall time
	shrunk  *report.Shrunk // nil if it was not shrunk
}

// plantedTable writes the rows as they come, and what they have in common.
type plantedTable struct {
	console *console
	flags   *plantedFlags
	bugs    []chosen
	rows    []*plantedRow
}

// The table's columns.
const (
	plantedHead = "%-*s  %-6s  %5s  %8s  %s\n"
	plantedLine = "%-*s  %-6s  %5d  %8s  %s\n"
)

func (t *plantedTable) add(row *plantedRow) error {
	t.rows = append(t.rows, row)
	if t.flags.json {
		return t.console.writeLine(row.form())
	}
	out, width := t.console.stdout, len("bug")
	for _, bug := range t.bugs {
		width = max(width, len(bug.Name))
	}
	if len(t.rows) == 1 {
		fmt.Fprintf(out, plantedHead, width, "bug", "caught", "seeds", "after", "shrunk to")
	}
	caught, after := "NO", "-"
	if row.result.Caught {
		caught, after = "yes", fmt.Sprintf("%.1fs", row.result.Violation.At.Seconds())
	}
	fmt.Fprintf(out, plantedLine, width, row.bug.Name, caught, row.result.Seeds, after, cmp.Or(row.size(), "-"))
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
	text := fmt.Sprintf("%d decisions (faults %d, ops %d, pods %d), agents %d, replicas %d; %.0f s, %d runs",
		after.Decisions(), after.Faults, after.Ops, after.Pods, after.Agents, after.Replicas, r.shrunk.Elapsed.Seconds(), r.shrunk.Runs)
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
	if r.Failed > 0 {
		lines = append(lines, [2]string{"failed", fmt.Sprintf("%d of the seeds gave no history", r.Failed)})
	}
	if !r.Caught {
		return append(lines, [2]string{"wanted", fmt.Sprintf("%s with a sentence that matches %q", row.bug.Finding(), row.bug.Catch.Says)})
	}
	lines = append(lines, [2]string{"by", row.bug.Finding().String() + ": " + row.sentence()})
	if row.shrunk != nil && row.shrunk.Replays == report.Differs {
		lines = append(lines, [2]string{"replays", "NO: another process gave another history of the shrunk plan; this is an error of the harness"})
	}
	return append(lines, [2]string{"replay", commandLine(t.console.name, row.replay())})
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

// replay is the command line that runs the seed which caught the bug; none for a
// plan of the bug's own, which JSON has.
func (r *plantedRow) replay() []string {
	args := []string{"-seed", strconv.FormatUint(r.result.Seed, 10), "-worker", r.worker}
	if family := r.bug.Hunt.Family; family != planted.Swarm {
		args = append([]string{"-scenario", family}, args...)
	}
	return args
}

// status is the exit status.
func (t *plantedTable) status() int {
	for _, row := range t.rows {
		if !row.result.Caught {
			return statusBroken
		}
		if row.shrunk != nil && row.shrunk.Replays == report.Differs {
			return statusHarness
		}
	}
	return statusHold
}
